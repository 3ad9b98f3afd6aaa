"""What this package needs of a request head."""

from typing import Protocol


class Head(Protocol):
    """A request head, checked by whoever parsed it. `method` and `target` are the bytes that the client sent."""

    @property
    def method(self) -> bytes: ...

    @property
    def target(self) -> bytes: ...

    def header(self, name: bytes) -> bytes | None:
        """The value of the first field called `name` (lower case), without blanks around it, or None."""
        ...
