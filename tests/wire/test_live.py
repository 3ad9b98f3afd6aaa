"""Flows and frames of two real workers, as a page gets them."""

import asyncio
import json
import os
import signal
import urllib.request
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.support.node import Node, NodeEnd
from tests.wire.service import LOCAL, NodeSocket, Service, limit, service

pytestmark = pytest.mark.wire

# So many that both workers are given some.
CLIENTS = 20
BEGUN = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"x" * 100


async def node(end: NodeEnd) -> None:
    """Begins each answer, and never ends it."""
    while True:
        await end.read_head()
        await end.send(BEGUN)


async def flows(edge: Service, query: str = "") -> Any:
    def ask() -> Any:
        with urllib.request.urlopen(f"http://{LOCAL}:{edge.admin}/api/v1/flows{query}", timeout=limit(1)) as answer:
            return json.load(answer)

    return await asyncio.to_thread(ask)


async def next_frame(answer: aiohttp.ClientResponse) -> Any:
    while not (line := await answer.content.readline()).startswith(b"data: "):
        assert line
    return json.loads(line.removeprefix(b"data: "))


def test_the_flows_of_all_workers_are_seen_each_second_also_when_one_is_killed(tmp_path: Path) -> None:
    async def main(edge: Service, sock: NodeSocket) -> None:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(sock.played_by(Node(node)))
            for number in range(CLIENTS):
                client = await stack.enter_async_context(edge.dial())
                await client.send(b"GET /bucket/key-%02d HTTP/1.1\r\nHost: s3\r\n\r\n" % number)
                await client.read_until(b"x" * 100)
            shown = await flows(edge, "?sort=key&filter=KEY-0&limit=3")
            assert (shown["total"], shown["matching"]) == (CLIENTS, 10)
            assert [flow["key"] for flow in shown["flows"]] == ["key-00", "key-01", "key-02"]
            assert [(flow["sent"], flow["size"], flow["state"]) for flow in shown["flows"]] == [
                (100, 1000, "sending")
            ] * 3
            before = {flow["key"]: flow["id"] for flow in (await flows(edge))["flows"]}
            assert {identity[:2] for identity in before.values()} == {"0-", "1-"}

            session = await stack.enter_async_context(aiohttp.ClientSession(read_bufsize=2**20))
            answer = await stack.enter_async_context(session.get(f"http://{LOCAL}:{edge.admin}/api/v1/live"))
            frame = await next_frame(answer)
            assert {flow["key"]: flow["id"] for flow in frame["flows"]["flows"]} == before
            assert (frame["edge"]["workers"], frame["edge"]["workers_ready"]) == (2, 2)
            assert frame["totals"]["inflight"] == CLIENTS
            [tenant] = frame["tenants"]
            assert (tenant["name"], tenant["inflight"]) == ("default", CLIENTS)

            os.kill(edge.worker, signal.SIGKILL)
            async with asyncio.timeout(limit(3)):
                while (frame := await next_frame(answer))["flows"]["total"] == CLIENTS:
                    pass
            left = {flow["key"]: flow["id"] for flow in frame["flows"]["flows"]}
            assert left.items() < before.items()
            assert frame["totals"]["sent_per_second"] == 0.0

    sock = NodeSocket()
    with service(tmp_path, f"http://{LOCAL}:{sock.port}", workers=2) as edge:
        asyncio.run(main(edge, sock))
    sock.close()
    log = (tmp_path / "s3edge.log").read_text()
    assert "was killed by SIGKILL; replacing it" in log
    assert "Traceback" not in log
