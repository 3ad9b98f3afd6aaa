"""Limiters: when a request may start under the limits of one scope, and what a worker has of each."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3edge.config.qos import Bandwidth, Limits, RequestRates
from s3edge.qos.limiter import LEAST_PART, LEVELS, Limiter
from s3edge.s3.operation import OperationClass

READ, WRITE, LIST = OperationClass.READ, OperationClass.WRITE, OperationClass.LIST

EVERY = Limits(
    requests=RequestRates(all=64.0, read=32.0, write=16.0, list=8.0),
    bandwidth=Bandwidth(received=1024.0, sent=2048.0),
    concurrency=4,
    connections=8,
)


def rates(**each: float) -> Limits:
    return Limits(requests=RequestRates(**each))


def started_at_once(limiter: Limiter, kind: OperationClass, now: float) -> int:
    """How many requests start until one must wait."""
    count = 0
    while not limiter.delay(kind, now):
        limiter.take(kind, now)
        count += 1
    return count


# Requests per second.


def test_requests_of_all_kinds_count_for_the_rate_of_all() -> None:
    limiter = Limiter(rates(all=64.0))
    assert started_at_once(limiter, READ, 8.0) == 17  # a burst of 0.25 s, and one that makes the debt
    assert [limiter.delay(kind, 8.0) for kind in OperationClass] == [1 / 64] * 3


@pytest.mark.parametrize("kind, others", [(READ, [WRITE, LIST]), (WRITE, [READ, LIST]), (LIST, [READ, WRITE])])
def test_a_rate_of_one_class_holds_up_no_other_class(kind: OperationClass, others: list[OperationClass]) -> None:
    limiter = Limiter(rates(**{kind: 64.0}))
    assert started_at_once(limiter, kind, 8.0) == 17
    assert [limiter.delay(other, 8.0) for other in others] == [0.0, 0.0]


def test_a_request_waits_for_the_rate_that_takes_longest() -> None:
    limiter = Limiter(rates(all=64.0, list=8.0))
    assert started_at_once(limiter, LIST, 8.0) == 3
    assert started_at_once(limiter, READ, 8.0) == 14
    assert limiter.delay(READ, 8.0) == 1 / 64
    assert limiter.delay(LIST, 8.0) == 1 / 8


def test_a_refund_gives_back_the_start_of_a_request_but_not_its_place() -> None:
    limiter = Limiter(rates(all=64.0, read=32.0))
    assert started_at_once(limiter, READ, 8.0) == 9
    limiter.refund(READ)
    assert limiter.delay(READ, 8.0) == 0.0
    assert limiter.inflight == 9
    assert (limiter.demand("requests"), limiter.demand("requests.read")) == ((8.0, False), (8.0, True))


# Body bytes.


@pytest.mark.parametrize("kind, delay", [(READ, 1.75), (LIST, 1.75), (WRITE, 0.0)])
def test_who_asks_for_bytes_waits_until_the_sent_ones_are_paid(kind: OperationClass, delay: float) -> None:
    limiter = Limiter(Limits(bandwidth=Bandwidth(received=1024.0, sent=2048.0)))
    assert limiter.sent is not None
    limiter.sent.take(4096.0, 8.0)
    assert limiter.delay(kind, 8.0) == delay


@pytest.mark.parametrize("kind, delay", [(READ, 0.0), (LIST, 0.0), (WRITE, 3.75)])
def test_who_brings_bytes_waits_until_the_received_ones_are_paid(kind: OperationClass, delay: float) -> None:
    limiter = Limiter(Limits(bandwidth=Bandwidth(received=1024.0, sent=2048.0)))
    assert limiter.received is not None
    limiter.received.take(4096.0, 8.0)
    assert limiter.delay(kind, 8.0) == delay


def test_a_direction_without_a_limit_has_no_bucket() -> None:
    limiter = Limiter(Limits(bandwidth=Bandwidth(sent=2048.0)))
    assert limiter.received is None
    assert limiter.sent is not None


# What is there at a time.


def test_the_next_request_waits_until_one_ends() -> None:
    limiter = Limiter(Limits(concurrency=2))
    assert started_at_once(limiter, READ, 8.0) == 2
    assert limiter.delay(WRITE, 1000.0) == inf
    limiter.leave()
    assert limiter.delay(WRITE, 1000.0) == 0.0


def test_connections_have_room_up_to_their_number() -> None:
    limiter = Limiter(Limits(connections=2))
    room = []
    for _ in range(3):
        room.append(limiter.has_room_for_connection())
        limiter.connections += 1
    assert room == [True, True, False]
    limiter.connections -= 2
    assert limiter.has_room_for_connection()


def test_what_is_not_limited_is_counted_all_the_same() -> None:
    limiter = Limiter(Limits(connections=2))
    for _ in range(1000):
        assert limiter.delay(READ, 8.0) == 0.0
        limiter.take(READ, 8.0)
    assert limiter.inflight == 1000


# Parts of workers.


def test_its_dimensions_are_the_limits_that_there_are_and_their_whole_amounts() -> None:
    assert Limiter(EVERY, part=0.5).dimensions == {
        "requests": 64.0,
        "requests.read": 32.0,
        "requests.write": 16.0,
        "requests.list": 8.0,
        "received": 1024.0,
        "sent": 2048.0,
        "concurrency": 4,
        "connections": 8,
    }
    assert Limiter(rates(write=16.0)).dimensions == {"requests.write": 16.0}
    assert set(Limiter(EVERY).dimensions) >= LEVELS


def test_a_new_one_has_its_part_of_each_limit() -> None:
    limiter = Limiter(EVERY, part=0.5)
    assert (limiter.sent.rate, limiter.received.rate) == (1024.0, 512.0)  # type: ignore[union-attr]
    assert started_at_once(limiter, READ, 8.0) == 2
    assert limiter.delay(READ, 8.0) == inf
    limiter.connections = 3
    assert limiter.has_room_for_connection()
    limiter.connections = 4
    assert not limiter.has_room_for_connection()


@given(st.integers(1, 1_000_000), st.integers(1, 64))
def test_the_parts_of_all_workers_are_whole_and_together_not_more_than_the_limit(whole: int, workers: int) -> None:
    limiter = Limiter(Limits(concurrency=whole), part=1 / workers)
    limiter.inflight = whole // workers
    assert limiter.delay(READ, 8.0) == inf
    if limiter.inflight:
        limiter.leave()
        assert limiter.delay(READ, 8.0) == 0.0


@given(st.integers(1, 1_000_000).flatmap(lambda whole: st.tuples(st.just(whole), st.integers(0, whole))))
def test_a_lease_of_a_level_is_exact(drawn: tuple[int, int]) -> None:
    whole, amount = drawn
    limiter = Limiter(Limits(concurrency=whole))
    limiter.lease("concurrency", float(amount), 8.0)
    limiter.inflight = amount
    assert limiter.delay(READ, 8.0) == inf
    limiter.inflight = amount - 1
    assert limiter.delay(READ, 8.0) == 0.0


def test_a_lease_of_a_rate_holds_from_now_on_and_keeps_the_debt() -> None:
    limiter = Limiter(rates(all=64.0))
    assert started_at_once(limiter, READ, 8.0) == 17
    limiter.lease("requests", 16.0, 8.0)
    assert limiter.delay(READ, 8.0) == 1 / 16
    assert started_at_once(limiter, READ, 9.0) == 5


def test_a_worker_without_a_lease_creeps_and_goes_on_as_soon_as_it_has_one() -> None:
    limiter = Limiter(rates(all=64.0), part=0.0)
    assert started_at_once(limiter, READ, 8.0) == 1
    assert limiter.delay(READ, 8.0) == pytest.approx(1 / (64.0 * LEAST_PART) - 0.25)
    limiter.lease("requests", 64.0, 8.0)
    assert limiter.delay(READ, 8.0) == pytest.approx(1 / 64, rel=0.01)


def test_a_lease_for_a_limit_that_is_gone_does_nothing() -> None:
    limiter = Limiter(rates(all=64.0))
    limiter.lease("sent", 1000.0, 8.0)
    limiter.lease("concurrency", 0.0, 8.0)
    assert limiter.sent is None
    assert limiter.delay(READ, 8.0) == 0.0


def test_a_lease_from_before_a_limit_was_lowered_is_no_more_than_the_limit() -> None:
    limiter = Limiter(Limits(bandwidth=Bandwidth(sent=8192.0)), part=0.5)
    limiter.change(Limits(bandwidth=Bandwidth(sent=1024.0)), 8.0)
    limiter.lease("sent", 4096.0, 8.0)
    assert limiter.sent is not None
    assert limiter.sent.rate == 1024.0


# What the ledger is told.


def test_the_demand_of_a_rate_is_what_was_taken_since_the_last_report() -> None:
    limiter = Limiter(Limits(requests=RequestRates(all=64.0, list=8.0), bandwidth=Bandwidth(sent=2048.0)))
    limiter.take(READ, 8.0)
    limiter.take(LIST, 8.0)
    limiter.sent.take(100.0, 8.0)  # type: ignore[union-attr]
    assert [limiter.demand(name) for name in limiter.dimensions] == [(2.0, False), (1.0, False), (100.0, False)]
    assert [limiter.demand(name) for name in limiter.dimensions] == [(0.0, False)] * 3


def test_a_refund_of_what_was_reported_before_is_no_negative_demand() -> None:
    limiter = Limiter(rates(all=64.0))
    limiter.take(READ, 8.0)
    assert limiter.demand("requests") == (1.0, False)
    limiter.refund(READ)
    assert limiter.demand("requests") == (0.0, False)


def test_the_demand_of_a_level_is_what_is_there() -> None:
    limiter = Limiter(EVERY)
    limiter.take(READ, 8.0)
    limiter.connections = 3
    assert [limiter.demand("concurrency") for _ in range(2)] == [(1.0, False)] * 2
    assert limiter.demand("connections") == (3.0, False)


def test_only_the_limits_that_somebody_had_to_wait_for_are_wanted_and_only_once() -> None:
    limiter = Limiter(rates(all=64.0, list=8.0))
    assert started_at_once(limiter, LIST, 8.0) == 3
    assert (limiter.demand("requests"), limiter.demand("requests.list")) == ((3.0, False), (3.0, True))
    assert limiter.demand("requests.list") == (0.0, False)


@pytest.mark.parametrize("dimension, limits", [("requests", rates(all=1.0)), ("concurrency", Limits(concurrency=1))])
def test_a_limit_is_wanted_as_long_as_somebody_stands_in_line(dimension: str, limits: Limits) -> None:
    limiter = Limiter(limits)
    started_at_once(limiter, READ, 8.0)
    limiter.waiting = ["a request"]
    assert [limiter.demand(dimension)[1] for _ in range(3)] == [True] * 3
    limiter.waiting = ()
    assert [limiter.demand(dimension)[1] for _ in range(2)] == [True, False]


def test_connections_are_wanted_when_one_was_refused_since_the_last_report() -> None:
    limiter = Limiter(Limits(connections=1))
    limiter.connections = 1
    limiter.waiting = ["a request"]  # it waits for something else: nobody waits to connect
    limiter.has_room_for_connection()
    assert [limiter.demand("connections") for _ in range(2)] == [(1.0, True), (1.0, False)]


# Other limits.


def test_other_limits_keep_what_is_in_flight_and_what_is_owed() -> None:
    limiter = Limiter(Limits(bandwidth=Bandwidth(sent=2048.0), concurrency=4))
    limiter.sent.take(4096.0, 8.0)  # type: ignore[union-attr]
    limiter.take(READ, 8.0)
    limiter.take(READ, 8.0)
    limiter.change(Limits(bandwidth=Bandwidth(sent=1024.0), concurrency=2), 8.0)
    assert limiter.delay(READ, 8.0) == inf
    limiter.leave()
    assert limiter.delay(READ, 8.0) == 3.5
    assert limiter.inflight == 1


def test_a_worker_keeps_its_leased_part_of_other_limits() -> None:
    limiter = Limiter(Limits(bandwidth=Bandwidth(sent=2048.0), connections=8))
    limiter.lease("sent", 512.0, 8.0)
    limiter.lease("connections", 2.0, 8.0)
    limiter.change(Limits(bandwidth=Bandwidth(sent=4096.0), connections=16), 8.0)
    limiter.connections = 3
    assert limiter.sent is not None
    assert limiter.sent.rate == 1024.0
    assert limiter.has_room_for_connection()
    limiter.connections = 4
    assert not limiter.has_room_for_connection()


def test_a_burst_that_is_changed_holds_at_the_next_pause() -> None:
    limiter = Limiter(rates(all=64.0))
    limiter.change(Limits(requests=RequestRates(all=64.0), burst=1.0), 8.0)
    assert started_at_once(limiter, READ, 20.0) == 65


def test_a_limit_that_is_gone_holds_nobody_up_also_not_a_body_that_knew_it() -> None:
    limiter = Limiter(EVERY)
    sent = limiter.sent
    assert sent is not None
    sent.take(1e6, 8.0)
    limiter.inflight = limiter.connections = 100
    limiter.change(rates(write=16.0), 8.0)
    assert sent.delay(8.0) == 0.0
    assert limiter.sent is None
    assert limiter.delay(READ, 8.0) == 0.0
    assert limiter.has_room_for_connection()
    assert started_at_once(limiter, WRITE, 8.0) == 5


def test_a_limit_that_comes_back_begins_with_the_part_of_a_new_one() -> None:
    limiter = Limiter(Limits(bandwidth=Bandwidth(sent=2048.0)), part=0.5)
    limiter.lease("sent", 2048.0, 8.0)
    limiter.change(rates(all=64.0), 8.0)
    limiter.change(Limits(bandwidth=Bandwidth(sent=2048.0)), 9.0)
    assert limiter.sent is not None
    assert (limiter.sent.rate, limiter.sent.delay(9.0)) == (1024.0, 0.0)


# When it may be forgotten.


def test_it_is_idle_when_nobody_is_there_and_every_burst_is_whole() -> None:
    limiter = Limiter(EVERY)
    assert limiter.is_idle(8.0)
    limiter.take(READ, 8.0)
    assert not limiter.is_idle(1000.0)
    limiter.leave()
    limiter.take(READ, 1000.0)
    limiter.leave()
    assert not limiter.is_idle(1000.0 + 1 / 64)
    assert limiter.is_idle(1000.0 + 1 / 32)


def test_an_open_connection_and_a_line_are_not_idle() -> None:
    limiter = Limiter(EVERY)
    limiter.connections = 1
    assert not limiter.is_idle(8.0)
    limiter.connections = 0
    limiter.waiting = ["a request"]
    assert not limiter.is_idle(8.0)
