"""Nodes that answer SlowDown: they get less, requests wait for their turn, and what is too much is told SlowDown."""

import asyncio

import pytest

from tests.scenarios.reader import Read, get, read, read_object
from tests.scenarios.scene import Scene, in_turn, now, put, scene, turns
from tests.support.faults import AnswersLate, Fails, TakesRate
from tests.support.storage import Storage
from tests.support.virtual_time import run

KEY = "/bucket/1000B"
ONE = TakesRate(rate=100, burst=10)


async def greedy(stage: Scene, seconds: float, seen: list[Read]) -> None:
    """A client that asks again as soon as it has its answer, or 100 ms after a refusal."""
    while now() < seconds:
        seen.append(await read(stage, get(KEY)))
        if seen[-1].status != 200:
            await asyncio.sleep(0.1)


async def crowd(stage: Scene, clients: int, seconds: float) -> list[Read]:
    """What so many greedy clients saw."""
    seen: list[Read] = []
    async with asyncio.TaskGroup() as group:
        for number in range(clients):
            group.create_task(greedy(stage, seconds, seen), name=f"client {number}")
    return seen


def test_what_the_nodes_can_take_is_used_and_little_is_asked_in_vain() -> None:
    async def main() -> None:
        nodes = [Storage(ONE, AnswersLate(0.005)) for _ in range(4)]
        async with scene(*nodes) as stage:
            seen = await crowd(stage, 32, 10)
            good = sum(each.status == 200 for each in seen)
            attempts = sum(node.attempts for node in nodes)
            assert good >= 0.97 * 4 * 100 * 10
            assert attempts <= 1.1 * len(seen)
            assert {each.status for each in seen} <= {200, 503}
            assert all(b"<Code>SlowDown<" in each.body for each in seen if each.status != 200)
            assert stage.count("node_ejections_total") == {}

    run(main())


def test_a_single_refusal_is_hidden_and_ejects_nobody() -> None:
    async def main() -> None:
        first, second = Storage(Fails(503, "SlowDown", next=1)), Storage()
        async with scene(first, second, tiers=[0, 1]) as stage:
            assert (await read_object(stage, KEY)).took == 0
            assert stage.count("node_throttle_rate") == {("node-0:9000",): 10, ("node-1:9000",): 0}
            assert stage.told() == [
                "node-0:9000 is given at most 10 requests/s",
                "node-0:9000 slow down: answered 503",
                "retried at node-1:9000",
            ]

    run(main())


@pytest.mark.parametrize("code", ["SlowDown", "RequestLimitExceeded", "ThrottlingException"])
def test_the_codes_by_which_nodes_ask_for_less_are_known(code: str) -> None:
    async def main() -> None:
        async with scene(Storage(Fails(503, code)), Storage(), tiers=[0, 1]) as stage:
            await read_object(stage, KEY)
            assert stage.attempts == {("0", "slow_down"): 1, ("1", "done"): 1}

    run(main())


@pytest.mark.parametrize("code", ["SlowDownRead", "SlowDownWrite"])
def test_a_quorum_that_minio_lost_slows_no_node_down(code: str) -> None:
    """Writes that failed for want of drives once held its nodes to 4 requests a second, good reads included."""

    async def main() -> None:
        async with scene(Storage(Fails(503, code)), Storage(), tiers=[0, 1]) as stage:
            await read_object(stage, KEY)
            assert stage.attempts == {("0", "error"): 1, ("1", "done"): 1}
            assert stage.count("node_throttle_rate") == {("node-0:9000",): 0, ("node-1:9000",): 0}

    run(main())


@pytest.mark.parametrize("retry_after, end", [(1, "slow_down"), (None, "error")])
def test_an_answer_to_head_asks_for_less_by_retry_after(retry_after: int | None, end: str) -> None:
    async def main() -> None:
        fault = Fails(503, "SlowDown", retry_after=retry_after)
        async with scene(Storage(fault), Storage(), tiers=[0, 1]) as stage:
            assert (await read(stage, get(KEY, method=b"HEAD"))).status == 200
            assert stage.attempts == {("0", end): 1, ("1", "done"): 1}

    run(main())


def test_requests_wait_for_their_turn_in_order() -> None:
    async def main() -> None:
        node = Storage(Fails(503, "SlowDown", next=1))
        async with scene(node) as stage:
            await read(stage, get(KEY))
            async with asyncio.TaskGroup() as group:
                reads = [group.create_task(read_object(stage, f"/bucket/{n}B"), name=f"read {n}") for n in range(1, 9)]
                await turns(200)
                assert stage.count("queued")[("storage",)] >= 5
            took = [task.result().took for task in reads]
            assert took == sorted(took)
            assert 0.5 <= took[-1] <= 1, "10 requests a second"
            assert [request.path for request in list(node.requests)[1:]] == [f"/bucket/{n}B" for n in range(1, 9)]
            assert stage.count("queued") == {("storage",): 0}

    run(main())


@pytest.mark.parametrize("request_bytes", [get(KEY), get(KEY, method=b"HEAD"), put(b"abc")])
def test_who_waits_too_long_is_told_to_slow_down(request_bytes: bytes) -> None:
    async def main() -> None:
        async with scene(Storage(Fails(503, "SlowDown")), policies=in_turn(queue={"wait": "1s"})) as stage:
            await read(stage, get(KEY))
            async with asyncio.TaskGroup() as group:
                reads = [group.create_task(read(stage, request_bytes), name=f"read {n}") for n in range(40)]
            seen = [task.result() for task in reads]
            assert {each.status for each in seen} == {503}
            assert all(each.took <= 1 + 1e-6 for each in seen)
            last = seen[-1].response
            assert (last.header(b"retry-after"), last.header(b"x-amz-retry-after")) == (b"1", b"1000")
            if not request_bytes.startswith(b"HEAD"):
                assert all(b"<Code>SlowDown<" in each.body for each in seen)
            assert stage.count("shed_total")["default", "capacity"] >= 25
            assert any(
                text == "shed by capacity: no node could take it within 1 s (tenant default)" for text in stage.told()
            )

    run(main())


def test_the_deadline_counts_in_the_queue_too() -> None:
    async def main() -> None:
        policies = in_turn(queue={"wait": "10s"}, failover={"deadline": "1s"})
        async with scene(Storage(Fails(503, "SlowDown")), policies=policies) as stage:
            await read(stage, get(KEY))
            async with asyncio.TaskGroup() as group:
                reads = [group.create_task(read(stage, get(KEY)), name=f"read {n}") for n in range(40)]
            assert all(task.result().took <= 1 + 1e-6 for task in reads)

    run(main())


def test_a_full_queue_refuses_at_once() -> None:
    async def main() -> None:
        async with scene(Storage(Fails(503, "SlowDown", next=1)), policies=in_turn(queue={"length": 3})) as stage:
            await read(stage, get(KEY))
            async with asyncio.TaskGroup() as group:
                reads = [group.create_task(read(stage, get(KEY)), name=f"read {n}") for n in range(10)]
            seen = [task.result() for task in reads]
            refused = [each for each in seen if each.status == 503]
            assert len(refused) >= 5
            assert {each.took for each in refused} == {0}
            assert all(b"3 requests wait already" in each.body for each in refused)
            assert all(b"<Code>SlowDown<" in each.body for each in refused)

    run(main())


def test_without_a_queue_nobody_waits() -> None:
    async def main() -> None:
        async with scene(Storage(Fails(503, "SlowDown", next=1)), policies=in_turn(queue={"length": 0})) as stage:
            await read(stage, get(KEY))
            seen = [await read(stage, get(KEY)) for _ in range(5)]
            assert {each.took for each in seen} == {0}
            assert {each.status for each in seen} == {200, 503}

    run(main())


def test_a_client_that_leaves_the_queue_takes_no_turn() -> None:
    async def main() -> None:
        node = Storage(Fails(503, "SlowDown", next=1))
        async with scene(node) as stage:
            await read(stage, get(KEY))
            async with asyncio.TaskGroup() as group:
                for number in range(4):
                    group.create_task(read_object(stage, KEY), name=f"read {number}")
                await turns()
                async with stage.dial() as leaver:
                    await leaver.send(get("/bucket/2B"))
                    await turns()
                await turns()
            await stage.rests()
            assert all(request.path == KEY for request in node.requests)

    run(main())


def test_a_throttled_node_leaves_its_part_to_the_others() -> None:
    async def main() -> None:
        nodes = Storage(ONE), Storage(), Storage()
        async with scene(*nodes, policies=in_turn()) as stage:
            async with asyncio.TaskGroup() as group:
                for number in range(10):

                    async def client() -> None:
                        while now() < 5:
                            await read_object(stage, KEY)
                            await asyncio.sleep(0.02)

                    group.create_task(client(), name=f"client {number}")
            assert sum(node.attempts for node in nodes) >= 0.95 * 10 * 50 * 5, "nobody waits for the throttled one"
            assert nodes[0].statuses[200] >= 0.9 * 100 * 5 * 0.9
            assert nodes[0].statuses[503] <= 0.05 * sum(node.attempts for node in nodes)

    run(main())


def test_a_throttle_that_nothing_feels_is_lifted() -> None:
    async def main() -> None:
        first, second = Storage(Fails(503, "SlowDown", next=1)), Storage()
        async with scene(first, second, tiers=[0, 1]) as stage:
            for _ in range(15):
                await read_object(stage, KEY)
                await asyncio.sleep(1)
            assert "node-0:9000 is no longer held to a rate" in stage.told()
            assert stage.count("node_throttle_rate") == {("node-0:9000",): 0, ("node-1:9000",): 0}

    run(main())


def test_a_node_that_takes_nothing_for_a_while_is_found_ready_again() -> None:
    async def main() -> None:
        node = Storage(Fails(503, "SlowDown"))
        async with scene(node, policies=in_turn(queue={"wait": "10s"})) as stage:
            asking = asyncio.create_task(crowd(stage, 8, 12), name="crowd")
            await asyncio.sleep(3)
            node.clear()
            seen = await asking
            assert sum(each.status == 200 for each in seen) > 500, "the rate doubles each second"
            assert node.statuses[503] < 100, "it is asked rarely while it refuses"

    run(main())
