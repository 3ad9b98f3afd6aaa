"""A client of the stand-in workers."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from s3edge.config.address import Address


class Flow:
    """A client's connection to a stand-in worker."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def ask(self) -> tuple[int, int, str]:
        """The worker's process id, how often it was told to reload, and what it knows of the nodes."""
        self._writer.write(b"\n")
        pid, reloads, told = (await self._reader.readline()).decode().rstrip("\n").split(" ", 2)
        return int(pid), int(reloads), told

    async def is_closed(self) -> bool:
        """Whether the worker closed the connection; waits for that."""
        try:
            return await self._reader.read() == b""
        except ConnectionError:
            return True


@asynccontextmanager
async def flow_to(address: Address) -> AsyncIterator[Flow]:
    """A connection to whichever worker gets it."""
    reader, writer = await asyncio.open_connection(address.host, address.port)
    try:
        yield Flow(reader, writer)
    finally:
        writer.transport.abort()


async def is_accepting(address: Address) -> bool:
    """Whether anybody listens there."""
    with socket.socket() as sock:
        sock.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(sock, (address.host, address.port))
        except ConnectionError:
            return False
        return True


async def until(is_so: Callable[[], bool]) -> None:
    """Look again and again until something is so; the caller bounds the wait."""
    while True:
        if is_so():
            return
        await asyncio.sleep(0.01)


async def refused(address: Address) -> None:
    """Return when nobody listens there any more; the caller bounds the wait."""
    while True:
        if not await is_accepting(address):
            return
        await asyncio.sleep(0.01)
