"""Waiting for a limit: in bounded lines, by priority, and no longer than the policy says; then 503 SlowDown."""

import asyncio

import pytest

from s3edge.proxy.refusals import REFUSALS
from tests.scenarios.reader import Read, get, read
from tests.scenarios.scene import Scene, now, put, scene, turns
from tests.scenarios.tenants import RAG, TENANTS, TRAINING, claim, crowd, for_all, keep_asking, policy
from tests.support.faults import AnswersLate
from tests.support.storage import Storage
from tests.support.virtual_time import run

KEY = "/bucket/1B"
READ = get(KEY)
# A limit of one request at a time, and a node that takes a second for each; nobody is hedged or retried meanwhile.
ALONE = {"limits": {"concurrency": 1}, "hedge": False, "failover": {"attempts": 1, "patience": "10s"}}


def slow(seconds: float = 1.0) -> Storage:
    return Storage(AnswersLate(seconds))


@pytest.mark.parametrize("request_bytes", [READ, get(KEY, method=b"HEAD"), put(b"abc")])
def test_who_waits_longer_than_the_queue_allows_is_told_to_slow_down(request_bytes: bytes) -> None:
    async def main() -> None:
        node = slow(5)
        async with scene(node, policies=for_all(queue={"wait": "2s"}, **ALONE)) as stage:
            first, second = await crowd(stage, [READ, request_bytes])
            assert (first.status, second.status, second.took) == (200, 503, 2)
            fields = second.response
            assert (fields.header(b"retry-after"), fields.header(b"x-amz-retry-after")) == (b"1", b"1000")
            if not request_bytes.startswith(b"HEAD"):
                assert b"<Code>SlowDown</Code>" in second.body
            assert node.attempts == 1, "what is shed costs the nodes nothing"
            assert stage.outcomes[("GetObject", "200", "done")] == 1

    run(main())


def test_a_full_queue_refuses_at_once() -> None:
    async def main() -> None:
        node = slow()
        async with scene(node, policies=for_all(queue={"wait": "9s", "length": 2}, **ALONE)) as stage:
            seen = await crowd(stage, [READ] * 6)
            assert [(each.status, each.took) for each in seen] == [(200, 1), (200, 2), (200, 3)] + [(503, 0)] * 3
            assert all(b"2 requests wait already" in each.body for each in seen[3:])
            assert node.attempts == 3

    run(main())


@pytest.mark.parametrize("queue", [{"length": 0}, {"wait": "0s"}])
def test_without_a_queue_nobody_waits(queue: dict[str, object]) -> None:
    async def main() -> None:
        async with scene(slow(), policies=for_all(queue=queue, **ALONE)) as stage:
            seen = await crowd(stage, [READ] * 3)
            assert [(each.status, each.took) for each in seen] == [(200, 1), (503, 0), (503, 0)]

    run(main())


async def asked_in_turn(stage: Scene, requests: list[bytes]) -> list[Read]:
    """What clients saw that asked one after the other, while no time passed."""
    async with asyncio.TaskGroup() as group:
        reads = []
        for number, request in enumerate(requests):
            reads.append(group.create_task(read(stage, request), name=f"client {number}"))
            await turns(10)
    return [task.result() for task in reads]


def test_the_line_of_the_edge_is_in_the_order_of_priorities() -> None:
    async def main() -> None:
        policies = [
            policy(RAG, priority="interactive", queue={"wait": "9s"}),
            policy(TRAINING, priority="background", queue={"wait": "9s"}),
            {"policy": "rest", "queue": {"wait": "9s"}},
        ]
        # Faster than the ageing of a class, by which it would get a turn.
        async with scene(slow(0.0625), tenants=TENANTS, limits={"concurrency": 1}, policies=policies) as stage:
            requests = [READ, *[get(KEY, claim(TRAINING))] * 2, *[READ] * 2, *[get(KEY, claim(RAG))] * 2]
            seen = await asked_in_turn(stage, requests)
            assert [each.took * 16 for each in seen] == [1, 6, 7, 4, 5, 2, 3]

    run(main())


def test_a_higher_priority_takes_a_place_in_a_full_line() -> None:
    async def main() -> None:
        queue = {"wait": "9s", "length": 2}
        policies = [
            policy(RAG, priority="interactive", queue=queue),
            policy(TRAINING, priority="background", queue=queue),
        ]
        async with scene(slow(0.125), tenants=TENANTS, limits={"concurrency": 1}, policies=policies) as stage:
            training, rag = get(KEY, claim(TRAINING)), get(KEY, claim(RAG))
            seen = await asked_in_turn(stage, [training, training, training, rag])
            assert [(each.status, each.took) for each in seen] == [(200, 0.125), (200, 0.375), (503, 0), (200, 0.25)]
            assert b"requests of a higher priority" in seen[2].body

    run(main())


def test_a_line_of_length_0_lets_nobody_take_anothers_place() -> None:
    async def main() -> None:
        policies = [
            policy(RAG, priority="interactive", queue={"length": 0}),
            policy(TRAINING, priority="background", queue={"wait": "9s"}),
        ]
        async with scene(slow(0.125), tenants=TENANTS, limits={"concurrency": 1}, policies=policies) as stage:
            training, rag = get(KEY, claim(TRAINING)), get(KEY, claim(RAG))
            seen = await asked_in_turn(stage, [training, training, rag])
            assert [(each.status, each.took) for each in seen] == [(200, 0.125), (200, 0.25), (503, 0)]

    run(main())


def test_one_tenant_alone_cannot_fill_the_line_of_the_edge() -> None:
    async def main() -> None:
        policies = for_all(queue={"wait": "9s", "length": 4})
        async with scene(slow(0.125), tenants=TENANTS, limits={"concurrency": 1}, policies=policies) as stage:
            training, rag = get(KEY, claim(TRAINING)), get(KEY, claim(RAG))
            seen = await asked_in_turn(stage, [*[training] * 6, rag, rag])
            assert [each.status for each in seen] == [200, 200, 200, 503, 503, 503, 200, 200]

    run(main())


def test_a_client_that_leaves_gives_up_its_place_in_the_line() -> None:
    async def main() -> None:
        node = slow()
        async with scene(node, policies=for_all(queue={"wait": "9s", "length": 1}, **ALONE)) as stage:
            first = asyncio.create_task(read(stage, READ), name="first")
            await turns()
            async with stage.dial() as leaver:
                await leaver.send(get("/bucket/2B"))
                await turns()
                assert stage.edge.admission.waiting == 1
            await turns()
            assert stage.edge.admission.waiting == 0
            assert (await read(stage, READ)).took == 2
            assert (await first).took == 1
            assert [request.path for request in node.requests] == [KEY, KEY]

    run(main())


def test_a_client_that_leaves_while_it_is_served_makes_room_at_once() -> None:
    async def main() -> None:
        async with scene(slow(), policies=for_all(queue={"wait": "9s"}, **ALONE)) as stage:
            async with stage.dial() as leaver:
                await leaver.send(READ)
                await turns()
                second = asyncio.create_task(read(stage, READ), name="second")
                await asyncio.sleep(0.5)
                assert stage.edge.admission.waiting == 1
            assert (await second).took == 1.5

    run(main())


def test_all_who_wait_leave_in_the_very_moment_of_their_turn() -> None:
    async def main() -> None:
        async with scene(slow(), policies=for_all(queue={"wait": "9s"}, **ALONE)) as stage:
            first = asyncio.create_task(read(stage, READ), name="first")
            await turns()
            waiting = [asyncio.create_task(read(stage, READ), name=f"waits {number}") for number in range(5)]
            await asyncio.sleep(1)
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
            await first
            await stage.rests()
            assert (await read(stage, READ)).took == 1

    run(main())


def test_refusals_of_a_client_that_does_not_wait_come_late() -> None:
    async def main() -> None:
        policies = for_all(limits={"requests": "1/s"}, queue={"length": 0})
        async with scene(Storage(), policies=policies) as stage:
            seen = await keep_asking(stage, READ, 200, 5)
            refused = [each for each in seen if each.status == 503]
            assert len(refused) <= REFUSALS + 1 + 200 * 6, "one a second for each connection"
            assert max(each.took for each in refused) == 1
            calm = [await read(stage, READ, "198.51.100.7") for _ in range(3)][-1]
            assert (calm.status, calm.took) == (503, 0), "others are told at once"

    run(main())


def test_a_client_that_has_calmed_down_is_soon_refused_at_once_again() -> None:
    """Regression: the debt of a client that was refused 400 times a second for a minute took an hour to be paid."""

    async def main() -> None:
        policies = for_all(limits={"requests": "1/s"}, queue={"length": 0})
        async with scene(Storage(), policies=policies) as stage:
            await keep_asking(stage, READ, 200, 5)
            await asyncio.sleep(1.25)
            assert (await read(stage, READ)).status == 200
            refused = await read(stage, READ)
            assert (refused.status, refused.took) == (503, 0)

    run(main())


def test_a_client_that_leaves_while_its_refusal_is_held_back_is_forgotten() -> None:
    async def main() -> None:
        policies = for_all(limits={"requests": "1/s"}, queue={"length": 0})
        async with scene(Storage(), policies=policies) as stage:
            await crowd(stage, [READ] * 120)
            began = now()
            async with stage.dial() as leaver:
                await leaver.send(READ)
                await turns()
                assert stage.count("exchanges_inflight") == {(): 1}
            await stage.rests()
            assert now() == began

    run(main())
