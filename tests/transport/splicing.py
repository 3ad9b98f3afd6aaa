"""Spliced bodies for tests: begun, dammed up, and seen waiting."""

import asyncio
import contextlib
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

from s3edge.transport.splice import Splice, transfer
from s3edge.transport.transfer import Transfer
from tests.transport.ends import LineConnection, line
from tests.transport.sockets import SocketEnds, socket_ends, until

MIB = 1024 * 1024
# So small that a reader who stands still is felt at once; the kernel doubles it.
SMALL = 16 * 1024
LIMIT = 60.0


def noise(size: int) -> bytes:
    """Bytes in which nothing can be missing, doubled or moved without being seen."""
    return Random(size).randbytes(size)


async def begin(ends: SocketEnds, length: int, along: bytes = b"", limit: float = LIMIT) -> Transfer:
    """A transfer of a body whose head was read, with the bytes that came along; not started."""
    ends.sender.transport.write(line(length) + along)
    await ends.source.head()
    await until(lambda: ends.source.unread == along)
    return transfer(ends.source, ends.sink, length, ends.splicing, limit)


def is_waiting_for_sink(moving: Transfer) -> bool:
    assert isinstance(moving, Splice)
    return moving._watched_fd == moving._sink_fd and moving._pipe.inside > 0


class Dam:
    """Stands in for the sink's socket and takes nothing until it is opened: sockets are never full for sure."""

    def __init__(self, sink: LineConnection) -> None:
        self._read_fd, sink._fd = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        fcntl.fcntl(sink._fd, fcntl.F_SETPIPE_SZ, 4096)
        os.write(sink._fd, bytes(4096))

    def open(self) -> None:
        assert os.read(self._read_fd, 4096) == bytes(4096)

    async def read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            with contextlib.suppress(BlockingIOError):
                data += os.read(self._read_fd, size - len(data))
            await asyncio.sleep(0)
        return data

    def close(self) -> None:
        os.close(self._read_fd)


@asynccontextmanager
async def dammed(length: int, limit: float = LIMIT) -> AsyncIterator[tuple[SocketEnds, Splice, Dam]]:
    """A transfer with the first 1,000 bytes of a body in its pipe, and a sink that does not take them."""
    async with socket_ends() as ends:
        dam = Dam(ends.sink)
        moving = await begin(ends, length, limit=limit)
        assert isinstance(moving, Splice)
        moving.start(b"HEAD")
        await ends.reader.read_exactly(4)
        ends.sender.transport.write(noise(1000))
        await until(lambda: is_waiting_for_sink(moving))
        assert (moving.moved, moving._pipe.inside) == (0, 1000)
        yield ends, moving, dam
        dam.close()


def is_waiting_for_source(moving: Transfer) -> bool:
    assert isinstance(moving, Splice)
    return moving._watched_fd == moving._source_fd
