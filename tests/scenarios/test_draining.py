"""The end of a worker: what is under way may finish, nothing new begins, and nobody waits for ever."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.scenarios.scene import GET, Scene, now, put_head, scene, turns
from tests.support.client import TruncatedError
from tests.support.edge import EDGE
from tests.support.node import NodeEnd, answers, ok
from tests.support.virtual_time import run


async def answers_after_five_seconds(end: NodeEnd) -> None:
    while True:
        await end.read_request()
        await asyncio.sleep(5)
        await end.send(ok(b"late"))


@asynccontextmanager
async def draining(stage: Scene, seconds: float) -> AsyncIterator[asyncio.Task[None]]:
    """The edge is being drained, which ends within the block."""
    stage.network.refuse(EDGE)
    task = asyncio.create_task(stage.edge.drain(seconds), name="drain")
    await turns()
    yield task
    assert task.done()
    await task


def test_an_idle_edge_drains_at_once() -> None:
    async def main() -> None:
        async with scene(answers(ok())) as stage:
            await stage.ask()
            assert stage.idle == 1
            async with draining(stage, 30):
                assert (now(), stage.idle) == (0, 0)

    run(main())


def test_idle_connections_are_closed_in_order() -> None:
    async def main() -> None:
        async with scene(answers(ok())) as stage, stage.dial() as silent, stage.dial() as kept:
            await kept.send(GET)
            await kept.read_response()
            async with draining(stage, 30):
                for client in (silent, kept):
                    assert await client.read_to_end() == b""
                    assert (client.error, now()) == (None, 0)
                    client.transport.close()
                await turns()

    run(main())


def test_a_flow_in_flight_finishes_and_is_the_last_of_its_connection() -> None:
    async def main() -> None:
        async with scene(answers_after_five_seconds) as stage, stage.dial() as client:
            await client.send(GET + GET)
            await asyncio.sleep(1)
            async with draining(stage, 30) as task:
                response = await client.read_response()
                assert (response.body, response.header(b"connection"), now()) == (b"late", b"close", 5)
                assert await client.read_to_end() == b""
                assert client.error is None
                assert len(stage.node.requests) == 1
                client.transport.close()
                await task
                assert now() == 5

    run(main())


def test_an_upload_in_flight_finishes() -> None:
    async def main() -> None:
        async with scene(answers(ok())) as stage, stage.dial() as client:
            await client.send(put_head(10))
            await turns()
            async with draining(stage, 30) as task:
                await client.send(b"x" * 10, piece=1, pause=1)
                response = await client.read_response("PUT")
                assert (response.status, response.header(b"connection")) == (200, b"close")
                assert stage.node.requests[0].body == b"x" * 10
                client.transport.close()
                await task

    run(main())


def test_a_head_that_has_begun_is_still_served() -> None:
    async def main() -> None:
        async with scene(answers(ok(b"x"))) as stage, stage.dial() as client:
            await client.send(GET[:20])
            await turns()
            async with draining(stage, 30) as task:
                await client.send(GET[20:])
                response = await client.read_response()
                assert (response.body, response.header(b"connection")) == (b"x", b"close")
                client.transport.close()
                await task
                assert now() == 0

    run(main())


def test_a_refusal_while_draining_closes_too() -> None:
    async def main() -> None:
        async with scene(answers(ok())) as stage, stage.dial() as client:
            stage.edge.set_node_state("node-0:9000", is_up=False)
            await client.send(GET[:20])
            await turns()
            async with draining(stage, 30) as task:
                await client.send(GET[20:])
                response = await client.read_response()
                assert (response.status, response.header(b"connection")) == (503, b"close")
                client.transport.close()
                await task

    run(main())


def test_a_client_that_does_not_close_is_let_go_after_two_seconds() -> None:
    async def main() -> None:
        async with scene(answers_after_five_seconds) as stage, stage.dial() as client:
            await client.send(GET)
            await turns()
            async with draining(stage, 30) as task:
                await client.read_response()
                await task
                assert 7 <= now() <= 7.25

    run(main())


@pytest.mark.parametrize("seconds", [0, 3])
def test_what_takes_too_long_is_cut(seconds: float) -> None:
    async def sends_half(end: NodeEnd) -> None:
        await end.read_request()
        await end.send(ok(b"x" * 1_000_000)[:-500_000])
        await end.lost()

    async def main() -> None:
        async with scene(sends_half) as stage, stage.dial() as reader, stage.dial() as waiter:
            await reader.send(GET)
            await waiter.send(put_head(5) + b"123")
            await turns()
            async with draining(stage, seconds) as task:
                with pytest.raises(TruncatedError):
                    await reader.read_response()
                await waiter.lost()
                await task
                assert (now(), reader.error is None) == (seconds, False)
                assert (stage.inflight, stage.idle) == (0, 0)
                assert stage.outcomes == {("GetObject", "200", "client_gone"): 1, ("PutObject", "0", "client_gone"): 1}
            await turns()
            assert stage.network.open_connections == 0

    run(main())
