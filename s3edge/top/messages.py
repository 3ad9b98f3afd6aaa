"""Server-sent events, as the HTML standard has them ("Server-sent events", 9.2.6), from the bytes of a stream."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

# Bytes. A frame with 500 flows, all with keys as long and as strange as S3 allows, has about 4 MB.
LONGEST: Final = 8 * 2**20


class TooLongError(ValueError):
    """A message has no end within LONGEST bytes."""


@dataclass(frozen=True, slots=True)
class Message:
    """`kind` is the field `event`, and `message` if it has none; `id` is the last one that the stream has given."""

    kind: str
    data: str
    id: str


class Messages:
    """Takes a stream in pieces of any size. Lines end with LF or CR LF; a lone CR, which nobody sends, ends none."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._seen = 0  # bytes of `_rest` that hold no end of a line
        self._length = 0  # of the message so far
        self._id = ""
        self._kind = ""
        self._data: list[str] = []

    def feed(self, piece: bytes) -> Iterator[Message]:
        """The messages that end with this piece. Raises TooLongError."""
        self._rest += piece
        start = 0
        while (end := self._rest.find(b"\n", max(start, self._seen))) >= 0:
            line = self._rest[start:end].removesuffix(b"\r").decode("utf-8", "replace")
            self._length += end - start
            start = end + 1
            if line:
                self._take(line)
            elif (message := self._ended()) is not None:
                yield message
        del self._rest[:start]
        self._seen = len(self._rest)
        if self._length + self._seen > LONGEST:
            raise TooLongError(f"a message has more than {LONGEST} bytes")

    def _take(self, line: str) -> None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._kind = value
        elif name == "id" and "\0" not in value:
            self._id = value

    def _ended(self) -> Message | None:
        kind, data = self._kind or "message", self._data
        self._kind, self._data, self._length = "", [], 0
        return Message(kind, "\n".join(data), self._id) if data else None
