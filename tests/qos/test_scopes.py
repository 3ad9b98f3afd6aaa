"""Scopes: one limiter per client address or bucket, in bounded memory, and nobody gets around a limit by it."""

from hypothesis import given
from hypothesis import strategies as st

from s3edge.config.qos import Limits, RequestRates
from s3edge.qos.limiter import Limiter
from s3edge.qos.scopes import KEPT_IDLE, OTHERS, Scopes
from s3edge.s3.operation import OperationClass

READ = OperationClass.READ


def scopes(limits: Limits, most: int) -> Scopes:
    return Scopes(lambda _: Limiter(limits), most)


def names(kept: Scopes) -> list[str]:
    return list(kept._limiters)


def test_each_name_has_a_limiter_of_its_own_that_is_made_once() -> None:
    made: list[str] = []

    def make(name: str) -> Limiter:
        made.append(name)
        return Limiter(Limits(concurrency=1))

    kept = Scopes(make)
    first, second = kept.get("10.0.0.1", 8.0), kept.get("10.0.0.2", 8.0)
    assert first is not second
    assert kept.get("10.0.0.1", 9.0) is first
    assert made == ["10.0.0.1", "10.0.0.2"]


def test_a_newcomer_takes_the_place_of_the_idle_one_that_was_used_longest_ago() -> None:
    kept = scopes(Limits(concurrency=1), most=3)
    for name in ("a", "b", "c", "a"):
        kept.get(name, 8.0)
    kept.get("d", 8.0)
    assert names(kept) == ["c", "a", "d"]


def test_one_in_use_is_not_forgotten_however_long_ago_it_was_asked_for() -> None:
    kept = scopes(Limits(concurrency=1), most=3)
    used = kept.get("a", 8.0)
    used.take(READ, 8.0)
    for number in range(100):
        kept.get(f"newcomer {number}", 1000.0)
    assert kept.get("a", 1000.0) is used


def test_one_with_a_debt_is_kept_until_its_burst_is_whole_again() -> None:
    kept = scopes(Limits(requests=RequestRates(all=1.0)), most=1)
    owing = kept.get("a", 8.0)
    owing.take(READ, 8.0)
    owing.leave()
    assert kept.get("b", 8.875) is kept.get(OTHERS, 8.875)
    assert kept.get("a", 8.875) is owing
    kept.get("b", 9.0)
    assert sorted(names(kept)) == [OTHERS, "b"]


def test_of_those_that_are_idle_a_thousand_are_kept() -> None:
    """Regression: clients that came from ever more addresses, with the keys of many tenants, took ever more memory."""
    kept = Scopes(lambda _: Limiter(Limits(requests=RequestRates(all=1.0))))
    for number in range(3000):
        kept.get(f"client {number}", 8.0)
    assert len(kept.values()) == KEPT_IDLE == 1000
    busy = [kept.get(f"busy {number}", 8.0) for number in range(1500)]
    for limiter in busy:
        limiter.take(READ, 8.0)
    assert len(kept.values()) == 1000
    for number in range(1500):
        kept.get(f"busy {number}", 8.0).take(READ, 8.0)
    assert len(kept.values()) == 1500


def test_newcomers_share_one_limiter_while_no_place_is_free() -> None:
    kept = scopes(Limits(concurrency=2), most=2)
    for name in ("a", "b"):
        kept.get(name, 8.0).take(READ, 8.0)
    shared = {id(kept.get(f"newcomer {number}", 8.0)) for number in range(50)}
    assert shared == {id(kept.get(OTHERS, 8.0))}
    assert sorted(names(kept)) == [OTHERS, "a", "b"]


def test_when_a_place_is_free_again_a_newcomer_has_its_own() -> None:
    kept = scopes(Limits(concurrency=2), most=2)
    held = [kept.get(name, 8.0) for name in ("a", "b")]
    for limiter in held:
        limiter.take(READ, 8.0)
    shared = kept.get("c", 8.0)
    held[1].leave()
    assert kept.get("c", 9.0) not in (shared, *held)
    assert kept.get("d", 9.0) is not shared  # what was c's is idle, too
    assert kept.get(OTHERS, 9.0) is shared


def test_a_flood_of_addresses_that_stay_connected_is_held_to_what_the_places_and_one_more_may_take() -> None:
    kept = scopes(Limits(concurrency=2), most=10)
    started = 0
    for number in range(1000):
        limiter = kept.get(f"address {number}", 8.0)
        while not limiter.delay(READ, 8.0):
            limiter.take(READ, 8.0)
            started += 1
    assert started == (10 + 1) * 2


def test_other_limits_reach_all_limiters_that_there_are() -> None:
    kept = scopes(Limits(concurrency=1), most=3)
    for name in ("a", "b"):
        kept.get(name, 8.0).take(READ, 8.0)
    kept.change(Limits(concurrency=2), 9.0)
    assert [limiter.delay(READ, 9.0) for limiter in kept.values()] == [0.0, 0.0]


@given(st.integers(1, 20), st.lists(st.tuples(st.integers(0, 40), st.booleans()), max_size=300))
def test_the_memory_is_bounded_and_what_is_in_use_is_never_forgotten(most: int, steps: list[tuple[int, bool]]) -> None:
    kept = scopes(Limits(concurrency=5), most)
    used: list[Limiter] = []
    for number, is_start in steps:
        if is_start:
            used.append(kept.get(str(number), 8.0))
            used[-1].take(READ, 8.0)
        elif used:
            used.pop(number % len(used)).leave()
        there = list(kept.values())
        assert len(there) <= most + 1
        assert len([name for name in names(kept) if name != OTHERS]) <= most
        assert all(limiter in there for limiter in used)
        assert sum(limiter.inflight for limiter in there) == len(used)


def test_names_that_no_bucket_can_have_share_one_limiter() -> None:
    kept = scopes(Limits(concurrency=1), most=9)
    others = {kept.get(name, 8.0) for name in ("\udcff", "ö", "a\n", "a/b", "b" * 256)}
    assert others == {kept.get(OTHERS, 8.0)}
    assert kept.get("b" * 255, 8.0) not in others
    assert kept.get("tenant:bucket", 8.0) not in others, "as Ceph names those of its tenants"
