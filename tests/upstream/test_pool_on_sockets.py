"""New connections to a node over real sockets."""

import asyncio
import ssl

import pytest
import trustme

from s3edge.config.model import Connections
from s3edge.errors import NodeError
from s3edge.routing.node import Node
from s3edge.telemetry.meter import Meter
from s3edge.upstream.pool import Pool, SocketConnect
from tests.support.peer import Peer
from tests.transport.ends import surroundings
from tests.transport.sockets import Loops, on_both_loops, until
from tests.transport.sockets import run as run_on_sockets


@on_both_loops
@pytest.mark.parametrize("is_tls", [False, True])
def test_a_node_is_reached_at_its_address_under_the_name_in_its_url(loops: Loops, is_tls: bool) -> None:
    authority = trustme.CA()

    async def main() -> None:
        error = await connect_to("storage.example", authority if is_tls else None, authority)
        assert error is None

    run_on_sockets(loops, main())


@on_both_loops
@pytest.mark.parametrize("is_known", [True, False])
def test_a_node_with_a_certificate_for_another_name_or_from_another_authority_is_not_used(
    loops: Loops, is_known: bool
) -> None:
    authority = trustme.CA()

    async def main() -> None:
        host = "other.example" if is_known else "storage.example"
        error = await connect_to(host, authority if is_known else trustme.CA(), authority)
        assert error is not None
        assert "certificate verify failed" in error.message

    run_on_sockets(loops, main())


async def connect_to(host: str, signer: trustme.CA | None, trusted: trustme.CA) -> NodeError | None:
    """How a connection to a node at a loopback address fails whose certificate is for storage.example."""
    loop = asyncio.get_running_loop()
    server_tls, client_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    if signer is not None:
        signer.issue_cert("storage.example").configure_cert(server_tls)
    trusted.configure_trust(client_tls)
    ends: list[Peer] = []

    def accept() -> Peer:
        ends.append(Peer())
        return ends[-1]

    server = await loop.create_server(accept, "127.0.0.1", 0, ssl=None if signer is None else server_tls)
    port = server.sockets[0].getsockname()[1]
    node = Node("node-1", "storage", host, port, is_tls=signer is not None, addresses=("127.0.0.1",))
    connect = SocketConnect(loop, None if signer is None else client_tls)
    pool = Pool(node, Connections(), connect, surroundings(), Meter())
    try:
        connection = await pool.open()
        connection.transport.write(b"hello")
        await until(lambda: len(ends) > 0)
        assert await ends[0].read_exactly(5) == b"hello"
        connection.abort()
        await ends[0].lost()
        return None
    except NodeError as error:
        return error
    finally:
        server.close()
        await server.wait_closed()
