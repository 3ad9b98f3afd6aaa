"""Who may move how much when: exact bytes at exact virtual times."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3edge.config.qos import Priority
from s3edge.qos.account import Account, VirtualTime
from s3edge.qos.bucket import Bucket
from s3edge.transport.pacing import TRICKLE, TRICKLE_EVERY, Flow, Pacer
from s3edge.transport.wheel import FINE_TICK
from tests.support.virtual_time import run
from tests.transport.pacing import BURST, KIB, MIB, Body, is_idle, new_pacer, now, timers


def a_flow(pacer: Pacer, *caps: Bucket) -> Flow:
    return pacer.flow(Account(VirtualTime()), Priority.NORMAL, caps, None)


def nothing() -> None:
    """To go on with."""


# Quanta.


@pytest.mark.parametrize(
    "rate, quantum",
    [(1.0, 64 * KIB), (8 * MIB, 64 * KIB), (16 * MIB, 128 * KIB), (128 * MIB, MIB), (1024 * MIB, MIB)],
)
def test_a_quantum_is_what_the_slowest_rate_brings_in_a_tick_within_bounds(rate: float, quantum: int) -> None:
    async def main() -> None:
        pacer = new_pacer()
        cluster = pacer.link(512 * MIB)
        for caps, link in [
            ((Bucket(rate, BURST), Bucket(2048 * MIB, BURST)), None),
            ((Bucket(2048 * MIB, BURST),), pacer.link(rate)),
            ((), pacer.link(rate, cluster)),
            ((), pacer.link(2048 * MIB, pacer.link(rate))),
        ]:
            flow = pacer.flow(Account(VirtualTime()), Priority.NORMAL, caps, link)
            flow.leave()
            assert flow.ask(nothing)
            assert flow.allowance == quantum
            flow.leave()

    run(main())


def test_the_first_quantum_is_there_at_once_whatever_is_owed_and_adds_to_the_debt() -> None:
    async def main() -> None:
        pacer = new_pacer()
        cap, link = Bucket(MIB, BURST), pacer.link(MIB)
        cap.take(10 * MIB, 0.0)
        link.charge(Account(VirtualTime()), 10 * MIB, 0.0)
        before = cap.delay(0.0), link.delay(0.0)
        flow = pacer.flow(Account(VirtualTime()), Priority.BACKGROUND, (cap,), link)
        assert (flow.allowance, flow.awaits_quantum) == (64 * KIB, False)
        assert (cap.delay(0.0), link.delay(0.0)) == (before[0] + 1 / 16, before[1] + 1 / 16)

    run(main())


def test_what_is_left_of_an_allowance_is_given_back_and_what_is_overdrawn_charged() -> None:
    async def main() -> None:
        pacer = new_pacer()
        cap, cluster = Bucket(MIB, BURST), pacer.link(MIB)
        node, account = pacer.link(MIB, cluster), Account(VirtualTime(), 2.0)
        for moved in (1000, 0, 300_000):
            flow = pacer.flow(account, Priority.NORMAL, (cap,), node)
            flow.allowance -= moved
            flow.leave()
            flow.leave()
        assert cap.taken == node.bucket.taken == cluster.bucket.taken == 301_000
        assert account.virtual == 150_500

    run(main())


def test_an_overdraft_is_paid_before_the_next_quantum() -> None:
    async def main() -> None:
        pacer = new_pacer()
        cap = Bucket(MIB, BURST)
        flow = a_flow(pacer, cap)
        flow.allowance -= 256 * KIB  # one read of a socket: 192 KiB too much
        assert flow.ask(nothing)
        assert (flow.allowance, cap.taken) == (64 * KIB, 320 * KIB)

    run(main())


def test_who_asks_once_more_is_told_once() -> None:
    async def main() -> None:
        told: list[float] = []
        pacer = new_pacer()
        cap = Bucket(MIB, BURST)
        flow = a_flow(pacer, cap)
        cap.take(MIB, 0.0)
        flow.allowance = 0
        for _ in range(3):
            assert not flow.ask(lambda: told.append(now()))
        assert flow.awaits_quantum
        await asyncio.sleep(10)
        assert told == [0.8125]  # 64 KiB and 1 MiB were owed, less the burst of 0.25 s
        assert not flow.awaits_quantum

    run(main())


def test_while_nobody_waits_there_is_no_timer() -> None:
    async def main() -> None:
        pacer = new_pacer()
        body = Body(pacer, MIB, caps=(Bucket(MIB, BURST),))
        assert timers() == 0
        body.go_on()
        assert timers() == 1
        await asyncio.sleep(2)
        assert body.left == 0
        assert timers() == 0
        assert is_idle(pacer)

    run(main())


# Caps.


@pytest.mark.parametrize("rate, flows", [(0.5 * MIB, 1), (MIB, 40), (50 * MIB, 1), (50 * MIB, 40), (700 * MIB, 40)])
def test_a_cap_holds_within_5_percent_over_any_10_s(rate: float, flows: int) -> None:
    async def main() -> list[Body]:
        pacer = new_pacer()
        cap = Bucket(rate, BURST)
        bodies = [Body(pacer, caps=(cap,)) for _ in range(flows)]
        for body in bodies:
            body.go_on()
        await asyncio.sleep(90)
        return bodies

    bodies = run(main())
    # The first quanta are spent first and waited for later.
    start = 20 + flows * 64 * KIB / rate
    for begin in (start, start + 7.3, start + 31.007):
        moved = sum(body.moved(begin, begin + 10) for body in bodies)
        assert moved == pytest.approx(10 * rate, rel=0.05, abs=64 * KIB)


def test_those_who_wait_for_a_cap_are_served_in_turn() -> None:
    async def main() -> None:
        pacer = new_pacer()
        cap = Bucket(8 * MIB, BURST)
        cap.take(8 * MIB, 0.0)
        bodies = [Body(pacer, caps=(cap,)) for _ in range(5)]
        for body in bodies:
            body.go_on()
        await asyncio.sleep(10)
        counts = [len(body.moves) for body in bodies]
        assert max(counts) - min(counts) <= 1

    run(main())


def test_a_newcomer_goes_behind_those_who_wait_also_when_the_debt_was_just_paid() -> None:
    async def main() -> None:
        pacer = new_pacer()
        cap = Bucket(MIB, BURST)
        first, second = Body(pacer, caps=(cap,)), Body(pacer, caps=(cap,))
        cap.take(1000, 0.0)
        first.go_on()
        await asyncio.sleep(cap.delay(0.0))
        assert cap.delay(now()) == 0
        assert first.flow.awaits_quantum
        second.go_on()
        assert second.flow.awaits_quantum
        before = len(first.moves)
        await asyncio.sleep(FINE_TICK)
        assert (len(first.moves), len(second.moves)) == (before + 1, 1)

    run(main())


def test_who_falls_under_a_narrow_and_a_wide_cap_takes_nothing_from_the_others() -> None:
    async def main() -> tuple[list[Body], list[Body]]:
        pacer = new_pacer()
        edge, tenant = Bucket(40 * MIB, BURST), Bucket(10 * MIB, BURST)
        capped = [Body(pacer, caps=(tenant, edge)) for _ in range(30)]
        others = [Body(pacer, caps=(edge,)) for _ in range(3)]
        for body in (*capped, *others):
            body.go_on()
        await asyncio.sleep(40)
        return capped, others

    capped, others = run(main())
    of_capped, of_others = (sum(body.moved(20, 40) for body in bodies) for bodies in (capped, others))
    assert of_capped <= 1.05 * 200 * MIB
    assert of_capped + of_others == pytest.approx(800 * MIB, rel=0.01)
    # First come, first served: each of the three has at least the turns of each of the thirty.
    assert min(body.moved(20, 40) for body in others) >= max(body.moved(20, 40) for body in capped)


def test_a_cap_that_is_no_longer_holds_nobody_up() -> None:
    async def main() -> None:
        pacer = new_pacer()
        cap = Bucket(1.0, BURST)
        body = Body(pacer, MIB, caps=(cap,))
        body.go_on()
        await asyncio.sleep(1)
        assert body.left
        cap.change(float("inf"), BURST, now())
        await asyncio.sleep(FINE_TICK)
        assert body.left == 0

    run(main())


# Trickle.


@pytest.mark.parametrize("is_cap", [True, False])
def test_who_has_waited_for_15_s_gets_a_little_whatever_is_owed(is_cap: bool) -> None:
    async def main() -> list[tuple[float, int]]:
        pacer = new_pacer()
        cap, link = Bucket(1.0, BURST), pacer.link(1.0)
        body = Body(pacer, 100 * KIB, caps=(cap,) if is_cap else (), link=None if is_cap else link)
        body.go_on()
        await asyncio.sleep(100)
        assert is_idle(pacer)
        return body.moves

    assert (TRICKLE_EVERY, TRICKLE) == (15.0, 16 * KIB)
    # A tick later than 15 s after it asked, as time limits are.
    times = [0.0, 15.0, 30.0, 45.0]
    assert [size for _, size in run(main())] == [64 * KIB, 16 * KIB, 16 * KIB, 4 * KIB]
    assert [at for at, _ in run(main())] == pytest.approx(times, abs=4 * FINE_TICK)


def test_a_cap_holds_for_many_who_only_trickle() -> None:
    async def main() -> int:
        pacer = new_pacer()
        cap = Bucket(0.1 * MIB, BURST)
        bodies = [Body(pacer, caps=(cap,)) for _ in range(40)]
        for body in bodies:
            body.go_on()
        await asyncio.sleep(400)
        assert max(body.longest_pause for body in bodies) <= TRICKLE_EVERY + FINE_TICK
        return sum(body.moved(100, 400) for body in bodies)

    assert run(main()) == pytest.approx(30 * MIB, rel=0.05)


# Leaving and changing.


def test_whoever_leaves_is_known_nowhere_in_whatever_state_it_was() -> None:
    async def main() -> None:
        pacer = new_pacer()
        cap, link = Bucket(MIB, BURST), pacer.link(MIB)
        cap.take(MIB, 0.0)
        at_cap = Body(pacer, caps=(cap,), link=link)
        at_link = Body(pacer, link=link)
        idle = Body(pacer, caps=(cap,), link=link)
        for body in (at_cap, at_link):
            body.flow.allowance -= MIB
            assert not body.flow.ask(body.go_on)
        assert (at_cap.flow.cap, at_link.flow.cap) == (cap, None)
        assert not is_idle(pacer)
        for body in (at_cap, at_link, idle):
            body.flow.leave()
        assert (cap.taken, link.bucket.taken) == (2 * MIB, 2 * MIB)
        await asyncio.sleep(FINE_TICK)
        assert is_idle(pacer)
        assert not link.has_waiting()
        await asyncio.sleep(10)
        assert at_cap.moves == at_link.moves == []
        assert timers() == 0

    run(main())


def test_who_is_withdrawn_by_another_of_the_same_tick_is_not_told_to_go_on() -> None:
    async def main() -> None:
        told: list[str] = []
        pacer = new_pacer()
        cap = Bucket(64 * MIB, BURST)
        first, second = a_flow(pacer, cap), a_flow(pacer, cap)
        cap.take(32 * MIB, 0.0)
        first.allowance = second.allowance = -1

        def leave() -> None:
            told.append("first")
            second.leave()

        first.ask(leave)
        second.ask(lambda: told.append("second"))
        cap.change(float("inf"), BURST, 0.0)  # the next tick serves both
        await asyncio.sleep(1)
        assert told == ["first"]
        assert is_idle(pacer)

    run(main())


def test_a_flow_may_leave_and_ask_again() -> None:
    async def main() -> None:
        pacer = new_pacer()
        cap = Bucket(MIB, BURST)
        body = Body(pacer, MIB, caps=(cap,))
        body.go_on()
        body.flow.leave()
        await asyncio.sleep(5)
        assert body.left > 0
        assert body.flow.ask(body.go_on)
        body.go_on()
        await asyncio.sleep(5)
        assert body.left == 0
        assert cap.taken == MIB

    run(main())


@pytest.mark.parametrize("is_cap", [True, False])
def test_a_flow_that_waits_goes_on_at_once_when_its_limits_are_gone(is_cap: bool) -> None:
    async def main() -> None:
        pacer = new_pacer()
        cap, link, account = Bucket(1.0, BURST), pacer.link(1.0), Account(VirtualTime())
        body = Body(pacer, 300 * KIB, caps=(cap,) if is_cap else (), link=None if is_cap else link)
        body.go_on()
        assert body.flow.awaits_quantum
        body.flow.change(account, Priority.BACKGROUND, (), pacer.link(MIB))
        assert (body.flow.account, body.flow.priority) == (account, Priority.BACKGROUND)
        await asyncio.sleep(1)
        assert body.left == 0
        assert (account.virtual, cap.taken, link.bucket.taken) == (
            236 * KIB,
            64 * KIB if is_cap else 0,
            0 if is_cap else 64 * KIB,
        )

    run(main())


def test_a_closed_pacer_gives_nothing_more() -> None:
    async def main() -> None:
        pacer = new_pacer()
        body = Body(pacer, caps=(Bucket(MIB, BURST),))
        body.go_on()
        pacer.close()
        pacer.close()
        moved = body.moved()
        await asyncio.sleep(100)
        assert body.moved() == moved

    run(main())


STEPS = st.lists(st.tuples(st.sampled_from(["ask", "leave", "overdraw", "pass"]), st.integers(0, 5)), max_size=60)


@given(STEPS)
def test_whatever_flows_do_each_bucket_is_charged_with_what_moved_in_the_end(steps: list[tuple[str, int]]) -> None:
    async def main() -> None:
        pacer = new_pacer()
        narrow, wide = Bucket(0.3 * MIB, BURST), Bucket(MIB, BURST)
        cluster = pacer.link(0.8 * MIB)
        node, time = pacer.link(0.5 * MIB, cluster), VirtualTime()
        ways = [((), None), ((narrow, wide), None), ((wide,), node), ((narrow,), cluster), ((), node), ((wide,), None)]
        bodies = [Body(pacer, account=Account(time), caps=caps, link=link) for caps, link in ways[1:]]
        for what, number in steps:
            body = bodies[number % len(bodies)]
            if what == "ask" and not body.flow.awaits_quantum:
                body.flow.allowance -= 100_000
                body.moves.append((now(), 100_000))
                if body.flow.allowance <= 0:
                    body.flow.ask(nothing)
            elif what == "overdraw":
                body.flow.allowance -= 300_000
                body.moves.append((now(), 300_000))
            elif what == "leave":
                body.flow.leave()
            else:
                await asyncio.sleep(number * 0.1)
        for body in bodies:
            body.flow.leave()
        await asyncio.sleep(FINE_TICK)
        assert is_idle(pacer)
        for bucket in (narrow, wide, node.bucket, cluster.bucket):
            expected = sum(
                body.moved()
                for body, (caps, link) in zip(bodies, ways[1:], strict=True)
                if bucket in caps or (link is not None and bucket in (link.bucket, link.root.bucket))
            )
            assert bucket.taken == pytest.approx(expected, abs=1)

    run(main())
