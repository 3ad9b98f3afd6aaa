import pytest
from botocore.exceptions import ClientError

from loadtests.matrix.peers import PATIENCE_SECONDS, PAUSE_SECONDS, ROUNDS, NotAtOne, Peers
from tests.loadtests.matrix.fakes import MemoryStore


class Shared(MemoryStore):
    """A node of a storage whose objects are those of `other`, too; it does not find them the first `blind` times."""

    def __init__(self, other: MemoryStore | None = None, blind: int = 0) -> None:
        super().__init__()
        if other:
            self.objects = other.objects
        self.blind = blind

    def get(self, key: str) -> bytes | None:
        if self.blind:
            self.blind -= 1
            return None
        return super().get(key)


class Unwritable(Shared):
    """A node that has lost too many others."""

    def put(self, key: str, body: bytes) -> None:
        raise ClientError({"Error": {"Code": "SlowDownWrite"}}, "PutObject")


class Clock:
    """Time passes by sleeping only."""

    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


def wait(*stores: MemoryStore) -> float:
    """Seconds until the peers agreed."""
    clock = Clock()
    Peers(stores).await_agreement(clock.now, clock.sleep)
    return clock.time


def test_peers_that_agree_are_asked_several_times() -> None:
    first = Shared()
    assert wait(first, Shared(first)) == pytest.approx(ROUNDS * PAUSE_SECONDS)


def test_a_peer_that_does_not_find_what_is_there_begins_the_rounds_anew() -> None:
    first = Shared()
    assert wait(first, Shared(first, blind=2)) == pytest.approx((2 + ROUNDS) * PAUSE_SECONDS)


def test_peers_that_have_an_older_object_do_not_agree() -> None:
    stale = Shared()
    stale.objects |= {f"peers/{number}": b"1" for number in range(2)}
    with pytest.raises(NotAtOne, match="60 s"):
        wait(Shared(), stale)


def test_peers_of_which_one_takes_nothing_are_waited_for_in_vain() -> None:
    first, clock = Shared(), Clock()
    with pytest.raises(NotAtOne):
        Peers([first, Unwritable(first)]).await_agreement(clock.now, clock.sleep)
    assert clock.time == pytest.approx(PATIENCE_SECONDS, abs=PAUSE_SECONDS)
