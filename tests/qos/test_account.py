"""Accounts: what a tenant has had counts by its weight, and neither saved turns nor old use count for ever."""

from hypothesis import given
from hypothesis import strategies as st

from s3edge.config.units import MIB
from s3edge.qos.account import CREDIT, DEBT, Account, VirtualTime


def time_at(virtual: float) -> VirtualTime:
    time = VirtualTime()
    time.now = virtual
    return time


def test_what_is_charged_counts_less_for_a_larger_weight() -> None:
    account = Account(VirtualTime(), 4.0)
    account.charge(100)
    assert account.virtual == 25.0
    account.weight = 0.5
    account.charge(100)
    assert account.virtual == 225.0


def test_a_new_account_begins_at_the_present() -> None:
    assert Account(time_at(1000.0)).virtual == 1000.0


def test_who_was_away_gets_a_head_start_of_the_credit_and_no_more() -> None:
    time = VirtualTime()
    account = Account(time)
    time.now = 100.0 * MIB
    account.begin_to_wait()
    assert account.virtual == 100.0 * MIB - CREDIT


def test_who_asks_again_soon_keeps_its_turn() -> None:
    time = VirtualTime()
    account = Account(time)
    time.now = CREDIT / 2
    account.begin_to_wait()
    assert account.virtual == 0.0


def test_what_was_taken_while_nobody_waited_is_forgotten_but_for_the_debt() -> None:
    account = Account(VirtualTime())
    account.charge(1e12)
    account.begin_to_wait()
    assert account.virtual == DEBT


@given(st.lists(st.floats(0, 1e15)))
def test_virtual_time_never_goes_back(served: list[float]) -> None:
    time = VirtualTime()
    for virtual in served:
        account = Account(time)
        account.virtual = virtual
        before = time.now
        account.be_served()
        assert time.now == max(before, virtual)
