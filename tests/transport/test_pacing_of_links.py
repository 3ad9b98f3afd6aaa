"""Who goes first on a link, and how a link is shared: exact bytes at exact virtual times."""

import asyncio

import pytest

from s3edge.config.qos import Priority
from s3edge.qos.account import Account, VirtualTime
from s3edge.qos.bucket import Bucket
from s3edge.qos.line import Rank
from s3edge.transport.pacing import LINK_BURST, Pacer
from s3edge.transport.wheel import FINE_TICK
from tests.support.virtual_time import run
from tests.transport.pacing import BURST, KIB, MIB, Body, Job, is_idle, new_pacer, now, timers


def weighted(pacer: Pacer, jobs: tuple[int, ...], weights: tuple[float, ...], rate: float) -> list[list[Job]]:
    """So many jobs of each tenant, which share a link of `rate` by weight; they begin at once."""
    time, link = VirtualTime(), pacer.link(rate)
    sizes = (4 * KIB, 8 * MIB, 64 * KIB, MIB, 200_000)
    tenants = []
    for count, weight in zip(jobs, weights, strict=True):
        account = Account(time, weight)
        tenants.append([Job(pacer, sizes[start:] + sizes[:start], account, link) for start in range(count)])
    for job in (job for tenant in tenants for job in tenant):
        job.go_on()
    return tenants


@pytest.mark.parametrize("jobs", [(4, 4), (1, 1), (1, 5), (5, 1)])
def test_tenants_share_a_link_by_weight_whatever_the_sizes_and_the_number_of_flows(jobs: tuple[int, int]) -> None:
    async def main() -> list[Account]:
        pacer = new_pacer()
        tenants = weighted(pacer, jobs, (3.0, 1.0), 10 * MIB)
        await asyncio.sleep(60)
        return [tenant[0]._account for tenant in tenants]

    three, one = run(main())
    assert three.virtual * 3 / one.virtual == pytest.approx(3.0, rel=0.05)
    assert three.virtual * 3 + one.virtual == pytest.approx(600 * MIB, rel=0.02)


def test_what_an_idle_tenant_leaves_the_others_get() -> None:
    async def main() -> Account:
        pacer = new_pacer()
        (tenant, _) = weighted(pacer, (4, 0), (1.0, 1000.0), 10 * MIB)
        await asyncio.sleep(60)
        return tenant[0]._account

    assert run(main()).virtual >= 0.98 * 600 * MIB


@pytest.mark.parametrize("rate", [10 * MIB, 60_000_000, 1024 * MIB])
def test_an_interactive_flow_gets_its_next_quantum_a_tick_after_the_debt_at_most(rate: float) -> None:
    async def main() -> None:
        pacer = new_pacer()
        time, link = VirtualTime(), pacer.link(rate)
        for _ in range(50):
            Body(pacer, account=Account(time), priority=Priority.BACKGROUND, link=link).go_on()
        await asyncio.sleep(50 * 64 * KIB / rate + 5)
        interactive = Body(pacer, 100 * KIB, account=Account(time), priority=Priority.INTERACTIVE, link=link)
        asked, owed = now(), link.delay(now())
        interactive.go_on()
        await asyncio.sleep(1)
        assert interactive.left == 0
        assert now() - 1 == asked
        assert interactive.moves[-1][0] - asked <= owed + FINE_TICK

    run(main())


def test_background_flows_go_on_while_interactive_ones_want_all() -> None:
    async def main() -> int:
        pacer = new_pacer()
        time, link = VirtualTime(), pacer.link(16 * MIB)
        for _ in range(3):
            Body(pacer, account=Account(time), priority=Priority.INTERACTIVE, link=link).go_on()
        background = Body(pacer, account=Account(time), priority=Priority.BACKGROUND, link=link)
        background.go_on()
        await asyncio.sleep(20)
        return background.moved(10, 20)

    assert run(main()) == pytest.approx(20 * 128 * KIB, abs=2 * 128 * KIB)  # two turns a second


def test_a_slow_node_holds_up_no_other_of_its_cluster() -> None:
    async def main() -> None:
        pacer = new_pacer()
        time, cluster = VirtualTime(), pacer.link(40 * MIB)
        slow, fast = pacer.link(MIB, cluster), pacer.link(100 * MIB, cluster)
        held = [Body(pacer, account=Account(time), link=slow) for _ in range(20)]
        free = Body(pacer, account=Account(time), link=fast)
        for body in (*held, free):
            body.go_on()
        await asyncio.sleep(30)
        assert sum(body.moved(10, 30) for body in held) == pytest.approx(20 * MIB, rel=0.01)
        assert free.moved(10, 30) == pytest.approx(20 * 39 * MIB, rel=0.01)

    run(main())


def test_tenants_share_a_cluster_by_weight_over_all_its_nodes() -> None:
    async def main() -> tuple[int, int]:
        pacer = new_pacer()
        time, cluster = VirtualTime(), pacer.link(40 * MIB)
        nodes = [pacer.link(60 * MIB, cluster) for _ in range(4)]
        three, one = Account(time, 3.0), Account(time, 1.0)
        heavy = [Body(pacer, account=three, link=nodes[0])]
        light = [Body(pacer, account=one, link=node) for node in nodes]
        for body in (*heavy, *light):
            body.go_on()
        await asyncio.sleep(30)
        return sum(body.moved(10, 30) for body in heavy), sum(body.moved(10, 30) for body in light)

    heavy, light = run(main())
    assert heavy / light == pytest.approx(3.0, rel=0.05)
    assert heavy + light == pytest.approx(800 * MIB, rel=0.01)


class Requests:
    """Requests that wait beside the flows; each is charged with 64 KiB when it starts."""

    def __init__(self, body: Body, account: Account, waiting: int) -> None:
        self.started: list[float] = []
        self.waiting = waiting
        self._link = body.flow.link
        self._account = account

    def has_waiting(self) -> bool:
        return self.waiting > 0

    def rank(self, now: float) -> Rank | None:
        return Rank(1.0, self._account.virtual, 0.0) if self.waiting else None

    def serve(self, now: float) -> bool:
        if len(self.started) == 100:
            return False  # all places are taken
        self.waiting -= 1
        self.started.append(now)
        assert self._link is not None
        self._link.charge(self._account, 64 * KIB, now)
        return True


def test_requests_that_wait_for_a_link_share_it_with_the_flows() -> None:
    async def main() -> None:
        pacer = new_pacer()
        time, link = VirtualTime(), pacer.link(8 * MIB)
        body = Body(pacer, account=Account(time), link=link)
        requests = Requests(body, Account(time), 1000)
        link.contenders.append(requests)
        body.go_on()
        link.wake()
        await asyncio.sleep(1.5)
        assert 64 * KIB * len(requests.started) == pytest.approx(6 * MIB, rel=0.05)
        assert body.moved() == pytest.approx(6 * MIB, rel=0.05)
        await asyncio.sleep(10)
        assert len(requests.started) == 100
        assert body.moved(5, 10) == pytest.approx(40 * MIB, rel=0.01), "whom no place is free for takes nothing"

    run(main())


def test_a_link_serves_those_who_wait_beside_the_flows_also_when_there_is_no_flow() -> None:
    async def main() -> None:
        pacer = new_pacer()
        link = pacer.link(8 * MIB)
        requests = Requests(Body(pacer, 0, link=link), Account(VirtualTime()), 10)
        link.contenders.append(requests)
        link.wake()
        await asyncio.sleep(1)
        assert requests.waiting == 0
        assert requests.started[:4] == [FINE_TICK] * 4  # what was saved, less what the flow's first quantum took
        assert is_idle(pacer)
        assert timers() == 0

    run(main())


def test_a_flow_that_has_had_its_turn_on_a_link_waits_for_a_cap_that_others_have_used_up() -> None:
    async def main() -> None:
        pacer = new_pacer()
        time, cap, link = VirtualTime(), Bucket(8 * MIB, BURST), pacer.link(10 * MIB)
        capped = [Body(pacer, account=Account(time), caps=(cap,), link=link) for _ in range(30)]
        other = Body(pacer, account=Account(time, 100.0), link=link)
        for body in (*capped, other):
            body.go_on()
        await asyncio.sleep(30)  # the other one takes nearly all, so all of these stand before the link
        other.left = 1
        await asyncio.sleep(30)
        for begin in (30.0, 31.0, 40.0):
            assert sum(body.moved(begin, begin + 10) for body in capped) <= 1.05 * 80 * MIB
        assert sum(body.moved(40, 50) for body in capped) == pytest.approx(80 * MIB, rel=0.01)

    run(main())


def test_what_a_link_may_catch_up_is_a_few_ticks() -> None:
    async def main() -> None:
        pacer = new_pacer()
        link = pacer.link(MIB)
        link.charge(Account(VirtualTime()), 0, 100.0)
        link.charge(Account(VirtualTime()), MIB, 100.0)
        assert link.delay(100.0) == 1 - LINK_BURST

    run(main())


def test_another_rate_holds_at_once_for_those_who_wait() -> None:
    async def main() -> None:
        pacer = new_pacer()
        link = pacer.link(1.0)
        body = Body(pacer, MIB, link=link)
        body.go_on()
        await asyncio.sleep(1)
        assert body.moved() == 64 * KIB
        link.change(100 * MIB, now())  # what is owed is paid within a tick
        await asyncio.sleep(0.1)
        assert body.left == 0

    run(main())
