"""Retry permits: who gets one at once, who waits, and that none is ever lost."""

import asyncio

import pytest

from s3edge.proxy.permits import Permits
from s3edge.resilience.budget import RetryBudget
from tests.support.virtual_time import run


def permits(least: int, share: float = 0.0, live: int = 0) -> Permits:
    return Permits(RetryBudget(share, least), lambda: live)


def now() -> float:
    return asyncio.get_running_loop().time()


def test_a_permit_is_taken_at_once_as_long_as_the_budget_has_one() -> None:
    async def main() -> None:
        some = permits(least=1, share=0.2, live=10)
        assert [some.take_now() for _ in range(3)] == [True, True, False]
        assert some.taken == 2
        some.give_back()
        assert some.take_now()

    run(main())


def test_who_waits_gets_permits_in_turn() -> None:
    async def main() -> None:
        some = permits(least=1)
        assert await some.take(10.0)
        order: list[tuple[int, float]] = []

        async def retry(number: int) -> None:
            assert await some.take(10.0)
            order.append((number, now()))
            await asyncio.sleep(1)
            some.give_back()

        async with asyncio.TaskGroup() as group:
            for number in range(3):
                group.create_task(retry(number), name=f"retry {number}")
            await asyncio.sleep(2)
            some.give_back()
        assert order == [(0, 2.0), (1, 3.0), (2, 4.0)]
        assert some.taken == 0

    run(main())


def test_a_newcomer_does_not_overtake_who_waits() -> None:
    async def main() -> None:
        live = 0
        some = Permits(RetryBudget(0.5, 1), lambda: live)
        assert some.take_now()
        waiting = asyncio.create_task(some.take(10.0), name="waits")
        await asyncio.sleep(1)
        live = 100  # the budget has permits now, but nobody has told those who wait
        assert not some.take_now()
        some.give_back()
        assert await waiting
        assert some.take_now()

    run(main())


def test_one_permit_that_comes_back_serves_all_who_may_go_by_now() -> None:
    async def main() -> None:
        live = 0
        some = Permits(RetryBudget(0.5, 1), lambda: live)
        assert some.take_now()
        waiting = [asyncio.create_task(some.take(10.0), name=f"retry {number}") for number in range(3)]
        await asyncio.sleep(1)
        live = 4
        some.give_back()
        await asyncio.sleep(0)
        assert [task.done() for task in waiting] == [True, True, False]
        assert some.taken == 2
        some.give_back()
        assert await waiting[2]

    run(main())


@pytest.mark.parametrize("limit", [0.0, 2.0])
def test_a_wait_ends_at_its_limit_and_leaves_no_place_in_the_queue(limit: float) -> None:
    async def main() -> None:
        some = permits(least=1)
        assert some.take_now()
        assert not await some.take(limit)
        assert now() == limit
        some.give_back()
        assert (some.taken, some.take_now()) == (0, True)

    run(main())


@pytest.mark.parametrize("limit_is_first", [True, False])
def test_a_permit_that_comes_in_the_moment_of_the_limit_is_used_or_goes_to_the_next(limit_is_first: bool) -> None:
    async def main() -> None:
        some = permits(least=1)
        assert some.take_now()
        if not limit_is_first:
            asyncio.get_running_loop().call_at(2.0, some.give_back)
        first = asyncio.create_task(some.take(2.0), name="first")
        await asyncio.sleep(0)
        if limit_is_first:
            asyncio.get_running_loop().call_at(2.0, some.give_back)
        second = asyncio.create_task(some.take(3.0), name="second")
        taken = [await first, await second]
        assert taken.count(True) == some.taken == 1

    run(main())


@pytest.mark.parametrize("has_come", [False, True])
def test_who_is_cancelled_takes_no_permit_along(has_come: bool) -> None:
    async def main() -> None:
        some = permits(least=1)
        assert some.take_now()
        gone = asyncio.create_task(some.take(10.0), name="leaves")
        stays = asyncio.create_task(some.take(10.0), name="stays")
        await asyncio.sleep(0)
        if has_come:
            some.give_back()  # it is given to the first, who has not woken yet
        gone.cancel()
        await asyncio.wait([gone])
        assert gone.cancelled()
        if not has_come:
            some.give_back()
        assert await stays
        assert some.taken == 1

    run(main())


def test_a_turn_whose_owner_was_cancelled_a_moment_ago_is_passed_over() -> None:
    async def main() -> None:
        some = permits(least=1)
        assert some.take_now()
        gone = asyncio.create_task(some.take(10.0), name="leaves")
        stays = asyncio.create_task(some.take(10.0), name="stays")
        await asyncio.sleep(0)
        gone.cancel()
        some.give_back()
        assert await stays
        assert (gone.cancelled(), some.taken) == (True, 1)

    run(main())


def test_nothing_is_left_while_somebody_waits() -> None:
    async def main() -> None:
        some = permits(least=1, share=0.2, live=10)
        assert some.left == 2
        assert some.take_now()
        assert some.left == 1
        assert some.take_now()
        waiting = asyncio.create_task(some.take(5.0), name="wait")
        await asyncio.sleep(1)
        assert some.left == 0
        some.give_back()
        assert await waiting
        assert some.left == 0

    run(main())
