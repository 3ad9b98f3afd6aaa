"""The leases of one worker: what it says of its limits, and what it is held to."""

from collections.abc import Callable

import pytest

from s3edge.config.qos import Bandwidth, Limits, RequestRates
from s3edge.fleet.leases import Leases
from s3edge.fleet.shared import Demand, Division, Report
from s3edge.qos.limiter import Limiter
from s3edge.s3.operation import OperationClass

READ = OperationClass.READ
NAME = "tenant/training"
LIMITS = Limits(requests=RequestRates(all=64.0), bandwidth=Bandwidth(sent=1024.0), concurrency=8)


def limiter(limits: Limits = LIMITS) -> Limiter:
    return Limiter(limits, part=0.5)


def held(one: Limiter) -> Callable[[], list[tuple[str, Limiter]]]:
    return lambda: [(NAME, one)]


def test_nothing_is_said_of_limits_that_suffice() -> None:
    limits = limiter()
    leases = Leases(held(limits), 2, 0.0)
    limits.take(READ, 0.0)
    assert leases.report(1.0) == Report(0, {})


def test_what_somebody_waits_for_is_said_with_the_rate_since_the_last_report() -> None:
    limits = limiter()
    leases = Leases(held(limits), 2, 0.0)
    leases.report(1.0)
    for _ in range(9):
        limits.take(READ, 1.0)
        limits.leave()
    assert limits.delay(READ, 1.0) == 1 / 32
    assert leases.report(1.5) == Report(0, {f"{NAME}/requests": Demand(18.0, True, 64.0, False)})


def test_of_a_level_what_is_there_now_is_said() -> None:
    limits = limiter()
    leases = Leases(held(limits), 2, 0.0)
    for _ in range(4):
        limits.take(READ, 0.0)
    limits.delay(READ, 0.0)
    assert leases.report(0.5).demands == {f"{NAME}/concurrency": Demand(4.0, True, 8.0, True)}


def test_limits_with_a_lease_are_reported_until_it_is_taken_back() -> None:
    limits = limiter()
    leases = Leases(held(limits), 2, 0.0)
    leases.report(0.5)
    leases.apply(Division(3, {f"{NAME}/concurrency": 4.0}), 0.5)
    assert leases.report(1.0) == Report(3, {f"{NAME}/concurrency": Demand(0.0, False, 8.0, True)})
    leases.apply(Division(4, {f"{NAME}/concurrency": None}), 1.0)
    assert leases.report(1.5) == Report(4, {})


def test_a_level_that_is_above_the_even_part_is_said() -> None:
    limits = limiter()
    leases = Leases(held(limits), 2, 0.0)
    for _ in range(3):
        limits.take(READ, 0.0)
    limits.change(Limits(concurrency=4), 0.0)
    assert leases.report(0.5).demands == {f"{NAME}/concurrency": Demand(3.0, False, 4.0, True)}


def test_a_worker_uses_no_more_than_its_lease_and_its_even_part_when_that_is_taken_back() -> None:
    limits = limiter()
    leases = Leases(held(limits), 2, 0.0)
    leases.report(0.5)
    leases.apply(Division(1, {f"{NAME}/sent": 128.0}), 0.5)
    assert limits.sent is not None
    assert limits.sent.rate == 128.0
    leases.apply(Division(2, {f"{NAME}/sent": None}), 1.0)
    assert limits.sent.rate == 512.0


def test_limits_that_are_made_anew_are_held_to_the_lease_of_their_scope() -> None:
    present = [(NAME, limiter())]
    leases = Leases(lambda: present, 2, 0.0)
    leases.report(0.5)
    leases.apply(Division(1, {f"{NAME}/sent": 128.0}), 0.5)
    present.clear()
    leases.report(1.0)
    again = limiter()
    present.append((NAME, again))
    leases.report(1.5)
    assert again.sent is not None
    assert again.sent.rate == 128.0


def test_a_lease_for_a_limit_that_is_no_more_does_nothing() -> None:
    limits = limiter(Limits(concurrency=8))
    leases = Leases(held(limits), 2, 0.0)
    leases.report(0.5)
    leases.apply(Division(1, {f"{NAME}/sent": 128.0, "tenant/gone/sent": 1.0}), 0.5)
    assert limits.sent is None
    assert leases.report(1.0) == Report(1, {})


@pytest.mark.parametrize("name", ["node/10.0.0.1:9000", "tenant/a/client/fe80::1"])
def test_the_name_of_a_scope_may_have_slashes_and_colons(name: str) -> None:
    limits = limiter()
    leases = Leases(lambda: [(name, limits)], 2, 0.0)
    leases.report(0.5)
    leases.apply(Division(1, {f"{name}/sent": 128.0}), 0.5)
    assert list(leases.report(1.0).demands) == [f"{name}/sent"]
