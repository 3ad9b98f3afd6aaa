"""One end of a connection in the hands of a test: it keeps every byte it gets, and each wait has a limit."""

import asyncio
from collections.abc import Callable
from typing import cast

# Seconds. Longer than any time limit of s3edge, so that those fire first; in virtual time it costs nothing.
PATIENCE = 1_000.0


class EndedError(AssertionError):
    """The connection ended before what the test waited for."""


class Peer(asyncio.Protocol):
    """Reads and writes raw bytes.

    `received` is all that ever arrived, `taken` how much of it the test has read; `has_ended` after an end of file or a
    loss, `is_lost` after the latter, `error` is what the connection was lost by, None after an orderly end.
    """

    transport: asyncio.Transport

    def __init__(self, patience: float = PATIENCE) -> None:
        self.received = bytearray()
        self.taken = 0
        self.has_ended = False
        self.is_lost = False
        self.error: Exception | None = None
        self._patience = patience
        self._is_writing_paused = False
        self._waiters: set[asyncio.Future[None]] = set()

    # What the test does.

    async def send(self, data: bytes, piece: int = 0, pause: float = 0.0) -> None:
        """Write `data`, whole or `piece` bytes at a time with `pause` seconds after each, at the pace of the reader."""
        step = piece or max(len(data), 1)
        for start in range(0, len(data), step):
            self.transport.write(data[start : start + step])
            if piece:
                await asyncio.sleep(pause)
            await self._until(lambda: not self._is_writing_paused or self.is_lost, "the reader to read on")

    async def read_some(self) -> bytes:
        """What has arrived and was not read, at least a byte; b"" at the end."""
        await self._until(lambda: len(self.received) > self.taken or self.has_ended, "a byte or the end")
        return self._take(len(self.received))

    async def read_exactly(self, size: int) -> bytes:
        """The next `size` bytes. Raises EndedError."""
        end = self.taken + size
        await self._until(lambda: len(self.received) >= end or self.has_ended, f"{size} bytes")
        if len(self.received) < end:
            raise EndedError(f"the connection ended ({self.error!r}) after {self._unread()!r}, {size} bytes expected")
        return self._take(end)

    async def read_until(self, mark: bytes) -> bytes:
        """All up to the end of `mark`. Raises EndedError."""
        await self._until(lambda: self.received.find(mark, self.taken) >= 0 or self.has_ended, f"{mark!r}")
        found = self.received.find(mark, self.taken)
        if found < 0:
            raise EndedError(f"the connection ended ({self.error!r}) after {self._unread()!r}, {mark!r} expected")
        return self._take(found + len(mark))

    async def read_to_end(self) -> bytes:
        """All that is left; look at `error` to see whether the end was an orderly one."""
        await self._until(lambda: self.has_ended, "the end")
        return self._take(len(self.received))

    def unread(self, data: bytes) -> None:
        """Put back the last bytes that were read."""
        assert self.received[: self.taken].endswith(data)
        self.taken -= len(data)

    def pause(self) -> None:
        """Read nothing more, so that the sender feels it."""
        self.transport.pause_reading()

    def resume(self) -> None:
        """Read on."""
        self.transport.resume_reading()

    def finish(self) -> None:
        """Send an end of file and go on reading."""
        self.transport.write_eof()

    def abort(self) -> None:
        """Reset the connection."""
        self.transport.abort()

    async def close(self) -> None:
        """Send what is unsent, close, and wait until it is done."""
        self.transport.close()
        await self.lost()

    async def lost(self) -> None:
        """Wait until the connection is lost."""
        await self._until(lambda: self.is_lost, "the connection to be lost")

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.received += data
        self._wake()

    def eof_received(self) -> bool:
        self.has_ended = True
        self._wake()
        return self.transport.can_write_eof()

    def connection_lost(self, exc: Exception | None) -> None:
        self.error = exc
        self.has_ended = self.is_lost = True
        self._wake()

    def pause_writing(self) -> None:
        self._is_writing_paused = True

    def resume_writing(self) -> None:
        self._is_writing_paused = False
        self._wake()

    def _unread(self) -> bytes:
        return bytes(self.received[self.taken :])

    def _take(self, end: int) -> bytes:
        taken = bytes(self.received[self.taken : end])
        self.taken = end
        return taken

    def _wake(self) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def _until(self, is_reached: Callable[[], bool], what: str) -> None:
        try:
            async with asyncio.timeout(self._patience):
                while not is_reached():
                    waiter = asyncio.get_running_loop().create_future()
                    self._waiters.add(waiter)
                    try:
                        await waiter
                    finally:
                        self._waiters.discard(waiter)
        except TimeoutError:
            raise AssertionError(f"no {what} in {self._patience:g} s; unread: {self._unread()[-200:]!r}") from None
