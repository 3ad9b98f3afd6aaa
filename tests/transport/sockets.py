"""The same ends as in `ends`, over loopback TCP and on real event loops."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
import uvloop

from s3edge.transport.connection import Surroundings
from s3edge.transport.pipes import Pipes
from s3edge.transport.readiness import Readiness
from s3edge.transport.splice import Splicing
from s3edge.transport.wheel import FINE_TICK
from tests.support.peer import Peer
from tests.support.virtual_time import Leftover
from tests.transport.ends import HEAD_LIMIT, Ends, LineConnection, surroundings

T = TypeVar("T")
P = TypeVar("P", bound=asyncio.BaseProtocol)
Loops = Callable[[], asyncio.AbstractEventLoop]

# Seconds. For what takes milliseconds; no assertion depends on it.
PATIENCE = 20.0

_transports: list[asyncio.Transport] = []  # those of the running test

on_both_loops = pytest.mark.parametrize(
    "loops", [uvloop.new_event_loop, asyncio.SelectorEventLoop], ids=["uvloop", "asyncio"]
)


def run(loops: Loops, main: Coroutine[Any, Any, T]) -> T:
    """Run `main` on a loop of its own. Raises Leftover when a callback failed meanwhile, or a descriptor was leaked."""
    failures: list[dict[str, Any]] = []
    loops().close()  # libuv opens a pipe for signals with the first loop of a process, for good
    before = open_descriptors()
    with asyncio.Runner(loop_factory=loops) as runner:
        runner.get_loop().set_exception_handler(lambda _, context: failures.append(context))
        result = runner.run(_guarded(main))
    if failures:
        raise Leftover(failures[0]["message"]) from failures[0].get("exception")
    if open_descriptors() != before:
        raise Leftover(f"{open_descriptors() - before} descriptors were not closed")
    return result


async def _guarded(main: Coroutine[Any, Any, T]) -> T:
    before = open_descriptors()
    try:
        return await asyncio.wait_for(main, PATIENCE)
    finally:
        # uvloop warns of what is still open when it closes; where warnings are errors, it then waits for ever.
        for transport in _transports:
            transport.abort()
        _transports.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await until(lambda: open_descriptors() <= before)


def open_descriptors() -> int:
    """How many descriptors this process has, apart from the spare one that libuv keeps on /dev/null."""
    count = 0
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the one that the folder was read through
            count += descriptor.readlink() != Path("/dev/null")
    return count


async def until(is_so: Callable[[], bool]) -> None:
    """Let the loop turn until `is_so`, for what the kernel tells nobody."""
    while not is_so():  # noqa: ASYNC110
        await asyncio.sleep(0)


def tcp_pair(buffer: int = 0) -> tuple[socket.socket, socket.socket]:
    """Two connected sockets; `buffer` is the size in bytes asked for each of their buffers."""
    with socket.socket() as listener:
        if buffer:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer)
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        near = socket.socket()
        if buffer:
            near.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
            near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer)
        near.connect(listener.getsockname())
        far, _ = listener.accept()
    for sock in (near, far):
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return near, far


async def connected(shared: Surroundings, buffer: int = 0) -> tuple[LineConnection, Peer]:
    """A connection and the peer it leads to."""
    near, far = tcp_pair(buffer)
    return await attach(near, LineConnection(shared, HEAD_LIMIT)), await attach(far, Peer(PATIENCE))


async def attach(sock: socket.socket, protocol: P) -> P:
    """`protocol`, which is given the connected `sock`."""
    transport, _ = await asyncio.get_running_loop().create_connection(lambda: protocol, sock=sock)
    _transports.append(transport)
    return protocol


@dataclass
class SocketEnds(Ends):
    """Ends that bodies can be spliced between."""

    splicing: Splicing


@asynccontextmanager
async def socket_ends(buffer: int = 0, pipes: Pipes | None = None) -> AsyncIterator[SocketEnds]:
    """Both connections; at the end of the block all that they used must have been given back."""
    shared = surroundings(FINE_TICK)  # these tests wait in real time
    source, sender = await connected(shared, buffer)
    sink, reader = await connected(shared, buffer)
    splicing = Splicing(pipes or Pipes(), Readiness(shared.loop))
    ends = SocketEnds(sender, source, sink, reader, splicing)
    try:
        yield ends
        assert ends.are_clean
        assert splicing.readiness._callbacks == {}
    finally:
        for peer in (sender, reader):
            peer.abort()
            await peer.lost()
        for connection in (source, sink):
            connection.abort()
            await until(lambda connection=connection: connection.is_lost)  # type: ignore[misc]
        splicing.close()
        shared.wheel.close()
        await asyncio.sleep(0)
    assert splicing.pipes.open == 0
