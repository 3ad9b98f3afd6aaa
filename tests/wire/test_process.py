"""`s3edge serve` as a whole, with the real data path in real workers: signals, new certificates, memory.

What the supervisor does by itself is tested with stand-ins in tests/server.
"""

import asyncio
import os
import signal
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from s3edge.transport.splice import SPLICE_FROM
from tests.support.client import Client
from tests.support.node import Node, NodeEnd, answers, ok
from tests.wire.edge import Certificate, issue_certificate
from tests.wire.service import LOCAL, NodeSocket, Service, limit, service
from tests.wire.wiring import until

pytestmark = pytest.mark.wire

MIB = 1 << 20
GET = b"GET /bucket/key HTTP/1.1\r\nHost: s3\r\n\r\n"
# What a worker may grow by between two looks, whatever it does: arenas of the allocator, caches of OpenSSL.
NOISE = 8 * MIB


@pytest.fixture
def socket_of_node() -> Iterator[NodeSocket]:
    sock = NodeSocket()
    yield sock
    sock.close()


def tls_of(certificate: Certificate) -> dict[str, str]:
    return {"certificate": str(certificate.chain), "key": str(certificate.key)}


async def ended(edge: Service) -> int:
    """The exit code, once there is one."""
    return await asyncio.to_thread(edge.child.process.wait, limit(2))


def test_sigterm_lets_a_flow_finish_and_the_exit_code_is_0(tmp_path: Path, socket_of_node: NodeSocket) -> None:
    body = bytes(4 * SPLICE_FROM)
    may_go_on = asyncio.Event()

    async def node(end: NodeEnd) -> None:
        await end.read_request()
        await end.send(ok(body)[:-100])
        await may_go_on.wait()
        await end.send(body[-100:])

    async def main(edge: Service) -> None:
        async with socket_of_node.played_by(Node(node)), edge.dial() as client, edge.dial() as idle:
            await client.send(GET)
            await client.read_until(bytes(100))
            edge.child.process.send_signal(signal.SIGTERM)
            assert await idle.read_to_end() == b"", "an idle connection is closed"
            with pytest.raises(ConnectionRefusedError):
                await asyncio.get_running_loop().create_connection(Client, LOCAL, edge.port)
            may_go_on.set()
            await client.read_exactly(len(ok(body)) - client.taken)
            client.transport.close()
            assert await ended(edge) == 0

    with service(tmp_path, f"http://127.0.0.1:{socket_of_node.port}") as edge:
        asyncio.run(main(edge))
    assert "Traceback" not in (tmp_path / "s3edge.log").read_text()


def test_sigterm_cuts_a_flow_that_outlasts_the_deadline(tmp_path: Path, socket_of_node: NodeSocket) -> None:
    async def node(end: NodeEnd) -> None:
        await end.read_request()
        await end.send(ok(bytes(4 * SPLICE_FROM))[:-100])
        await end.lost()

    async def main(edge: Service) -> None:
        async with socket_of_node.played_by(Node(node)), edge.dial() as client:
            await client.send(GET)
            await client.read_until(bytes(100))
            edge.child.process.send_signal(signal.SIGTERM)
            await client.read_to_end()
            assert isinstance(client.error, ConnectionResetError), "not to be taken for the end"
            assert await ended(edge) == 0

    with service(tmp_path, f"http://127.0.0.1:{socket_of_node.port}", drain="0.5s") as edge:
        asyncio.run(main(edge))
    assert "Traceback" not in (tmp_path / "s3edge.log").read_text()


def test_a_killed_worker_is_replaced_and_no_connection_is_refused(tmp_path: Path, socket_of_node: NodeSocket) -> None:
    async def main(edge: Service) -> None:
        async with socket_of_node.played_by(Node(answers(ok(b"x")))):
            killed = edge.worker
            os.kill(killed, signal.SIGKILL)
            async with edge.dial() as client:
                await client.send(GET)
                assert (await client.read_response()).body == b"x"
            assert edge.worker != killed

    with service(tmp_path, f"http://127.0.0.1:{socket_of_node.port}") as edge:
        asyncio.run(main(edge))


def test_sighup_shows_the_new_certificate_to_new_connections_only(tmp_path: Path, socket_of_node: NodeSocket) -> None:
    shown = issue_certificate(tmp_path)
    before = ssl.create_default_context(cafile=shown.ca)

    async def asks(client: Client) -> None:
        await client.send(GET)
        assert (await client.read_response()).body == b"x"

    async def main(edge: Service) -> None:
        async with socket_of_node.played_by(Node(answers(*[ok(b"x")] * 1000))), edge.dial(before) as old:
            await asks(old)
            issue_certificate(tmp_path)  # by another authority, into the same files
            after = ssl.create_default_context(cafile=shown.ca)
            edge.child.process.send_signal(signal.SIGHUP)
            async with asyncio.timeout(limit(1)):
                while True:
                    try:
                        async with edge.dial(after) as new:
                            await asks(new)
                            break
                    except ssl.SSLCertVerificationError:
                        await asyncio.sleep(0.01)
            await asks(old)

    with service(tmp_path, f"http://127.0.0.1:{socket_of_node.port}", listen={"tls": tls_of(shown)}) as edge:
        asyncio.run(main(edge))


async def endless(end: NodeEnd) -> None:
    """Gives 200 MiB to whoever asks, as fast as they are taken."""
    await end.read_request()
    await end.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (200 * MIB))
    piece = bytes(256 * 1024)
    for _ in range(800):
        await end.send(piece)


async def sips(edge: Service, tls: ssl.SSLContext | None) -> Client:
    """A slow client with a small receive buffer, which has asked and does not read."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
    sock.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(sock, (LOCAL, edge.port))
    name = LOCAL if tls else None
    _, client = await loop.create_connection(Client, sock=sock, ssl=tls, server_hostname=name)
    await client.send(GET)
    client.pause()
    return client


@pytest.mark.parametrize("is_tls", [False, True])
@pytest.mark.parametrize("count", [1, 20])
def test_memory_stays_flat_while_slow_readers_wait_for_large_objects(
    tmp_path: Path, socket_of_node: NodeSocket, count: int, is_tls: bool
) -> None:
    certificate = issue_certificate(tmp_path)
    tls = ssl.create_default_context(cafile=certificate.ca) if is_tls else None

    async def main(edge: Service) -> None:
        async with socket_of_node.played_by(Node(endless)) as node:
            warm = await sips(edge, tls)
            warm.abort()
            before, descriptors = edge.resident, edge.descriptors
            clients = [await sips(edge, tls) for _ in range(count)]
            peak = before
            for _ in range(10):
                await asyncio.sleep(0.1)
                peak = max(peak, edge.resident)
                for client in clients:
                    client.resume()
                    assert await client.read_some()
                    client.pause()
            assert peak - before < NOISE + count * MIB
            for client in clients:
                client.abort()
            for end in node.connections:
                await end.lost()
            # Idle pipes are kept for the next body.
            await until(lambda: edge.descriptors <= descriptors + 2 * count)

    listen = {"tls": tls_of(certificate)} if is_tls else {}
    with service(tmp_path, f"http://127.0.0.1:{socket_of_node.port}", listen=listen) as edge:
        asyncio.run(main(edge))
