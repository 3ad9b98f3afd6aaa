"""One attempt: what its end says of its node, and where its connection goes."""

from types import SimpleNamespace
from typing import cast

import pytest

from s3edge.events import AttemptFailed, End, Event, Subject
from s3edge.health.breaker import State
from s3edge.proxy.attempt import Attempt
from s3edge.proxy.progress import Progress
from s3edge.telemetry.meter import Meter
from s3edge.upstream.connection import NodeConnection
from s3edge.upstream.pool import Pool
from s3edge.upstream.standing import Standing
from tests.support.virtual_time import run
from tests.upstream.clusters import Bench

SUBJECT = Subject("GetObject", "bucket", "key")


class Story:
    """What the attempts of a test know of their exchange, and what they told it."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.observed: list[float] = []
        self.meter = Meter()
        self.pace: SimpleNamespace | None = SimpleNamespace(observed_at=-1.0, observed=self._observe)

    def _observe(self, seconds: float, now: float) -> None:
        assert self.pace is not None
        self.pace.observed_at = now
        self.observed.append(seconds)

    def attempt(self, standing: Standing, now: float = 10.0) -> Attempt:
        progress = SimpleNamespace(
            note=self.events.append, subject=SUBJECT, pace=self.pace, upload=None, trace=None, waits_since=12.0
        )
        return Attempt(standing, cast(Progress, progress), now, is_kept=False)

    @property
    def ends(self) -> dict[str, float]:
        """How often attempts at the one node ended in which way."""
        samples = self.meter.snapshot()["s3edge_attempts_total"]
        return {labels[1]: count for labels, count in samples if isinstance(count, int)}


@pytest.fixture
def story() -> Story:
    return Story()


def probing(bench: Bench) -> Standing:
    """The standing of node `a`, which was ejected and is tried from 10 s on."""
    standing = bench["a"]
    for _ in range(5):
        standing.failed(0.0, 0.0, "closed")
    standing.try_out(10.0)
    assert standing.breaker.state is State.PROBING
    return standing


NODES_FAULTS = [End.UNREACHABLE, End.CLOSED, End.TIMEOUT, End.GARBAGE, End.ERROR, End.BROKE_OFF, End.STALLED]
NO_FAULTS = [End.MISMATCH, End.CLIENT_GONE, End.EDGE]


@pytest.mark.parametrize("end", NODES_FAULTS)
def test_a_failure_by_the_nodes_fault_is_held_against_it_at_once(story: Story, end: End) -> None:
    async def main() -> None:
        standing = Bench("a", "b")["a"]
        attempt = story.attempt(standing)
        attempt.blame(end, "what happened", 11.0)
        assert standing.record.bads == 1
        assert story.events == [AttemptFailed("a", SUBJECT, end, "what happened")]
        assert (standing.node.inflight, story.ends) == (1, {})
        attempt.end(End.DONE, story.meter, 12.0)
        assert (standing.node.inflight, story.ends, standing.record.bads) == (0, {end: 1}, 1)

    run(main())


@pytest.mark.parametrize("end", NO_FAULTS)
def test_a_failure_by_nobodys_fault_or_anothers_is_not(story: Story, end: End) -> None:
    async def main() -> None:
        standing = Bench("a", "b")["a"]
        attempt = story.attempt(standing)
        attempt.blame(end, "", 11.0)
        attempt.end(End.ERROR, story.meter, 12.0)
        assert (standing.record.bads, story.ends) == (0, {end: 1})

    run(main())


def test_slow_down_throttles_and_is_no_failure(story: Story) -> None:
    async def main() -> None:
        standing = Bench("a", "b")["a"]
        story.attempt(standing).blame(End.SLOW_DOWN, "answered 503", 11.0)
        assert (standing.record.bads, standing.throttle is None) == (0, False)

    run(main())


def test_an_attempt_that_is_late_and_then_fails_is_one_failure(story: Story) -> None:
    async def main() -> None:
        standing = Bench("a", "b")["a"]
        attempt = story.attempt(standing)
        attempt.suspect("no first byte in 500 ms", 10.5)
        assert (attempt.is_suspect, standing.record.bads, attempt.end_word) == (True, 1, None)
        attempt.blame(End.CLOSED, "", 12.0)
        assert standing.record.bads == 1
        assert [cast(AttemptFailed, event).end for event in story.events] == [End.TIMEOUT, End.CLOSED]

    run(main())


@pytest.mark.parametrize(
    "end, state",
    [(end, State.OPEN) for end in (*NODES_FAULTS, *NO_FAULTS)] + [(End.SLOW_DOWN, State.CLOSED)],
)
def test_however_a_trial_fails_it_is_over(story: Story, end: End, state: State) -> None:
    """Regression: a trial that was blamed for nothing of its node's left the node waiting for its end, for good."""

    async def main() -> None:
        standing = probing(Bench("a", "b"))
        attempt = story.attempt(standing)
        attempt.blame(end, "", 11.0)
        attempt.end(End.ERROR, story.meter, 11.0)
        assert standing.breaker.state is state

    run(main())


@pytest.mark.parametrize("end", [End.DONE, End.BEATEN, End.CLIENT_GONE])
def test_a_trial_that_ends_without_an_answer_is_over_too(story: Story, end: End) -> None:
    async def main() -> None:
        standing = probing(Bench("a", "b"))
        story.attempt(standing).end(end, story.meter, 11.0)
        assert standing.breaker.state is State.OPEN
        assert standing.breaker.may_try(11.0)

    run(main())


def test_a_good_answer_ends_a_trial_well_and_its_body_may_still_break(story: Story) -> None:
    async def main() -> None:
        standing = probing(Bench("a", "b"))
        attempt = story.attempt(standing)
        attempt.was_good(10.5)
        assert standing.breaker.state is State.CLOSED
        attempt.blame(End.BROKE_OFF, "after 5 bytes of a body", 12.0)
        assert standing.record.bads == 1

    run(main())


def test_a_read_teaches_its_pace_once_for_each_instant_and_a_write_never(story: Story) -> None:
    async def main() -> None:
        standing = Bench("a", "b")["a"]
        for began in (10.0, 10.25):
            story.attempt(standing, began).was_good(10.5)
        assert story.observed == [0.5]
        story.attempt(standing, 10.5).was_good(10.75)
        assert story.observed == [0.5, 0.25]
        story.pace = None
        story.attempt(standing, 11.0).was_good(19.0)
        assert (story.observed, standing.record.reads, standing.record.goods) == ([0.5, 0.25], 3, 4)
        # Of the write, whose body had come at 12 s, the node's part counts.
        assert standing.first_byte.numbers[-1] == 0.5 + 0.25 + 0.25 + 7.0

    run(main())


@pytest.mark.parametrize("is_reusable", [True, False])
def test_a_connection_is_given_back_or_reset(story: Story, is_reusable: bool) -> None:
    async def main() -> None:
        calls: list[str] = []
        connection = cast(NodeConnection, SimpleNamespace(abort=lambda: calls.append("reset")))
        standing = Bench("a", "b")["a"]
        pool = SimpleNamespace(give_back=lambda given: calls.append("given back" if given is connection else "other"))
        standing.pool = cast(Pool, pool)
        attempt = story.attempt(standing)
        attempt.connection, attempt.is_connected = connection, True
        attempt.end(End.DONE, story.meter, 11.0, is_reusable=is_reusable)
        assert calls == ["given back" if is_reusable else "reset"]

    run(main())


def test_an_attempt_without_a_connection_ends_without_one(story: Story) -> None:
    async def main() -> None:
        standing = Bench("a", "b")["a"]
        story.attempt(standing).end(End.CLIENT_GONE, story.meter, 11.0)
        assert (standing.node.inflight, story.ends) == (0, {End.CLIENT_GONE: 1})

    run(main())
