"""The ledger: no limit is exceeded by what its holders may use, whatever they say, and whenever it arrives."""

from dataclasses import dataclass, field

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from s3edge.fleet.ledger import CALM, SILENCE, Ledger
from s3edge.fleet.shared import Demand, Division, Report

RATE = "tenant/training/sent"
LEVEL = "tenant/training/concurrency"


def rate(used: float, is_wanting: bool = False, total: float = 100.0) -> dict[str, Demand]:
    return {RATE: Demand(used, is_wanting, total, False)}


def level(used: float, is_wanting: bool = False, total: float = 8.0) -> dict[str, Demand]:
    return {LEVEL: Demand(used, is_wanting, total, True)}


@dataclass
class Scene:
    """A ledger with the workers a and b, or more, which obey each division at once."""

    names: str = "ab"
    now: float = 0.0
    rounds: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ledger = Ledger(len(self.names))
        for name in self.names:
            self.rounds[name] = self.ledger.join(name).round
            self.say(name, {})

    def say(self, name: str, demands: dict[str, Demand]) -> None:
        self.ledger.report(name, Report(self.rounds[name], demands), self.now)

    def divide(self) -> dict[str, dict[str, float | None]]:
        """What the workers are told."""
        divisions = self.ledger.divide(self.now)
        for name, division in divisions.items():
            self.rounds[name] = division.round
        return {name: dict(division.leases) for name, division in divisions.items()}

    def round(self, *demands: dict[str, Demand]) -> dict[str, dict[str, float | None]]:
        """All report, in the order of their names, and are told."""
        for name, each in zip(self.names, demands, strict=True):
            self.say(name, each)
        return self.divide()


def scene_with_all_at_a() -> Scene:
    """The worker a has all of the level, and b has let go of its even part."""
    scene = Scene()
    scene.round(level(4.0, True), level(0.0))
    scene.round(level(4.0, True), level(0.0))
    assert scene.ledger.leases == {LEVEL: {"a": 8.0, "b": 0.0}}
    return scene


def test_nothing_is_divided_before_somebody_wants_more() -> None:
    scene = Scene()
    assert scene.round(rate(50.0), level(8.0)) == {}
    assert scene.ledger.leases == {}


def test_who_has_said_nothing_of_a_limit_keeps_its_even_part_until_it_could() -> None:
    scene = Scene()
    assert scene.round(rate(50.0, True), {}) == {"a": {RATE: 50.0}, "b": {RATE: 50.0}}
    assert scene.round(rate(50.0, True), rate(20.0)) == {"a": {RATE: 79.5}, "b": {RATE: 20.5}}
    assert scene.round(rate(79.5, True), {}) == {"a": {RATE: 99.5}, "b": {RATE: 0.5}}


def test_only_what_has_changed_is_told() -> None:
    scene = Scene()
    scene.round(rate(50.0, True), rate(50.0, True))
    assert scene.round(rate(50.0, True), rate(50.0, True)) == {}


def test_leases_stay_when_nobody_wants_more() -> None:
    scene = Scene()
    scene.round(rate(50.0, True), rate(0.0))
    assert scene.round(rate(10.0), rate(0.4)) == {}
    assert scene.ledger.leases == {RATE: {"a": 99.5, "b": 0.5}}


def test_a_limit_that_nobody_wants_more_of_for_10_s_is_divided_evenly_and_forgotten() -> None:
    scene = Scene()
    scene.round(rate(50.0, True), rate(0.0))
    scene.now = CALM - 0.01
    assert scene.round(rate(10.0), rate(0.0)) == {}
    scene.now = CALM
    assert scene.round(rate(10.0), rate(0.0)) == {"a": {RATE: None}, "b": {RATE: None}}
    assert scene.ledger.leases == {}


def test_a_level_is_forgotten_only_when_all_are_within_their_even_parts() -> None:
    scene = scene_with_all_at_a()
    scene.now = CALM
    assert scene.round(level(6.0), level(0.0)) == {"a": {LEVEL: 4.0}}
    assert scene.round(level(5.0), level(0.0)) == {"b": {LEVEL: 3.0}}
    assert scene.round(level(4.0), level(3.0)) == {"a": {LEVEL: None}, "b": {LEVEL: None}}


def test_a_level_that_does_not_divide_is_not_forgotten_while_one_is_above_its_even_part() -> None:
    scene = Scene()
    for _ in range(2):
        scene.round(level(4.0, True, 9.0), level(4.0, False, 9.0))
    scene.now = CALM
    assert scene.round(level(5.0, False, 9.0), level(4.0, False, 9.0)) == {"a": {LEVEL: 4.0}}
    assert scene.round(level(5.0, False, 9.0), level(4.0, False, 9.0)) == {}
    assert scene.round(level(4.0, False, 9.0), level(4.0, False, 9.0)) == {"a": {LEVEL: None}, "b": {LEVEL: None}}


def test_what_one_lets_go_is_for_who_has_the_least() -> None:
    scene = Scene("abc")
    for _ in range(2):
        scene.round(level(2.0, True), level(0.0), level(0.0))
    assert scene.round(level(8.0), level(0.0, True), level(0.0, True)) == {"a": {LEVEL: 2.0}}
    assert scene.round(level(7.0), level(0.0, True), level(0.0, True)) == {"b": {LEVEL: 1.0}}
    assert scene.round(level(6.0), level(1.0, True), level(0.0, True)) == {"c": {LEVEL: 1.0}}


def test_a_part_of_a_level_is_granted_when_its_holder_has_let_go() -> None:
    scene = scene_with_all_at_a()
    assert scene.round(level(8.0, True), level(0.0, True)) == {"a": {LEVEL: 4.0}}
    assert scene.round(level(7.0, True), level(0.0, True)) == {"b": {LEVEL: 1.0}}
    assert scene.round(level(4.0, True), level(1.0, True)) == {"b": {LEVEL: 4.0}}


def test_a_report_from_before_a_lease_was_lowered_frees_nothing() -> None:
    scene = scene_with_all_at_a()
    before = scene.rounds["a"]
    scene.round(level(2.0, True), level(0.0, True))
    obeyed, scene.rounds["a"] = scene.rounds["a"], before
    assert scene.round(level(2.0, True), level(0.0, True)) == {}
    scene.rounds["a"] = obeyed
    assert scene.round(level(2.0, True), level(0.0, True)) == {"b": {LEVEL: 4.0}}


def test_what_a_dead_worker_held_is_free_at_once() -> None:
    scene = Scene()
    scene.round(level(4.0, True), level(4.0, True))
    scene.ledger.left("a")
    scene.say("b", level(4.0, True))
    assert scene.divide() == {"b": {LEVEL: 8.0}}


def test_a_worker_that_begins_has_nothing_of_what_is_divided() -> None:
    scene = Scene()
    scene.round(rate(50.0, True), rate(50.0, True))
    scene.ledger.left("a")
    assert scene.ledger.join("a") == Division(1, {RATE: 0.0})
    scene.rounds["a"] = 1
    assert scene.round({}, rate(50.0, True)) == {"a": {RATE: 0.5}, "b": {RATE: 99.5}}


def test_a_worker_that_begins_in_a_calm_gets_its_even_part() -> None:
    scene = Scene()
    scene.round(rate(50.0, True), rate(0.0))
    scene.rounds["b"] = scene.ledger.join("b").round
    assert scene.round(rate(10.0), {}) == {"a": {RATE: 50.0}, "b": {RATE: 50.0}}


def test_a_report_of_a_worker_that_is_gone_counts_for_nothing() -> None:
    scene = Scene()
    scene.ledger.left("a")
    scene.say("a", rate(50.0, True))
    assert scene.divide() == {}


def test_a_silent_worker_loses_its_part_of_a_rate_but_not_of_a_level() -> None:
    scene = Scene()
    scene.round(rate(50.0, True) | level(4.0, True), rate(50.0, True) | level(4.0, True))
    scene.now = SILENCE
    scene.say("b", rate(50.0, True) | level(4.0, True))
    assert scene.divide() == {}
    scene.now = SILENCE + 0.01
    scene.say("b", rate(50.0, True) | level(4.0, True))
    assert scene.divide() == {"a": {RATE: 0.5, LEVEL: 0.0}, "b": {RATE: 99.5}}


def test_a_new_total_scales_the_leases() -> None:
    scene = Scene()
    scene.round(rate(50.0, True), rate(20.0))
    assert scene.round(rate(10.0, total=200.0), rate(10.0, total=200.0)) == {"a": {RATE: 100.0}, "b": {RATE: 100.0}}


@pytest.mark.parametrize("total", [4.0, 16.0])
def test_a_new_total_of_a_level_is_granted_as_far_as_workers_have_let_go(total: float) -> None:
    scene = scene_with_all_at_a()
    scene.say("a", level(8.0, True, total))
    scene.say("b", level(0.0, True, total))
    scene.divide()
    leases = scene.ledger.leases[LEVEL]
    assert leases == {"a": total / 2, "b": 0.0}
    scene.round(level(total / 2, True, total), level(0.0, True, total))
    assert scene.ledger.leases[LEVEL] == {"a": total / 2, "b": total / 2}


def test_a_worker_that_does_not_obey_a_lower_total_yet_is_counted_with_what_it_had() -> None:
    scene = Scene("abc")
    scene.round(*[level(4.0, True, 12.0)] * 3)
    slow = scene.rounds["c"]
    scene.round(*[level(4.0, True, 6.0)] * 3)
    assert scene.ledger.leases == {LEVEL: {"a": 2.0, "b": 2.0, "c": 2.0}}
    scene.rounds["c"] = slow
    scene.round(level(0.0, False, 6.0), level(2.0, True, 6.0), level(2.0, True, 6.0))
    scene.rounds["c"] = slow
    assert scene.round(level(0.0, False, 6.0), level(2.0, True, 6.0), level(2.0, True, 6.0)) == {}
    assert scene.ledger.leases == {LEVEL: {"a": 0.0, "b": 2.0, "c": 3.0}}


@dataclass
class Holder:
    """One worker: its leases, what is there of the level, and the lines of messages to and from the ledger."""

    leases: dict[str, float]
    round: int
    present: int = 0
    is_wanting: bool = False
    coming: list[Division] = field(default_factory=list)
    going: list[Report] = field(default_factory=list)


COUNT = 3
TOTAL = 5.0
EVEN = 1.0
names = st.sampled_from(["a", "b", "c"])


class Workers(RuleBasedStateMachine):
    """Workers that start and end, die, say nothing, and whose messages take any time."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.ledger = Ledger(COUNT)
        self.holders: dict[str, Holder] = {}

    @rule(name=names)
    def join(self, name: str) -> None:
        if name not in self.holders:
            division = self.ledger.join(name)
            leases = {key: lease for key, lease in division.leases.items() if lease is not None}
            self.holders[name] = Holder(leases, division.round)

    @rule(name=names)
    def die(self, name: str) -> None:
        if self.holders.pop(name, None):
            self.ledger.left(name)

    @rule(name=names, wished=st.integers(0, 8))
    def use(self, name: str, wished: int) -> None:
        if holder := self.holders.get(name):
            most = max(holder.leases.get(LEVEL, EVEN), holder.present)
            holder.present = min(wished, int(most))
            holder.is_wanting = wished > most

    @rule(name=names)
    def say(self, name: str) -> None:
        if holder := self.holders.get(name):
            demands: dict[str, Demand] = {}
            if holder.is_wanting or LEVEL in holder.leases:
                demands |= level(holder.present, holder.is_wanting, TOTAL)
            if holder.is_wanting or RATE in holder.leases:
                demands |= rate(10.0 * holder.present, holder.is_wanting)
            holder.going.append(Report(holder.round, demands))

    @rule(name=names)
    def hear(self, name: str) -> None:
        if (holder := self.holders.get(name)) and holder.going:
            self.ledger.report(name, holder.going.pop(0), self.now)

    @rule(name=names)
    def obey(self, name: str) -> None:
        if (holder := self.holders.get(name)) and holder.coming:
            division = holder.coming.pop(0)
            holder.round = division.round
            for key, lease in division.leases.items():
                if lease is None:
                    holder.leases.pop(key, None)
                else:
                    holder.leases[key] = lease

    @rule(passed=st.sampled_from([0.05, 0.6, 11.0]))
    def divide(self, passed: float) -> None:
        self.now += passed
        for name, division in self.ledger.divide(self.now).items():
            self.holders[name].coming.append(division)

    @precondition(lambda self: self.holders)
    @rule()
    def settle(self) -> None:
        """All messages arrive, and all is said and told once more."""
        for name in self.holders:
            while self.holders[name].coming:
                self.obey(name)
            self.holders[name].going.clear()
            self.say(name)
            self.hear(name)
        self.divide(0.05)

    @invariant()
    def no_level_is_exceeded(self) -> None:
        assert sum(holder.present for holder in self.holders.values()) <= TOTAL

    @invariant()
    def the_leases_are_within_the_total(self) -> None:
        leases = self.ledger.leases
        assert sum(leases.get(LEVEL, {}).values()) <= TOTAL
        assert sum(leases.get(RATE, {}).values()) <= 100.0 + 1e-9
        assert all(lease >= 0 for each in leases.values() for lease in each.values())


TestWorkers = Workers.TestCase
