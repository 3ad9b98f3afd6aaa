"""Limits of open connections: one too many is accepted, answered SlowDown, and closed."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from tests.scenarios.reader import get
from tests.scenarios.scene import Scene, put_head, scene, turns
from tests.scenarios.tenants import RAG, TENANTS, TRAINING, claim, for_all
from tests.support.client import Client, dial
from tests.support.edge import EDGE
from tests.support.memory import SOURCE
from tests.support.storage import Storage
from tests.support.virtual_time import run

KEY = "/bucket/1B"
OTHER = "198.51.100.7"


async def connected(stack: AsyncExitStack, stage: Scene, source: str = SOURCE) -> Client:
    async def connect(factory: type[Client], host: str, port: int) -> tuple[object, Client]:
        return await stage.network.connect(factory, host, port, source=source)

    return await stack.enter_async_context(dial(connect, *EDGE))  # type: ignore[arg-type]


async def status(client: Client, *headers: bytes, method: bytes = b"GET") -> int:
    await client.send(get(KEY, *headers, method=method))
    return (await client.read_response(method.decode())).status


def connections(stage: Scene) -> dict[str, int]:
    return {name: limiter.connections for name, limiter in stage.edge.admission.limiters()}


def test_one_connection_too_many_is_told_to_slow_down_and_closed() -> None:
    async def main() -> None:
        node = Storage()
        async with scene(node, limits={"connections": 2}) as stage, AsyncExitStack() as stack:
            first, second, third = [await connected(stack, stage) for _ in range(3)]
            assert [await status(first), await status(second)] == [200, 200]
            await third.send(get(KEY))
            response = await third.read_response()
            assert (response.status, response.header(b"connection")) == (503, b"close")
            assert (response.header(b"retry-after"), response.header(b"x-amz-retry-after")) == (b"1", b"1000")
            assert b"<Code>SlowDown</Code>" in response.body
            assert await third.read_some() == b""
            assert node.attempts == 2
            assert await status(first) == 200, "those who were there stay"

    run(main())


def test_the_answer_to_a_refused_head_request_has_no_body() -> None:
    async def main() -> None:
        async with scene(Storage(), limits={"connections": 1}) as stage, AsyncExitStack() as stack:
            await connected(stack, stage)
            refused = await connected(stack, stage)
            await refused.send(get(KEY, method=b"HEAD"))
            assert (await refused.read_response("HEAD")).status == 503
            assert await refused.read_some() == b""

    run(main())


def test_an_upload_on_a_refused_connection_can_read_its_answer() -> None:
    async def main() -> None:
        async with scene(Storage(), limits={"connections": 1}) as stage, AsyncExitStack() as stack:
            await connected(stack, stage)
            refused = await connected(stack, stage)
            await refused.send(put_head(1_000_000) + bytes(100_000))
            assert (await refused.read_response("PUT")).status == 503

    run(main())


def test_a_refused_connection_that_asks_nothing_does_not_stay() -> None:
    async def main() -> None:
        limits, listen = {"connections": 1}, {"head_timeout": "2s", "idle_timeout": "75s"}
        async with scene(Storage(), limits=limits, listen=listen) as stage, AsyncExitStack() as stack:
            await connected(stack, stage)
            refused = await connected(stack, stage)
            assert await refused.read_some() == b""
            assert asyncio.get_running_loop().time() <= 2.25

    run(main())


def test_who_leaves_makes_room_and_the_counts_return_to_nothing() -> None:
    async def main() -> None:
        limits = {"connections": 3, "per_client": {"connections": 2}}
        async with scene(Storage(), limits=limits) as stage:
            async with AsyncExitStack() as stack:
                clients = [await connected(stack, stage, source) for source in (SOURCE, SOURCE, SOURCE, OTHER, OTHER)]
                assert [await status(client) for client in clients] == [200, 200, 503, 200, 503]
                names = {"edge": 3, f"edge/client/{SOURCE}": 2, f"edge/client/{OTHER}": 1}
                assert connections(stage) == names
                clients[0].abort()
                await turns()
                assert await status(await connected(stack, stage, OTHER)) == 200
                assert connections(stage) == {"edge": 3, f"edge/client/{SOURCE}": 1, f"edge/client/{OTHER}": 2}
            await turns()
            assert connections(stage) == dict.fromkeys(names, 0)

    run(main())


def test_a_connection_is_a_tenants_from_its_first_request_on() -> None:
    async def main() -> None:
        policies = for_all(limits={"connections": 1})
        async with scene(Storage(), tenants=TENANTS, policies=policies) as stage, AsyncExitStack() as stack:
            first, second, third = [await connected(stack, stage) for _ in range(3)]
            assert connections(stage) == {}
            assert await status(first, claim(RAG)) == 200
            assert await status(first, claim(RAG)) == 200
            assert await status(second, claim(TRAINING)) == 200
            assert await status(third, claim(RAG)) == 503
            assert await third.read_some() == b""
            assert connections(stage) == {f"all/{RAG}": 1, f"all/{TRAINING}": 1}
            first.abort()
            await turns()
            assert await status(second, claim(RAG)) == 200, "one connection may carry requests of two tenants"
            assert connections(stage) == {f"all/{RAG}": 1, f"all/{TRAINING}": 1}

    run(main())


@pytest.mark.parametrize("limits", [{}, {"connections": 100}])
def test_a_tenants_limit_for_each_client_holds(limits: dict[str, int]) -> None:
    """Regression: connections per client were only counted for the whole edge."""

    async def main() -> None:
        policies = for_all(limits={"per_client": {"connections": 1}, **limits})
        async with scene(Storage(), policies=policies) as stage, AsyncExitStack() as stack:
            clients = [await connected(stack, stage, source) for source in (SOURCE, SOURCE, OTHER)]
            assert [await status(client) for client in clients] == [200, 503, 200]

    run(main())
