"""The pipes that spliced bodies go through."""

import errno
import fcntl
import os
from typing import Final

# Room for one pipe, the most that Linux gives without privileges (fs.pipe-max-size). Measured with 8 MiB bodies:
# 512 KiB costs a twentieth more, the default of 64 KiB twice as much.
CAPACITY: Final = 1024 * 1024
# A pipe with less room makes a body dearer than moving it without one. A user whose share is used up
# (fs.pipe-user-pages-soft) gets pipes of 8 KiB: measured with 64 MiB bodies, they cost twice as much as none.
LEAST: Final = 64 * 1024
# Empty pipes kept for the next body; more flows than this at once open and close their own.
_KEPT: Final = 64


class Pipe:
    """A pipe's two ends, the room in it, and how much of that bytes take up."""

    __slots__ = ("inside", "read_fd", "room", "write_fd")

    def __init__(self, read_fd: int, write_fd: int, room: int) -> None:
        self.read_fd = read_fd
        self.write_fd = write_fd
        self.room = room
        self.inside = 0


class Pipes:
    """The pipes of one worker, of `capacity` bytes if the system allows that; `open` counts those that exist."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self.open = 0
        self._capacity = capacity
        self._idle: list[Pipe] = []
        self._spare = 0  # the fewest that were idle at once since the last `trim`

    def take(self, least: int = 0) -> Pipe:
        """An empty pipe with room for `least` bytes; raises OSError when the system has none left to give."""
        if self._idle:
            pipe = self._idle.pop()
            self._spare = min(self._spare, len(self._idle))
            return pipe
        read_fd, write_fd = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self.open += 1
        try:
            room = fcntl.fcntl(write_fd, fcntl.F_SETPIPE_SZ, self._capacity)
        except OSError:  # beyond the user's share: the pipe works, with the size it has
            room = fcntl.fcntl(write_fd, fcntl.F_GETPIPE_SZ)
        pipe = Pipe(read_fd, write_fd, room)
        if room < least:
            self._close(pipe)
            raise OSError(errno.ENOBUFS, os.strerror(errno.ENOBUFS))
        return pipe

    def give_back(self, pipe: Pipe) -> None:
        """Keep an empty pipe for the next body; close a small one, and one that still holds bytes of this body."""
        if pipe.inside or pipe.room < LEAST or len(self._idle) >= _KEPT:
            self._close(pipe)
        else:
            self._idle.append(pipe)

    def trim(self) -> None:
        """Close the pipes that no body has needed since the last call: a rush does not hold its pipes for ever."""
        for pipe in self._idle[: self._spare]:
            self._close(pipe)
        del self._idle[: self._spare]
        self._spare = len(self._idle)

    def close(self) -> None:
        """Close the idle pipes."""
        while self._idle:
            self._close(self._idle.pop())

    def _close(self, pipe: Pipe) -> None:
        self.open -= 1
        os.close(pipe.read_fd)
        os.close(pipe.write_fd)
