"""The supervisor's judge of sources, in virtual time: what it is told, what workers are told, and what is said."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from s3edge.config.policy import Policy
from s3edge.events import Event
from s3edge.qos.activity import Activity, Report, Source
from s3edge.qos.runaway import SourceState
from s3edge.server.guard import SourceWatch
from s3edge.server.messages import Fact, Hold
from tests.support.virtual_time import run

RAG = Source("tenant", "rag")
# Seconds after which the judge has got to know everybody.
KNOWN = 60


def policy(name: str, **guard: Any) -> Policy:
    return Policy.model_validate({"policy": name, "guard": guard})


def did(requests: int, source: Source = RAG) -> Report:
    """What a worker reports of a source that asked for different things."""
    return [(*source, Activity(requests=requests).counts(), list(range(min(requests, 2000))))]


class Judged:
    """A watch, what it tells workers, and what it says."""

    def __init__(self, *policies: Policy) -> None:
        self.told: list[tuple[float, Fact]] = []
        self.said: list[tuple[float, Event]] = []
        self.now = asyncio.get_running_loop().time
        self.watch = SourceWatch(
            policies,
            lambda fact: self.told.append((self.now(), fact)),
            lambda event: self.said.append((self.now(), event)),
        )

    async def seconds(self, count: int, **reports: Report) -> None:
        """So many seconds with these reports in each, by policy."""
        for _ in range(count):
            self.watch.take(reports)
            await asyncio.sleep(1)

    def state(self) -> SourceState | None:
        status = self.watch.status(RAG)
        return None if status is None else status.verdict.state


def with_judge(scenario: Callable[[Judged], Coroutine[None, None, None]], *policies: Policy) -> None:
    """Run a scenario with a watch that has been at work for long enough to judge."""

    async def main() -> None:
        it = Judged(*policies)
        it.watch.start()
        await asyncio.sleep(KNOWN + 0.5)
        try:
            await scenario(it)
        finally:
            await it.watch.close()

    run(main())


def test_a_runaway_is_told_to_workers_and_people_within_three_seconds(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(it: Judged) -> None:
        await it.seconds(3, p=did(5000))
        # Seen in the second that made the mean of three pass ten times 50/s.
        assert it.told == [(61.0, Hold(source=RAG, rate=250.0, bandwidth=None))]
        [(at, event)] = it.said
        assert (at, event.name) == (61.0, "SourceThrottled")
        assert event.text() == "tenant rag is held to 250 requests/s: 1,667 requests/s of a source that is new"
        assert [(record.levelno, record.message) for record in caplog.records] == [(logging.WARNING, event.text())]
        assert it.watch.facts == (Hold(source=RAG, rate=250.0, bandwidth=None),)

    with_judge(scenario, policy("p"))


def test_what_several_workers_report_adds_up() -> None:
    async def scenario(it: Judged) -> None:
        for _ in range(4):
            it.watch.take({"p": did(400)})
        await asyncio.sleep(1)
        status = it.watch.status(RAG)
        assert status is not None
        assert status.present.requests == pytest.approx(1600 / 3)

    with_judge(scenario, policy("p"))


def test_who_is_let_go_is_a_fact_no_more() -> None:
    async def scenario(it: Judged) -> None:
        await it.seconds(1, p=did(5000))
        assert it.state() is SourceState.THROTTLED
        await it.seconds(20)
        assert it.told[-1][1] == Hold(source=RAG, rate=None, bandwidth=None)
        assert it.said[-1][1].name == "SourceReleased"
        assert it.watch.facts == ()
        assert it.state() is SourceState.NORMAL

    with_judge(scenario, policy("p", hold="5s"))


def test_an_observed_source_is_said_and_workers_are_told_nothing() -> None:
    async def scenario(it: Judged) -> None:
        await it.seconds(2, p=did(5000))
        assert [event.name for _, event in it.said] == ["SourceObserved"]
        assert (it.told, it.watch.facts) == ([], ())

    with_judge(scenario, policy("p", mode="observe"))


@pytest.mark.parametrize("first,state", [("enforce", SourceState.THROTTLED), ("observe", SourceState.OBSERVED)])
def test_a_source_with_several_guards_is_judged_by_that_of_the_first_policy(first: str, state: SourceState) -> None:
    second = "observe" if first == "enforce" else "enforce"

    async def scenario(it: Judged) -> None:
        await it.seconds(1, two=did(2500), one=did(2500))
        assert it.state() is state

    with_judge(scenario, policy("one", mode=first), policy("two", mode=second))


def test_what_is_reported_of_a_policy_that_is_gone_is_not_judged() -> None:
    async def scenario(it: Judged) -> None:
        await it.seconds(2, q=did(5000))
        assert it.state() is None

    with_judge(scenario, policy("p"))


@pytest.mark.parametrize("policies", [(), (policy("p", mode="off"),)], ids=["gone", "off"])
def test_when_its_guard_is_gone_or_off_who_is_held_is_let_go_within_a_second(policies: tuple[Policy, ...]) -> None:
    async def scenario(it: Judged) -> None:
        await it.seconds(1, p=did(5000))
        it.watch.configure(policies)
        await asyncio.sleep(1)
        assert it.told[-1] == (62.0, Hold(source=RAG, rate=None, bandwidth=None))
        assert it.said[-1][1].text() == "tenant rag is let go: the guard is off"

    with_judge(scenario, policy("p"))


def test_a_hold_stays_when_other_guards_change() -> None:
    async def scenario(it: Judged) -> None:
        await it.seconds(1, p=did(5000))
        it.watch.configure([policy("q", factor=2), policy("p")])
        await it.seconds(1, p=did(5000))
        assert it.state() is SourceState.THROTTLED

    with_judge(scenario, policy("p"))


def test_a_pin_is_told_to_workers_until_its_time_is_over() -> None:
    async def scenario(it: Judged) -> None:
        it.watch.pin(RAG, 5.0, 10.0)
        await asyncio.sleep(15)
        assert it.told == [
            (61.0, Hold(source=RAG, rate=5.0, bandwidth=None)),
            (71.0, Hold(source=RAG, rate=None, bandwidth=None)),
        ]

    with_judge(scenario)


def test_a_pin_lasts_until_it_is_released() -> None:
    async def scenario(it: Judged) -> None:
        it.watch.pin(RAG, 5.0, None)
        await asyncio.sleep(7200)
        assert it.state() is SourceState.PINNED
        it.watch.release(RAG)
        await asyncio.sleep(1)
        assert it.watch.facts == ()
        assert it.state() is SourceState.NORMAL

    with_judge(scenario)


def test_a_pin_to_no_limit_keeps_a_source_out_of_the_guard_s_hands_and_tells_workers_nothing() -> None:
    async def scenario(it: Judged) -> None:
        it.watch.pin(RAG, None, None)
        await it.seconds(5, p=did(5000))
        assert it.state() is SourceState.PINNED
        assert it.told == []

    with_judge(scenario, policy("p"))
