"""Moving a body while keeping what went on, so that it can be sent again to another node."""

from typing import Final, TypeVar

from s3edge.http1.body import Body
from s3edge.transport.connection import Connection, Head
from s3edge.transport.transfer import Relay

# What all bodies that are kept may take of a worker's memory together: 64 of the largest, by default.
ROOM: Final = 64 * 1024 * 1024

S = TypeVar("S", bound=Head)
T = TypeVar("T", bound=Head)


class Room:
    """The memory that the kept bodies of a worker share, in bytes; `used` of it is taken."""

    __slots__ = ("_size", "used")

    def __init__(self, size: int = ROOM) -> None:
        self._size = size
        self.used = 0

    def take(self, size: int) -> bool:
        """Whether `size` more bytes may be kept; then they count as taken."""
        if self.used + size > self._size:
            return False
        self.used += size
        return True

    def give_back(self, size: int) -> None:
        """So many bytes are kept no longer."""
        self.used -= size


class Kept:
    """The beginning of a body, all that went on of it."""

    __slots__ = ("_limit", "_parts", "_room", "_size")

    def __init__(self, limit: int, room: Room) -> None:
        self._parts: list[bytes] | None = []  # joined only when they are needed, which is rare
        self._size = 0
        self._limit = limit
        self._room = room

    @property
    def is_all(self) -> bool:
        """Whether all that went on is kept; asked for each upload, and so not by joining it."""
        return self._parts is not None

    @property
    def data(self) -> bytes | None:
        """What is kept; None once it was more than may be, or was forgotten."""
        return None if self._parts is None else b"".join(self._parts)

    def add(self, data: bytes | memoryview) -> None:
        """Keep these bytes as well, or nothing any more if that would be too much."""
        if self._parts is None:
            return
        size = len(data)
        if self._size + size <= self._limit and self._room.take(size):
            self._parts.append(bytes(data))  # no copy of what is bytes
            self._size += size
        else:
            self.forget()

    def forget(self) -> None:
        """Give the memory back; once more does nothing."""
        if self._parts is not None:
            self._room.give_back(self._size)
            self._parts = None


class Recording(Relay):
    """A relay that keeps what it moves."""

    __slots__ = ("_kept",)

    def __init__(self, source: Connection[S], sink: Connection[T], body: Body, limit: float, kept: Kept) -> None:
        super().__init__(source, sink, body, limit)
        self._kept = kept

    def feed(self, data: memoryview | bytes) -> None:
        """See `Inflow`: one copy serves to keep the bytes and to write them."""
        super().feed(bytes(data))

    def take(self, data: bytes | memoryview) -> int:
        """See `Relay`."""
        size = super().take(data)
        if size:
            self._kept.add(data[:size])
        return size
