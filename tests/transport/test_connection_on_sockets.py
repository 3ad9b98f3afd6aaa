"""One connection on real sockets and both event loops: descriptors, resets, TLS, and reads that follow at once."""

import asyncio
import os
import socket
import ssl

import pytest
import trustme

from s3edge.transport.inbox import HEAD_ROOM
from tests.support.peer import Peer
from tests.transport.ends import HEAD_LIMIT, LineConnection, line, surroundings
from tests.transport.sockets import PATIENCE, Loops, connected, on_both_loops, run, tcp_pair, until


async def lost(connection: LineConnection) -> None:
    await until(lambda: connection.is_lost)
    await asyncio.sleep(0)


@on_both_loops
def test_no_head_of_a_burst_that_fills_the_read_buffer_is_lost(loops: Loops) -> None:
    """Regression: uvloop reads again at once after a full buffer; the second head replaced the first one."""
    names = [f"head-{number}" for number in range(8_000)]
    burst = b"".join(line(0, name) for name in names)
    assert len(burst) > 1.5 * HEAD_ROOM

    async def main() -> list[str]:
        connection, peer = await connected(surroundings())
        waiting = asyncio.create_task(connection.head(), name="head")
        await asyncio.sleep(0)
        peer.transport.write(burst)
        heads = [await waiting] + [await connection.head() for _ in names[1:]]
        await peer.close()
        await lost(connection)
        return [head.raw.split()[1].decode() for head in heads]

    assert run(loops, main()) == names


@on_both_loops
def test_the_descriptor_for_splice_is_one_of_its_own_and_ends_with_the_connection(loops: Loops) -> None:
    async def main() -> None:
        connection, peer = await connected(surroundings())
        fd = connection.splice_fd()
        assert fd == connection.splice_fd()
        own = connection.transport.get_extra_info("socket").fileno()
        assert fd != own
        assert os.fstat(fd).st_ino == os.fstat(own).st_ino
        await peer.close()
        await lost(connection)
        assert connection.splice_fd() == -1
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(fd)

    run(loops, main())


@on_both_loops
@pytest.mark.parametrize("has_duplicate", [False, True])
def test_abort_resets_the_connection_where_close_ends_it(loops: Loops, has_duplicate: bool) -> None:
    async def main() -> None:
        for is_abort in (False, True):
            connection, peer = await connected(surroundings())
            if has_duplicate:
                connection.splice_fd()
            connection.transport.write(b"last words")
            await peer.read_exactly(10)
            connection.abort() if is_abort else connection.close()
            await peer.read_to_end()
            await lost(connection)
            assert isinstance(peer.error, ConnectionResetError) is is_abort
            connection.abort()
            peer.abort()
            await peer.lost()

    run(loops, main())


@on_both_loops
def test_a_held_connection_leaves_what_comes_in_the_socket(loops: Loops) -> None:
    async def main() -> None:
        connection, peer = await connected(surroundings())
        peer.transport.write(line(100))
        await connection.head()
        peer.transport.write(b"x" * 100)
        sock = connection.transport.get_extra_info("socket")
        fd = connection.splice_fd()
        with socket.socket(fileno=os.dup(fd)) as watcher:
            await until(lambda: _peek(watcher) == b"x" * 100)
        assert connection.unread == b""
        assert sock is not None
        connection.go_on()
        await until(lambda: connection.unread == b"x" * 100)
        await peer.close()
        await lost(connection)

    run(loops, main())


def _peek(sock: socket.socket) -> bytes:
    try:
        return sock.recv(1000, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return b""


@on_both_loops
def test_a_tls_connection_reads_heads_and_has_no_descriptor_for_splice(loops: Loops) -> None:
    authority = trustme.CA()
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("edge.example").configure_cert(server)
    authority.configure_trust(client)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        near, far = tcp_pair()
        connection = LineConnection(surroundings(), HEAD_LIMIT)
        accepting = asyncio.create_task(
            loop.connect_accepted_socket(lambda: connection, far, ssl=server), name="accept"
        )
        _, peer = await loop.create_connection(
            lambda: Peer(PATIENCE), sock=near, ssl=client, server_hostname="edge.example"
        )
        await accepting
        peer.transport.write(line(0, "secret"))
        assert (await connection.head()).raw == line(0, "secret")
        assert connection.splice_fd() == -1
        connection.abort()
        await peer.lost()
        await lost(connection)

    run(loops, main())
