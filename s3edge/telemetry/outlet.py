"""Where lines go that a program reads: a file that other processes append to as well, or standard output.

Lines of several writers stay whole: the kernel appends what one write to a file holds in one piece, and so it does with
what a pipe is given if that is no more than PIPE_BUF bytes.
"""

import errno
import os
import select
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal

LONGEST_LINE: Final = select.PIPE_BUF
"""Bytes of a line that stays whole everywhere, with its end: 4,096 on Linux."""

# Who owns the log may write it, its group may read it; umask may take more away. logrotate's `create` says the same.
_MODE: Final = 0o640
# Without O_NONBLOCK the open of a named pipe would wait for its reader, and each write for room.
_FLAGS: Final = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK
# How often one who waits for room in a pipe looks whether that still makes sense, in milliseconds.
_LOOK: Final = 100


class Outlet:
    """An open file, or standard output. Raises OSError if it cannot be opened."""

    def __init__(self, to: Path | Literal["stdout"]) -> None:
        if isinstance(to, Path):
            self._descriptor = os.open(to, _FLAGS, _MODE)
        elif sys.__stdout__ is None:  # closed when the process began; whatever has its number now is something else
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        else:
            self._descriptor = os.dup(sys.__stdout__.fileno())
        self._is_file = stat.S_ISREG(os.fstat(self._descriptor).st_mode)
        self._is_torn = False

    def write(self, lines: bytes | bytearray, is_given_up: Callable[[], bool]) -> tuple[int, OSError | None]:
        """Write whole lines; how many bytes were written, and what went wrong, if anything did.

        It waits for room in a pipe until `is_given_up` says so. A line of which a part was written, on a disk that is
        full, is left behind: the next one begins a new line.
        """
        written, error, view = 0, None, memoryview(lines)
        try:
            if self._is_torn:
                os.write(self._descriptor, b"\n")
                self._is_torn = False
            while written < len(lines) and (self._is_file or self._has_room(is_given_up)):
                # What is no file gets a piece at a time, since it takes no larger one as a whole.
                end = len(lines) if self._is_file else lines.rfind(b"\n", written, written + LONGEST_LINE) + 1
                try:
                    written += os.write(self._descriptor, view[written : end or len(lines)])
                except BlockingIOError:
                    continue  # another writer was faster
        except OSError as failure:
            error = failure
        self._is_torn = self._is_torn or (written > 0 and lines[written - 1] != ord("\n"))
        return written, error

    def _has_room(self, is_given_up: Callable[[], bool]) -> bool:
        """Whether a write would not wait, or would fail at once."""
        poll = select.poll()
        poll.register(self._descriptor, select.POLLOUT)
        while not poll.poll(_LOOK):
            if is_given_up():
                return False
        return True

    def close(self) -> None:
        """Give the descriptor back; standard output itself stays open."""
        os.close(self._descriptor)
