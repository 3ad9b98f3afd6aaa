"""A request head without a parser."""

from dataclasses import dataclass, field


@dataclass
class FakeHead:
    method: bytes = b"GET"
    target: bytes = b"/bucket/key"
    fields: dict[bytes, bytes] = field(default_factory=dict)

    def header(self, name: bytes) -> bytes | None:
        return self.fields.get(name)
