"""The way of most requests: one attempt over a kept connection, without a task; and when a race takes over.

What is sent again after a kept connection was found dead is told in tests/scenarios/test_dead_nodes.py.
"""

import asyncio

import pytest

from tests.scenarios.scene import GET, Scene, in_turn, now, put, put_head, scene, turns
from tests.support.client import Client
from tests.support.node import NodeEnd, answers, ok
from tests.support.virtual_time import run


def attempt_tasks() -> list[str]:
    return [task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith("attempt")]


async def waits(end: NodeEnd) -> None:
    await answers(ok())(end)
    await end.read_request()
    await asyncio.sleep(0.2)
    await answers_early(end)


async def answers_early(end: NodeEnd) -> None:
    await end.send(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
    await asyncio.sleep(1)
    await end.send(ok(b"x"))


async def ask_again(stage: Scene, client: Client, request: bytes) -> None:
    """Send a request that will go over the connection which a first one left."""
    await client.send(GET)
    assert (await client.read_response()).status == 200
    await turns()
    assert stage.idle == 1
    await client.send(request)
    await turns()


@pytest.mark.parametrize("request_bytes", [GET, GET.replace(b"GET", b"HEAD"), put(b"12345")])
def test_over_a_kept_connection_no_task_is_made(request_bytes: bytes) -> None:
    async def main() -> None:
        async with scene(waits) as stage, stage.dial() as client:
            await ask_again(stage, client, request_bytes)
            assert (stage.idle, stage.inflight, attempt_tasks()) == (0, 1, [])
            assert (await client.read_response(request_bytes.partition(b" ")[0].decode())).status == 200

    run(main())


def test_a_new_connection_is_made_by_a_race() -> None:
    async def main() -> None:
        async with scene(waits) as stage, stage.dial() as client:
            await client.send(GET)
            for _ in range(100):
                if attempt_tasks():
                    break
                await asyncio.sleep(0)
            assert attempt_tasks() == ["attempt at node-0:9000"]
            assert (await client.read_response()).status == 200
            assert attempt_tasks() == []

    run(main())


def test_a_read_that_is_late_over_a_kept_connection_is_handed_to_a_race_and_not_sent_again() -> None:
    async def late(end: NodeEnd) -> None:
        await answers(ok())(end)
        await end.read_request()
        await asyncio.sleep(0.4)
        await end.send(ok(b"late"))

    async def main() -> None:
        async with scene(late) as stage, stage.dial() as client:
            await ask_again(stage, client, GET)
            await asyncio.sleep(0.3)
            assert attempt_tasks() == ["attempt at node-0:9000"]
            assert (await client.read_response()).body == b"late"
            assert (now(), len(stage.node.requests), stage.idle) == (0.4, 2, 1)
            assert stage.attempts == {("0", "done"): 2}

    run(main())


def test_interim_answers_of_a_kept_connection_are_passed_on_at_once() -> None:
    async def main() -> None:
        async with scene(waits) as stage, stage.dial() as client:
            await ask_again(stage, client, GET)
            assert (await client.read_until(b"\r\n\r\n")).startswith(b"HTTP/1.1 103 ")
            assert now() == 0.2
            assert (await client.read_response()).body == b"x"
            assert now() == 1.2

    run(main())


@pytest.mark.parametrize("answer", [b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", b"garbage\r\n\r\n", b""])
def test_a_failure_over_a_kept_connection_is_tried_elsewhere(answer: bytes) -> None:
    async def fails(end: NodeEnd) -> None:
        await answers(ok())(end)
        await end.read_request()
        await end.send(answer or b"H")
        end.transport.close()

    async def main() -> None:
        async with scene(fails, answers(ok(b"elsewhere")), tiers=[0, 1]) as stage, stage.dial() as client:
            await ask_again(stage, client, GET)
            assert (await client.read_response()).body == b"elsewhere"
            assert (now(), stage.idle) == (0, 1)

    run(main())


def test_while_no_node_is_up_no_attempt_is_made() -> None:
    async def main() -> None:
        async with scene(answers(ok()), policies=in_turn()) as stage:
            stage.edge.set_node_state("node-0:9000", is_up=False)
            assert (await stage.ask())[0] == 503
            assert stage.attempts == {}

    run(main())


@pytest.mark.parametrize("attempts, sent", [(1, 0), (2, 1)])
def test_a_body_is_kept_only_where_another_attempt_may_be_made(attempts: int, sent: int) -> None:
    async def main() -> None:
        seen: list[int] = []

        async def node(end: NodeEnd) -> None:
            await end.read_request()
            seen.append(stage.count("replay_bytes")[()])
            await end.send(ok())

        async with scene(node, policies=in_turn(failover={"attempts": attempts})) as stage:
            async with stage.dial() as client:
                await client.send(put_head(5))
                await turns()
                await client.send(b"12345")
                assert (await client.read_response("PUT")).status == 200
            assert seen == [5 * sent]
            assert stage.count("replay_bytes") == {(): 0}

    run(main())
