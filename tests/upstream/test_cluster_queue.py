"""Requests that wait for a node that can take them, since all are throttled."""

import asyncio

import pytest

from s3edge.config.resilience import Queue
from s3edge.qos.account import Account, VirtualTime
from s3edge.upstream.places import FullError
from tests.support.virtual_time import run
from tests.upstream.clusters import Bench, now


def test_while_a_node_has_room_nobody_waits() -> None:
    async def main() -> None:
        bench = Bench("a", "b")
        bench.throttle("a")
        assert bench.cluster.is_throttled
        assert [await bench.place() for _ in range(5)] == ["b"] * 5
        assert now() == 0

    run(main())


def test_who_waits_is_served_in_turn_at_the_nodes_rate() -> None:
    async def main() -> None:
        bench = Bench("a")
        bench.throttle("a")
        queue = Queue(length=10, wait=2.0)
        served: list[tuple[int, float]] = []

        async def wait(number: int) -> None:
            assert await bench.place(queue=queue) == "a"
            served.append((number, round(now(), 6)))

        async with asyncio.TaskGroup() as group:
            for number in range(4):
                group.create_task(wait(number), name=f"request {number}")
            await asyncio.sleep(0)
            assert bench.cluster.waiting == 4
        assert served == [(0, 0.1), (1, 0.2), (2, 0.3), (3, 0.4)]
        assert bench.cluster.waiting == 0

    run(main())


def test_a_full_queue_refuses_at_once_and_a_long_wait_in_the_end() -> None:
    async def main() -> None:
        bench = Bench("a")
        bench.throttle("a", rate=0.1)
        queue = Queue(length=2, wait=0.75)
        waiting = [asyncio.create_task(bench.place(queue=queue), name=f"request {number}") for number in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(FullError, match="2 requests wait already"):
            await bench.place(queue=queue)
        assert now() == 0
        for task in waiting:
            with pytest.raises(FullError, match=r"no node could take it within 0\.75 s"):
                await task
        assert (now(), bench.cluster.waiting) == (0.75, 0)

    run(main())


def test_who_has_tried_the_node_with_room_is_passed_over_and_waits_for_another() -> None:
    """Regression: while a node had room that no waiting request could use, the loop turned without end."""

    async def main() -> None:
        bench = Bench("a", "b", "c")
        bench["c"].turned(False, 1.0, now())
        bench.throttle("b", rate=2.0)
        async with asyncio.TaskGroup() as group:
            picky = group.create_task(bench.place("a"), name="has tried a")
            await asyncio.sleep(0)
            assert await bench.place("b") == "a"
            assert now() < 0.5
        assert (picky.result(), now()) == ("b", 0.5)

    run(main())


def test_who_has_tried_all_nodes_does_not_wait_behind_others() -> None:
    async def main() -> None:
        bench = Bench("a")
        bench.throttle("a")
        async with asyncio.TaskGroup() as group:
            group.create_task(bench.place(), name="waits")
            await asyncio.sleep(0)
            assert await bench.place("a") is None
            assert now() == 0

    run(main())


@pytest.mark.parametrize("cancelled", [0, 1])
def test_who_leaves_the_queue_gives_his_turn_to_the_next(cancelled: int) -> None:
    async def main() -> None:
        bench = Bench("a")
        bench.throttle("a")
        waiting = [asyncio.create_task(bench.place(), name=f"request {number}") for number in range(2)]
        await asyncio.sleep(0.05)
        waiting[cancelled].cancel()
        assert await waiting[1 - cancelled] == "a"
        assert (now(), bench.cluster.waiting) == (0.1, 0)

    run(main())


@pytest.mark.parametrize("leaves_first", [True, False])
def test_a_turn_that_comes_as_its_owner_leaves_goes_to_the_next(leaves_first: bool) -> None:
    """Regression: a cancelled turn was given a place, which failed and took the turns of all others with it."""

    async def main() -> None:
        bench, loop = Bench("a"), asyncio.get_running_loop()
        bench.throttle("a")
        waiting: list[asyncio.Task[str | None]] = []

        def leave() -> None:
            waiting[0].cancel()

        if leaves_first:
            loop.call_at(0.1, leave)
        waiting.append(asyncio.create_task(bench.place(), name="leaves"))
        await asyncio.sleep(0)
        if not leaves_first:
            loop.call_at(0.1, leave)
        waiting.append(asyncio.create_task(bench.place(), name="stays"))
        assert await waiting[1] == "a"
        assert waiting[0].cancelled()
        assert now() == (0.1 if leaves_first else 0.2)

    run(main())


def test_a_turn_that_comes_in_the_moment_of_the_time_limit_counts() -> None:
    async def main() -> None:
        bench = Bench("a")
        bench.throttle("a")
        assert await bench.place(queue=Queue(length=1, wait=0.1)) == "a"
        assert now() == 0.1

    run(main())


def test_a_node_whose_bandwidth_is_owed_gets_nothing() -> None:
    """Regression: small answers made a debt at each node that the large bodies there waited for without end."""

    async def main() -> None:
        bench = Bench("a", "b", capacity={"node": {"bandwidth": "1MiB/s"}})
        link = bench["a"].link
        assert link is not None
        link.charge(Account(VirtualTime()), 2**20, now())
        assert [await bench.place() for _ in range(3)] == ["b"] * 3
        assert 0.4 < now() < 0.6, "half of what the cluster brings in a second is owed"

    run(main())
