"""Each exchange, attempt and connection is counted exactly once, whatever became of it."""

import asyncio

import pytest

from tests.scenarios.scene import CONTINUE, GET, put, put_head, scene, turns
from tests.support.node import Node, NodeEnd, Script, answers, ok
from tests.support.virtual_time import run

Labels = tuple[str, ...]


def dies_after(part: bytes) -> Script:
    async def node(end: NodeEnd) -> None:
        await end.read_head()
        await end.send(part)
        await asyncio.sleep(1)
        end.abort()

    return node


async def says_nothing(end: NodeEnd) -> None:
    await end.read_head()
    await end.lost()


async def refuses(end: NodeEnd) -> None:
    await end.read_head()
    await end.send(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
    await end.lost()


async def invites(end: NodeEnd) -> None:
    await end.read_head()
    await end.send(CONTINUE)
    await end.read_body()
    await end.send(ok())


EXPECTING = put_head(3, b"Expect: 100-continue")
STORIES = {
    "answered": (answers(ok(b"x")), GET, ("GetObject", "200", "done"), "done"),
    "not found": (answers(b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"), GET, ("GetObject", "404", "done"), "done"),
    "uploaded": (answers(ok()), put(b"12345"), ("PutObject", "200", "done"), "done"),
    "invited and uploaded": (invites, EXPECTING + b"abc", ("PutObject", "200", "done"), "done"),
    "refused before its body": (refuses, EXPECTING, ("PutObject", "403", "done"), "done"),
    "refused in mid-upload": (refuses, put_head(5000) + b"x", ("PutObject", "403", "done"), "done"),
    "not answered in time": (says_nothing, GET, ("GetObject", "500", "failed"), "timeout"),
    "answered by garbage": (answers(b"garbage\r\n\r\n"), GET, ("GetObject", "500", "failed"), "garbage"),
    "answered by a reset": (dies_after(b""), GET, ("GetObject", "500", "failed"), "closed"),
    "cut": (dies_after(ok(b"12345")[:-2]), GET, ("GetObject", "200", "cut"), "broke_off"),
    "a bad body": (says_nothing, put_head(0).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked") + b"zz\r\n",
                   ("PutObject", "400", "refused"), "client_gone"),
    "a body that stands still": (says_nothing, put_head(5) + b"1", ("PutObject", "400", "refused"), "client_gone"),
}  # fmt: skip


@pytest.mark.parametrize("script, request_bytes, exchange, attempt", STORIES.values(), ids=STORIES.keys())
def test_an_exchange_and_its_attempt_are_counted_once(
    script: Script, request_bytes: bytes, exchange: Labels, attempt: str
) -> None:
    async def main() -> None:
        async with scene(script) as stage:
            async with stage.dial() as client:
                await client.send(request_bytes)
                await asyncio.sleep(300)
                assert client.received
            await turns()
            assert stage.outcomes == {exchange: 1}
            assert stage.count("attempts_total") == {("node-0:9000", attempt): 1}
            assert stage.count("node_connections_total") == {("node-0:9000", "opened"): 1}
            assert stage.count("connections_total") == {(): 1}
            assert stage.count("connections_open") == {(): 0}

    run(main())


def test_attempts_that_could_not_connect_are_counted_at_their_nodes() -> None:
    async def main() -> None:
        async with scene(answers(ok()), answers(ok())) as stage:
            stage.network.refuse(("node-0", 9000))
            stage.network.refuse(("node-1", 9000))
            await stage.ask()
            assert stage.outcomes == {("GetObject", "503", "failed"): 1}
            nodes = ("node-0:9000", "node-1:9000")
            assert stage.count("attempts_total") == {(node, "unreachable"): 1 for node in nodes}
            assert stage.count("node_connections_total") == {(node, "failed"): 1 for node in nodes}

    run(main())


def test_a_replaced_connection_costs_an_attempt_and_no_exchange() -> None:
    async def main() -> None:
        async def node(end: NodeEnd) -> None:
            await answers(ok())(end)
            await end.read_head()
            end.abort()

        async with scene(Node(node, answers(ok()))) as stage, stage.dial() as client:
            for _ in range(2):
                await client.send(GET)
                await client.read_response()
            assert stage.outcomes == {("GetObject", "200", "done"): 2}
            assert stage.count("attempts_total") == {("node-0:9000", "done"): 2, ("node-0:9000", "closed"): 1}
            assert stage.count("node_connections_total")["node-0:9000", "opened"] == 2

    run(main())


def test_body_bytes_are_those_without_heads() -> None:
    async def main() -> None:
        async with scene(answers(ok(b"x" * 1000), ok(b"y" * 300_000), ok())) as stage, stage.dial() as client:
            await client.send(GET + GET + put(b"z" * 200_000))
            for method in ("GET", "GET", "PUT"):
                await client.read_response(method)
            assert stage.count("sent_bytes_total") == {("GetObject",): 301_000, ("PutObject",): 0}
            assert stage.count("received_bytes_total") == {("GetObject",): 0, ("PutObject",): 200_000}
            assert stage.count("exchanges_inflight") == {(): 0}

    run(main())


def test_the_times_of_an_exchange_begin_with_its_head() -> None:
    async def node(end: NodeEnd) -> None:
        await end.read_request()
        await asyncio.sleep(2)
        await end.send(ok(b"xy")[:-1])
        await asyncio.sleep(3)
        await end.send(b"y")

    async def main() -> None:
        async with scene(node) as stage:
            await stage.ask()
            snapshot = stage.edge.meter.snapshot()
            sums = {}
            for family in ("s3edge_first_byte_seconds", "s3edge_exchange_seconds"):
                [(_, counts)] = snapshot[family]
                assert isinstance(counts, list)
                assert sum(counts[:-1]) == 1
                sums[family] = counts[-1]
            assert sums == {"s3edge_first_byte_seconds": 2, "s3edge_exchange_seconds": 5}

    run(main())
