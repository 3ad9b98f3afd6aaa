"""Lines: by class, then by the tenants' shares, then first come; nobody starves, and the right ones are sent away."""

from collections import Counter
from collections.abc import Callable, Sequence
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3edge.config.qos import Priority
from s3edge.qos.account import DEBT, Account, VirtualTime
from s3edge.qos.line import AGEING, MOST_PASSED, Entry, Line, Reply
from s3edge.qos.shedding import INTERVAL, TARGET

INTERACTIVE, NORMAL, BACKGROUND = Priority


class Named(Entry):
    def __init__(self, name: str, account: Account, priority: Priority = NORMAL, deadline: float = inf) -> None:
        super().__init__(account, priority, deadline)
        self.name = name

    def __repr__(self) -> str:
        return self.name


def account(weight: float = 1.0) -> Account:
    return Account(VirtualTime(), weight)


def stand(line: Line, entries: Sequence[Entry], now: float = 0.0) -> None:
    for entry in entries:
        line.add(entry, now)


def serve(line: Line, now: float, most: int = 1) -> list[str]:
    """The names of those who take the next `most` turns."""
    turns = iter(range(most))
    served = line.serve(now, lambda _: Reply.NONE if next(turns, None) is None else Reply.TAKEN)
    return [str(entry) for entry in served]


# Who is next.


def test_higher_classes_go_first_and_of_one_tenant_who_came_first() -> None:
    line, tenant = Line(), account()
    stand(
        line,
        [
            Named("b", tenant, BACKGROUND), Named("n1", tenant), Named("i1", tenant, INTERACTIVE),
            Named("n2", tenant), Named("i2", tenant, INTERACTIVE),
        ],
    )  # fmt: skip
    assert serve(line, 0.1, 9) == ["i1", "i2", "n1", "n2", "b"]
    assert len(line) == 0


def test_of_one_class_the_tenant_that_has_had_least_by_its_weight_goes_first() -> None:
    time = VirtualTime()
    heavy, light = Account(time, 2.0), Account(time, 1.0)
    heavy.charge(300)
    light.charge(200)
    line = Line()
    stand(line, [Named("light", light), Named("heavy", heavy)])
    assert serve(line, 0.1, 2) == ["heavy", "light"]


def test_what_is_charged_while_an_entry_waits_counts() -> None:
    time = VirtualTime()
    one, two, three = (Account(time) for _ in range(3))
    line = Line()
    stand(line, [Named("one", one), Named("two", two), Named("three", three)])
    one.charge(5)
    two.charge(20)
    three.charge(10)
    assert serve(line, 0.1, 3) == ["one", "three", "two"]


def test_tenants_with_equal_shares_go_in_the_order_of_their_first_entries() -> None:
    time = VirtualTime()
    line = Line()
    one, two = Account(time), Account(time)
    first = Named("gone", one)
    line.add(first, 0.0)
    line.add(Named("two", two), 1.0)
    line.add(Named("one", one), 2.0)
    line.remove(first)
    assert serve(line, 2.1, 2) == ["two", "one"]


@pytest.mark.parametrize("entries", [1, 2, 64])
@pytest.mark.parametrize("weight", [1.0, 3.0, 10.0])
def test_tenants_that_always_wait_share_by_weight(entries: int, weight: float) -> None:
    """However many entries one has: in the end 1,000 quanta, one at a time, from two tenants that ask at once again."""
    time = VirtualTime()
    heavy, light = Account(time, weight), Account(time)
    line = Line()
    stand(line, [Named("heavy", heavy) for _ in range(entries)] + [Named("light", light) for _ in range(64)])
    served: Counter[str] = Counter()
    for turn in range(1000):
        now = turn / 1000
        (entry,) = line.serve(now, _only_first())
        served[str(entry)] += 1
        entry.account.charge(64 * 1024)
        line.add(entry, now)
    assert served["heavy"] / served["light"] == pytest.approx(weight, rel=0.03)


def _only_first() -> Callable[[Entry], Reply]:
    replies = iter([Reply.TAKEN])
    return lambda _: next(replies, Reply.NONE)


def test_a_tenant_that_used_an_idle_resource_alone_waits_for_the_debt_only() -> None:
    time = VirtualTime()
    greedy, other = Account(time), Account(time)
    greedy.charge(1e12)
    line = Line()
    stand(line, [Named("greedy", greedy), *(Named("other", other) for _ in range(100))])
    turns = 0
    while serve(line, 0.0) == ["other"]:
        other.charge(2**20)
        turns += 1
    assert turns == DEBT / 2**20


def test_a_tenant_that_was_away_does_not_get_all_turns_when_it_returns() -> None:
    time = VirtualTime()
    steady, late = Account(time), Account(time)
    line = Line()
    stand(line, [Named("steady", steady) for _ in range(1000)])
    for _ in range(900):
        steady.charge(2**20)
        serve(line, 0.0)
    stand(line, [Named("late", late) for _ in range(100)])
    served: Counter[str] = Counter()
    for _ in range(50):
        (name,) = serve(line, 0.0)
        served[name] += 1
        (late if name == "late" else steady).charge(2**20)
    assert 25 <= served["late"] <= 30


# Ageing.


def test_a_class_that_nobody_was_served_of_for_a_while_has_one_turn() -> None:
    line, tenant = Line(), account()
    stand(line, [Named("b", tenant, BACKGROUND), Named("b", tenant, BACKGROUND), Named("n", tenant)])
    served = []
    for tick in range(1, 11):
        now = tick * AGEING / 4
        line.add(Named("i", tenant, INTERACTIVE), now)
        served += serve(line, now)
    assert served == ["i", "i", "i", "b", "n", "i", "i", "b", "i", "i"]


@pytest.mark.parametrize("first, second", [(BACKGROUND, NORMAL), (NORMAL, BACKGROUND)])
def test_of_two_such_classes_the_one_that_waits_for_longer_goes_first(first: Priority, second: Priority) -> None:
    line, tenant = Line(), account()
    line.add(Named("first", tenant, first), 0.0)
    line.add(Named("second", tenant, second), 0.1)
    line.add(Named("i", tenant, INTERACTIVE), 0.7)
    assert serve(line, 0.7, 3) == ["first", "second", "i"]


def test_a_class_of_which_nobody_waited_does_not_age() -> None:
    line, tenant = Line(), account()
    stand(line, [Named("b", tenant, BACKGROUND), Named("i", tenant, INTERACTIVE)], now=100.0)
    assert serve(line, 100.0, 2) == ["i", "b"]


def test_the_entries_of_a_tenant_that_asks_for_too_much_do_not_get_before_others_by_their_age() -> None:
    line, tenant = Line(), account()
    stand(line, [Named("b", tenant, BACKGROUND) for _ in range(400)])
    for tick in range(1, 100):  # the class is served all the time, each of its entries waits for longer and longer
        assert serve(line, tick / 10) == ["b"]
        assert serve(line, tick / 10) == ["b"]
    line.add(Named("i", tenant, INTERACTIVE), 9.95)
    assert serve(line, 9.95) == ["i"]


# What is offered and refused.


def test_an_entry_that_is_refused_keeps_its_place() -> None:
    line, tenant = Line(), account()
    stand(line, [Named("one", tenant), Named("two", tenant), Named("three", account())])
    served = line.serve(0.1, lambda entry: Reply.NOT_THIS if str(entry) == "one" else Reply.TAKEN)
    assert sorted(map(str, served)) == ["three", "two"]
    assert serve(line, 0.2, 3) == ["one"]


def test_where_there_is_nothing_for_a_class_the_others_are_offered_their_turn() -> None:
    line, tenant = Line(), account()
    stand(
        line, [*(Named("n", tenant) for _ in range(5)), Named("i", tenant, INTERACTIVE), Named("b", tenant, BACKGROUND)]
    )
    offered: list[str] = []

    def take(entry: Entry) -> Reply:
        offered.append(str(entry))
        return Reply.NOT_ITS_CLASS if entry.priority is NORMAL else Reply.TAKEN

    assert [str(entry) for entry in line.serve(0.1, take)] == ["i", "b"]
    assert offered == ["i", "n", "b"]
    assert len(line) == 5


def test_where_there_is_nothing_left_nobody_is_asked_any_more() -> None:
    line, tenant = Line(), account()
    stand(line, [Named("one", tenant), Named("two", tenant)])
    offered: list[str] = []

    def take(entry: Entry) -> Reply:
        offered.append(str(entry))
        return Reply.NONE

    assert line.serve(0.1, take) == []
    assert offered == ["one"]


def test_one_round_looks_at_so_many_refused_entries_and_then_at_the_next_class() -> None:
    line = Line()
    stand(line, [Named("n", account()) for _ in range(1000)])
    stand(line, [Named("b", account(), BACKGROUND)])
    offered: list[str] = []

    def take(entry: Entry) -> Reply:
        offered.append(str(entry))
        return Reply.NOT_THIS if entry.priority is NORMAL else Reply.TAKEN

    assert [str(entry) for entry in line.serve(0.1, take)] == ["b"]
    assert offered.count("n") == MOST_PASSED + 1
    assert serve(line, 0.2, 1000) == ["n"] * 1000


# Ranks.


def test_the_rank_tells_whose_turn_is_next_of_two_lines() -> None:
    time = VirtualTime()
    one, two = Account(time), Account(time)
    one.charge(10)
    places, flows = Line(), Line()
    assert places.rank(0.0) is None
    places.add(Named("place", one), 0.0)
    flows.add(Named("flow", two), 0.0)
    place, flow = places.rank(0.1), flows.rank(0.1)
    assert place is not None
    assert flow is not None
    assert flow < place
    flows.add(Named("later", two, BACKGROUND), 0.1)
    places.add(Named("interactive", one, INTERACTIVE), 0.1)
    first = places.rank(0.1)
    assert first is not None
    assert first < flow
    aged = flows.rank(AGEING)
    assert aged is not None
    assert aged < first


# Who is sent away.


def test_who_waits_past_its_deadline_is_overdue() -> None:
    line, tenant = Line(sheds=False), account()
    stand(line, [Named("late", tenant, deadline=2.0), Named("never", tenant), Named("soon", tenant, deadline=1.0)])
    gone = Named("gone", tenant, deadline=0.5)
    line.add(gone, 0.0)
    line.remove(gone)
    assert line.overdue(0.99) == []
    assert [str(entry) for entry in line.overdue(1.0)] == ["soon"]
    assert [str(entry) for entry in line.overdue(9.0)] == ["late"]
    assert len(line) == 1


def test_an_entry_that_waits_again_has_its_new_deadline() -> None:
    line = Line(sheds=False)
    entry = Named("again", account(), deadline=1.0)
    line.add(entry, 0.0)
    line.remove(entry)
    entry.deadline = 5.0
    line.add(entry, 0.5)
    assert line.overdue(1.0) == []
    assert line.overdue(5.0) == [entry]


def test_a_line_that_stands_sheds_the_newest_of_the_lowest_class() -> None:
    line, tenant = Line(), account()
    stand(line, [Named(f"b{number}", tenant, BACKGROUND) for number in range(3)])
    stand(line, [Named("i", tenant, INTERACTIVE)])
    stands = TARGET + INTERVAL
    assert line.overdue(stands - 0.01) == []
    shed = [str(entry) for tick in range(300) for entry in line.overdue(stands + tick / 100)]
    assert shed == ["b2", "b1", "b0", "i"]


@pytest.mark.parametrize("wait, is_standing", [(TARGET - 0.01, False), (TARGET + 0.01, True)])
def test_a_line_stands_if_even_its_luckiest_entries_wait_for_long(wait: float, is_standing: bool) -> None:
    line, tenant = Line(), account()
    now, shed = 0.0, 0
    for tick in range(200):  # each 100 ms one enters and the one is served that has waited for just so long
        now = tick / 10
        line.add(Named("n", tenant), now)
        if tick >= int(wait * 10):
            line.serve(now + wait % 0.1, _only_first())
        shed += len(line.overdue(now + wait % 0.1))
    assert (shed > 0) is is_standing


def test_a_line_that_was_empty_does_not_stand() -> None:
    line = Line()
    stand(line, [Named("n", account())], now=100.0)
    assert line.overdue(100.0 + TARGET) == []


def test_the_tenant_with_the_most_entries_is_shed_first() -> None:
    line, few, many = Line(), account(), account()
    stand(line, [Named(f"m{number}", many) for number in range(5)])
    stand(line, [Named("f", few)])
    assert [str(entry) for entry in line.overdue(TARGET + INTERVAL)] == ["m4"]


def test_a_newcomer_displaces_the_newest_of_a_lower_class() -> None:
    line, tenant = Line(), account()
    stand(line, [Named("i", tenant, INTERACTIVE), Named("b1", tenant, BACKGROUND), Named("b2", tenant, BACKGROUND)])
    displaced = line.displace(Named("n", tenant))
    assert str(displaced) == "b2"
    assert len(line) == 2
    assert str(line.displace(Named("n", tenant))) == "b1"
    assert line.displace(Named("n", tenant)) is None
    assert [line.displace(Named("i", tenant, INTERACTIVE)), len(line)] == [None, 1]


def test_one_tenant_alone_cannot_fill_a_line() -> None:
    line, greedy, other = Line(), account(), account()
    stand(line, [Named(f"g{number}", greedy) for number in range(4)])
    assert line.displace(Named("more", greedy)) is None
    for number in range(2):
        displaced = line.displace(Named("o", other))
        assert str(displaced) == f"g{3 - number}"
        line.add(Named("o", other), 0.1)
    assert line.displace(Named("o", other)) is None  # both have as many now


def test_a_tenant_does_not_displace_one_that_would_then_have_fewer_than_it() -> None:
    line, many, few = Line(), account(), account()
    stand(line, [Named("m1", many), Named("m2", many), Named("f1", few)])
    assert line.displace(Named("f2", few)) is None


def test_who_comes_and_leaves_leaves_nothing_behind() -> None:
    line = Line(sheds=False)
    stand(line, [Named("stays", account(), deadline=60.0)])
    for number in range(10_000):
        entry = Named("goes", account(), deadline=60.0)
        line.add(entry, number / 1000)
        line.remove(entry)
        line.remove(entry)
    assert len(line) == 1
    assert len(line._deadlines) < 100
    assert sum(len(each._heap) + len(each._queues) for each in line._classes) < 100


@given(st.data())
def test_a_line_serves_each_entry_once_and_in_order(data: st.DataObject) -> None:
    """Against a plain sort, whatever is added, removed and charged in between."""
    time = VirtualTime()
    tenants = [Account(time, weight) for weight in (0.5, 1.0, 4.0)]
    line = Line()
    waiting: list[Named] = []
    for number in range(data.draw(st.integers(1, 60))):
        now = number / 1000
        match data.draw(st.sampled_from(["add", "add", "remove", "serve", "charge"])):
            case "add":
                tenant, priority = data.draw(st.sampled_from(tenants)), data.draw(st.sampled_from(list(Priority)))
                waiting.append(Named(str(number), tenant, priority))
                line.add(waiting[-1], now)
            case "remove" if waiting:
                line.remove(waiting.pop(data.draw(st.integers(0, len(waiting) - 1))))
            case "serve" if waiting:
                ranks = {entry: _rank(entry, waiting) for entry in waiting}
                (served,) = line.serve(now, _only_first())
                assert isinstance(served, Named)
                assert ranks[served] == min(ranks.values())
                waiting.remove(served)
            case "charge":
                data.draw(st.sampled_from(tenants)).charge(data.draw(st.integers(0, 2**24)))
            case _:
                pass
        assert len(line) == len(waiting)
        assert sum(tenant.waiting for tenant in tenants) == len(waiting)


def _rank(entry: Named, waiting: Sequence[Named]) -> tuple[int, float, float]:
    first = min(other.since for other in waiting if (other.account, other.priority) == (entry.account, entry.priority))
    return list(Priority).index(entry.priority), entry.account.virtual, max(entry.since, first)
