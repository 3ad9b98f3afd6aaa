"""Readiness of sockets that the event loop must not know: the duplicates that bodies are spliced between.

The loop's own `add_reader` costs five system calls for each start and stop, as libuv probes and re-registers the
descriptor. Here a start or a stop is one, on an epoll instance of our own that the loop watches as one descriptor.
"""

import asyncio
import select
from collections.abc import Callable
from typing import Final

READABLE: Final = select.EPOLLIN
WRITABLE: Final = select.EPOLLOUT
# Flows served in one turn of the loop; the rest come in the next, after everybody else had a turn.
_BATCH: Final = 64


class Readiness:
    """Calls back while a descriptor is ready (level-triggered)."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._epoll = select.epoll()
        self._callbacks: dict[int, Callable[[], None]] = {}
        loop.add_reader(self._epoll.fileno(), self._ready)

    def watch(self, fd: int, mask: int, callback: Callable[[], None]) -> None:
        """Call `callback` in each turn in which `fd` is ready for `mask`, until `forget`."""
        self._callbacks[fd] = callback
        self._epoll.register(fd, mask)

    def forget(self, fd: int) -> None:
        """Stop watching `fd`; it must still be open."""
        del self._callbacks[fd]
        self._epoll.unregister(fd)

    def close(self) -> None:
        """Give the epoll instance back; once more does nothing."""
        if self._epoll.closed:
            return
        self._loop.remove_reader(self._epoll.fileno())
        self._epoll.close()

    def _ready(self) -> None:
        for fd, _ in self._epoll.poll(0, _BATCH):
            callback = self._callbacks.get(fd)
            if callback is not None:  # an earlier callback of this turn may have stopped the watch
                callback()
