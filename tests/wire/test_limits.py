"""Limits that real workers hold together: connections, and bytes of uploads."""

import asyncio
import time
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.support.client import Client, Response
from tests.support.node import Node, NodeEnd, ok
from tests.wire.service import LOCAL, NodeSocket, Service, limit, service

pytestmark = pytest.mark.wire

MIB = 1 << 20
GET = b"GET /bucket/key HTTP/1.1\r\nHost: s3\r\n\r\n"
MOST = 4


async def node(end: NodeEnd) -> None:
    while True:
        await end.read_request()
        await end.send(ok(b"body"))


async def asked(client: Client) -> Response:
    await client.send(GET)
    return await client.read_response()


def test_two_workers_keep_no_more_connections_than_the_limit_and_a_closed_one_makes_room(tmp_path: Path) -> None:
    async def main(edge: Service, sock: NodeSocket) -> None:
        async with sock.played_by(Node(node)), AsyncExitStack() as stack:
            clients = [await stack.enter_async_context(edge.dial()) for _ in range(3 * MOST)]
            answers = await asyncio.gather(*map(asked, clients))
            assert Counter(answer.status for answer in answers) == {200: MOST, 503: 2 * MOST}
            refused = [answer for answer in answers if answer.status == 503]
            assert all(b"<Code>SlowDown</Code>" in answer.body for answer in refused)
            assert all(answer.header(b"connection") == b"close" for answer in refused)
            stays = [client for client, answer in zip(clients, answers, strict=True) if answer.status == 200]
            assert {(await asked(client)).status for client in stays} == {200}
            stays[0].transport.abort()
            async with asyncio.timeout(limit(2)):
                while True:
                    async with edge.dial() as late:
                        if (await asked(late)).status == 200:
                            break

    sock = NodeSocket()
    with service(tmp_path, f"http://{LOCAL}:{sock.port}", workers=2, limits={"connections": MOST}) as edge:
        asyncio.run(main(edge, sock))
    sock.close()


def test_uploads_through_two_workers_are_no_faster_than_the_limit_of_received_bytes(tmp_path: Path) -> None:
    size, uploads, rate, burst = 4 * MIB, 4, 4 * MIB, 0.5
    taken: list[int] = []

    async def taking(end: NodeEnd) -> None:
        while True:
            request = await end.read_request()
            taken.append(len(request.body))
            await end.send(ok(b""))

    async def upload(edge: Service, number: int) -> None:
        async with edge.dial() as client:
            head = b"PUT /bucket/%d HTTP/1.1\r\nHost: s3\r\nContent-Length: %d\r\n\r\n" % (number, size)
            await client.send(head + bytes(size))
            assert (await client.read_response("PUT")).status == 200

    async def main(edge: Service, sock: NodeSocket) -> None:
        async with sock.played_by(Node(taking)):
            began = time.monotonic()
            await asyncio.gather(*(upload(edge, number) for number in range(uploads)))
            took = time.monotonic() - began
        assert taken == [size] * uploads
        # Each body may have one quantum that is not yet paid for (see transport/pacing.py), as the last of it.
        assert took > uploads * (size - MIB) / rate - burst
        assert await edge.metric("s3edge_received_bytes_total") == uploads * size

    sock = NodeSocket()
    limits = {"bandwidth": {"received": "4MiB/s"}, "burst": "500ms"}
    with service(tmp_path, f"http://{LOCAL}:{sock.port}", workers=2, limits=limits) as edge:
        asyncio.run(main(edge, sock))
    sock.close()
