"""Limits hold for the sum over workers within 5% over any 10 s, wherever the clients are. Played in simulated time."""

import pytest

from s3edge.config.qos import Limits
from tests.fleet.fleet_scene import RATE, TICKS, Fleet, bounds

COUNTS = pytest.mark.parametrize("count", [1, 2, 4])
SEVERAL = pytest.mark.parametrize("count", [2, 4])


def assert_rate_holds(fleet: Fleet) -> None:
    least, most = bounds(fleet.taken, RATE / TICKS)
    assert 0.95 <= least <= most <= 1.05


def assert_level_holds(fleet: Fleet, total: int) -> None:
    least, _ = bounds(fleet.present, total)
    assert least >= 0.95
    assert max(fleet.present) == total


@COUNTS
def test_a_rate_is_used_wholly_by_one_worker_if_all_clients_are_there(count: int) -> None:
    fleet = Fleet(count)
    fleet.place([8] + [0] * (count - 1))
    fleet.run(25.0)
    assert_rate_holds(fleet)


@COUNTS
def test_a_rate_holds_if_one_worker_has_three_times_the_clients(count: int) -> None:
    fleet = Fleet(count)
    fleet.place([6] + [2] * (count - 1))
    fleet.run(25.0)
    assert_rate_holds(fleet)


@SEVERAL
@pytest.mark.parametrize("stay", [2.5, 3.0, 4.32])
def test_a_rate_follows_clients_that_move_to_another_worker(count: int, stay: float) -> None:
    fleet = Fleet(count)
    for move in range(int(25 / stay)):
        fleet.place([8 * (number == move % count) for number in range(count)])
        fleet.run(stay)
    assert_rate_holds(fleet)


@SEVERAL
def test_a_rate_holds_when_a_worker_is_killed_and_replaced(count: int) -> None:
    fleet = Fleet(count)
    fleet.place([8] + [0] * (count - 1))
    fleet.run(12.33)
    fleet.kill("0")
    fleet.place([0] + [8] * (count - 1))
    fleet.run(0.5)
    fleet.start("0")
    fleet.place([8] * count)
    fleet.run(15.0)
    assert_rate_holds(fleet)


@SEVERAL
def test_what_a_silent_worker_had_of_a_rate_goes_to_the_others(count: int) -> None:
    fleet = Fleet(count)
    fleet.place([4] * count)
    fleet.run(12.0)
    fleet.workers["1"].is_silent = True
    fleet.place([4 * (number != 1) for number in range(count)])
    fleet.run(12.0)
    assert_rate_holds(fleet)


@COUNTS
@pytest.mark.parametrize("total", [16, 64])
def test_a_level_is_used_wholly_by_one_worker_if_all_clients_are_there(count: int, total: int) -> None:
    fleet = Fleet(count, Limits(concurrency=total), longest=0.5)
    fleet.place([100] + [0] * (count - 1))
    fleet.run(20.0)
    assert_level_holds(fleet, total)


@COUNTS
@pytest.mark.parametrize("total", [7, 64])
def test_a_level_is_shared_evenly_by_workers_that_all_want_more(count: int, total: int) -> None:
    fleet = Fleet(count, Limits(concurrency=total), longest=0.5)
    fleet.place([100] * count)
    fleet.run(20.0)
    assert_level_holds(fleet, total)
    present = [worker.limiter.inflight for worker in fleet.workers.values()]
    assert max(present) - min(present) <= 1


@SEVERAL
def test_a_level_follows_clients_that_move_to_another_worker(count: int) -> None:
    fleet = Fleet(count, Limits(concurrency=16), longest=2.0)
    for move in range(8):
        fleet.place([100 * (number == move % count) for number in range(count)])
        fleet.run(3.0)
    assert_level_holds(fleet, 16)


@SEVERAL
def test_a_level_below_the_number_of_workers_serves_each_in_turn(count: int) -> None:
    fleet = Fleet(count, Limits(concurrency=1), longest=0.1)
    fleet.place([100] * count)
    served = dict.fromkeys(fleet.workers, 0)
    for _ in range(200):
        fleet.run(0.05)
        for name, worker in fleet.workers.items():
            served[name] += worker.limiter.inflight
    assert max(fleet.present) == 1
    assert min(served.values()) >= 0.7 * max(served.values())


@SEVERAL
def test_a_level_is_not_exceeded_when_a_worker_is_killed_and_replaced(count: int) -> None:
    fleet = Fleet(count, Limits(concurrency=16), longest=2.0)
    fleet.place([100] * count)
    fleet.run(3.0)
    fleet.kill("0")
    fleet.run(3.0)
    assert fleet.present[-1] == 16
    fleet.start("0")
    fleet.place([100] * count)
    fleet.run(6.0)
    assert max(fleet.present) == 16
    assert fleet.workers["0"].limiter.inflight == 16 // count
