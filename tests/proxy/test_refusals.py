"""Refusals that come late to those who do not mind them."""

import asyncio

from s3edge.proxy.refusals import MOST_DELAY, REFUSALS, Refusals
from tests.support.virtual_time import run


def now() -> float:
    return asyncio.get_running_loop().time()


async def held(refusals: Refusals, tenant: str = "a", address: str = "192.0.2.1") -> float:
    """For how many seconds a refusal is held back."""
    began = now()
    await refusals.hold_back(tenant, address)
    return round(now() - began, 6)


def test_those_of_a_second_are_at_once_and_then_so_many_a_second() -> None:
    async def main() -> None:
        refusals = Refusals(now)
        at_once = int(REFUSALS) + 1
        delays = [await held(refusals) for _ in range(at_once + 3)]
        assert delays == [0.0] * at_once + [1 / REFUSALS] * 3

    run(main())


def test_many_at_a_time_are_each_held_back_for_a_second_at_most() -> None:
    async def main() -> None:
        refusals = Refusals(now)
        at_once, many = int(REFUSALS) + 1, int(4 * REFUSALS)
        delays = await asyncio.gather(*(held(refusals) for _ in range(many)))
        assert delays[: at_once + 2] == [0.0] * at_once + [1 / REFUSALS, 2 / REFUSALS]
        assert sorted(delays) == delays
        assert set(delays[2 * at_once :]) == {MOST_DELAY}

    run(main())


def test_the_debt_is_paid_within_a_second_however_long_it_went_on() -> None:
    async def main() -> None:
        refusals = Refusals(now)
        for _ in range(50):
            await asyncio.gather(*(held(refusals) for _ in range(400)))
        await asyncio.sleep(MOST_DELAY + 1 / REFUSALS)
        assert await held(refusals) == 0

    run(main())


def test_tenants_and_addresses_are_refused_each_for_itself() -> None:
    async def main() -> None:
        refusals = Refusals(now)
        await asyncio.gather(*(held(refusals) for _ in range(400)))
        assert await held(refusals, tenant="b") == await held(refusals, address="192.0.2.2") == 0

    run(main())
