"""Connections that count in limits, and the room that other workers lend."""

import asyncio

import pytest

from s3edge.config.qos import Limits, ScopedLimits
from s3edge.errors import Overloaded
from s3edge.fleet.shared import PERIOD
from s3edge.http1.head import parse_request
from s3edge.proxy.admission import Admission
from s3edge.proxy.connections import LENDING, count_in, count_out, full, leave
from s3edge.proxy.progress import Progress
from s3edge.qos.limiter import CONNECTIONS, Limiter
from s3edge.routing.table import Plan
from s3edge.s3.request import understand
from s3edge.transport.wheel import FINE_TICK, Wheel
from tests.proxy.stage import connected
from tests.scenarios.scene import GET, now
from tests.support.virtual_time import run

ONE = ScopedLimits(connections=1)
WORKERS = 4


def test_a_connection_counts_once_in_each_limit_until_it_leaves() -> None:
    async def main() -> None:
        first, second = Limiter(Limits(connections=2)), Limiter(Limits(connections=1))
        async with connected() as (client, _), connected() as (other, _):
            count_in(client, (first, second))
            count_in(client, (second,))
            assert (first.connections, second.connections) == (1, 1)
            assert (full(client, (first, second)), full(other, (first, second))) == (None, second)
            count_out(client, second)
            count_out(client, second)
            assert (first.connections, second.connections) == (1, 0)
            leave(client)
            leave(client)
            assert (first.connections, second.connections) == (0, 0)

    run(main())


@pytest.mark.parametrize("lent, stays, since", [(1, True, 3 * PERIOD), (0, False, LENDING * PERIOD)])
def test_a_connection_waits_for_the_room_that_other_workers_lend(lent: int, stays: bool, since: float) -> None:
    async def main() -> None:
        async with connected() as (client, _):
            admission = Admission(ONE, Wheel(asyncio.get_running_loop(), FINE_TICK), 1 / WORKERS)
            [(_, limiter)] = admission.limiters()
            assert not admission.connect(client)
            late = asyncio.create_task(admission.connect_late(client), name="late")
            await asyncio.sleep(2.5 * PERIOD)
            assert limiter.demand(CONNECTIONS) == (0, True)
            limiter.lease(CONNECTIONS, lent, now())
            assert await late is stays
            assert (round(now(), 9), limiter.connections) == (round(since, 9), lent)
            admission.close()

    run(main())


@pytest.mark.parametrize("lent, since", [(1, 3), (0, LENDING)])
def test_so_does_the_first_request_of_a_tenants_connection(lent: int, since: int) -> None:
    async def main() -> None:
        head = parse_request(GET)
        async with connected() as (client, _):
            admission = Admission(ScopedLimits(), Wheel(asyncio.get_running_loop(), FINE_TICK), 1 / WORKERS)
            progress = Progress(client, head, understand(head, ()), now(), lambda _: None)
            progress.tenant, progress.plan = "a", Plan(("c",), limits=ONE, limits_of="p")
            assert not admission.enter(progress, now())
            waiting = asyncio.create_task(admission.wait(progress), name="wait")
            await asyncio.sleep(2.5 * PERIOD)
            [(_, limiter)] = admission.limiters()
            limiter.lease(CONNECTIONS, lent, now())
            if lent:
                await waiting
            else:
                with pytest.raises(Overloaded) as refused:
                    await waiting
                assert refused.value.ends_connection
            assert (round(now(), 9), limiter.connections, limiter.inflight) == (round(since * PERIOD, 9), lent, lent)
            admission.close()

    run(main())


def test_a_worker_that_is_alone_refuses_at_once() -> None:
    async def main() -> None:
        async with connected() as (client, _), connected() as (other, _):
            admission = Admission(ONE, Wheel(asyncio.get_running_loop(), FINE_TICK))
            assert admission.connect(client)
            assert not admission.connect(other)
            assert not await admission.connect_late(other)
            assert now() == 0
            admission.close()

    run(main())
