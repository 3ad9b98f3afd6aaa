"""What policies and operators say to the runaway guard, what it tells them, and whom it remembers."""

import pytest

from s3edge.config.qos import Guard, GuardMode
from s3edge.events import SourceObserved, SourceReleased, SourceThrottled
from s3edge.qos.activity import Source
from s3edge.qos.runaway import FORGOTTEN_AFTER, Runaways, SourceState
from tests.qos.runaway_scene import CLIENT, MIB, TRAINING, Scene, did, idle, known, usual


def test_an_observing_guard_says_so_holds_nobody_and_gets_used_to_it() -> None:
    scene = known(Guard(mode=GuardMode.OBSERVE))
    scene.run(300, lambda: did(1240))
    assert [(verdict.state, verdict.step, verdict.rate) for _, verdict in scene.said] == [
        (SourceState.OBSERVED, 1, None),
        (SourceState.NORMAL, 0, None),
    ]
    assert isinstance(scene.said[0][1].event(), SourceObserved)
    assert isinstance(scene.said[1][1].event(), SourceReleased)


@pytest.mark.parametrize(
    "mode,state", [(GuardMode.OFF, SourceState.NORMAL), (GuardMode.OBSERVE, SourceState.OBSERVED)], ids=str
)
def test_a_reload_that_takes_the_guard_away_lets_go_at_once(mode: GuardMode, state: SourceState) -> None:
    scene = known()
    scene.run(5, scene.stubborn)
    scene.guard = Guard(mode=mode)
    scene.said.clear()
    scene.run(1, scene.stubborn)
    assert [(verdict.state, verdict.rate) for _, verdict in scene.said] == [(state, None)]


def test_a_guard_that_is_off_learns_nobody_new() -> None:
    scene = Scene(Guard(mode=GuardMode.OFF))
    scene.run(1, usual)
    assert scene.judge.status(TRAINING) is None


def test_the_steps_follow_the_policy() -> None:
    scene = known(Guard(factor=2.0, hold=10.0, least=30.0))
    scene.run(4, lambda: did(200))
    scene.run(40, usual)
    assert scene.steps == [(701, 1, 40.0), (704, 2, 30.0), (716, 1, 40.0), (726, 0, None)]


def test_a_pinned_source_is_held_to_that_rate_whatever_it_does() -> None:
    scene = known()
    scene.judge.pin(TRAINING, 10.0, 700.0)
    scene.run(100, usual)
    scene.run(100, scene.stubborn)
    assert [(second, verdict.state, verdict.step, verdict.rate) for second, verdict in scene.said] == [
        (701, SourceState.PINNED, 0, 10.0)
    ]
    assert scene.said[0][1].reason == "pinned by the operator"


def test_a_source_that_is_pinned_to_nothing_may_storm() -> None:
    scene = known()
    scene.run(5, scene.stubborn)
    scene.judge.pin(TRAINING, None, 705.0)
    scene.said.clear()
    scene.run(600, lambda: did(5000))
    assert scene.steps == [(706, 0, None)]
    assert isinstance(scene.said[0][1].event(), SourceReleased)


def test_a_pin_ends_at_its_time() -> None:
    scene = known()
    scene.judge.pin(TRAINING, 10.0, 700.0, until=760.0)
    scene.run(100, usual)
    assert [(second, verdict.state, verdict.reason) for second, verdict in scene.said] == [
        (701, SourceState.PINNED, "pinned by the operator"),
        (760, SourceState.NORMAL, "the operator's pin is over"),
    ]


def test_a_source_can_be_pinned_before_it_comes() -> None:
    scene = Scene()
    scene.judge.pin(CLIENT, 10.0, 0.0)
    scene.run(1, idle)
    assert [(verdict.source, verdict.rate) for _, verdict in scene.said] == [(CLIENT, 10.0)]


def test_another_pin_replaces_the_first() -> None:
    scene = known()
    scene.judge.pin(TRAINING, 10.0, 700.0)
    scene.run(1, usual)
    scene.judge.pin(TRAINING, 20.0, 701.0)
    scene.run(1, usual)
    assert scene.rate == 20.0


def test_a_source_that_the_operator_releases_is_let_go_and_not_held_again_for_the_same() -> None:
    scene = known()
    scene.run(60, scene.stubborn)
    scene.judge.release(TRAINING, 760.0)
    scene.said.clear()
    scene.run(3600, lambda: did(1240, sent=1240 * MIB))
    assert [(second, verdict.state, verdict.reason) for second, verdict in scene.said] == [
        (761, SourceState.NORMAL, "released by the operator")
    ]


def test_after_a_release_the_guard_goes_on() -> None:
    scene = known()
    scene.judge.pin(TRAINING, 10.0, 700.0)
    scene.run(10, usual)
    scene.judge.release(TRAINING, 710.0)
    scene.run(60, usual)
    scene.run(3, lambda: did(600))
    assert scene.steps == [(701, 0, 10.0), (711, 0, None), (773, 1, 250.0)]


def test_to_release_a_source_that_nobody_knows_does_nothing() -> None:
    scene = Scene()
    scene.judge.release(CLIENT, 0.0)
    scene.run(1, idle)
    assert (scene.said, scene.judge.status(CLIENT)) == ([], None)


def test_the_status_says_the_state_since_when_and_the_rates() -> None:
    scene = known()
    scene.run(8, scene.stubborn)
    status = scene.judge.status(TRAINING)
    assert status is not None
    assert (status.verdict.state, status.verdict.step, status.since) == (SourceState.THROTTLED, 3, 701.0)
    assert (status.usual.requests, status.present.requests) == (40.0, 1240.0)
    assert (status.usual.sent, status.is_new) == (40 * MIB, False)
    assert list(scene.judge.statuses()) == [status]


def test_a_source_is_new_until_it_was_active_for_the_baseline() -> None:
    scene = Scene()
    scene.run(602, usual)
    status = scene.judge.status(TRAINING)
    assert status is not None
    assert status.is_new
    scene.run(1000, idle)
    status = scene.judge.status(TRAINING)
    assert status is not None
    assert not status.is_new  # three seconds later, since only what leaves the window is learned


def test_a_verdict_is_told_as_an_event() -> None:
    scene = known()
    scene.run(1, lambda: did(40, sent=2000 * MIB))
    reason = "693 MiB/s sent, 17 times its usual 40 MiB/s"
    assert scene.said[0][1].event() == SourceThrottled("", None, "tenant training", 40.0, 200.0 * MIB, reason)


def test_the_source_that_was_silent_for_longest_makes_room_but_none_that_is_held() -> None:
    judge, guard = Runaways(0.0, most=3), Guard()
    names = [Source("client", f"10.0.0.{number}") for number in range(5)]
    judge.pin(names[0], 10.0, 0.0)
    for number in (1, 2, 1, 3):
        judge.feed(names[number], did(1), guard, 1.0)
    judge.tick(2.0)
    assert [status.verdict.source for status in judge.statuses()] == [names[0], names[1], names[3]]
    for number in (1, 3):
        judge.pin(names[number], 10.0, 2.0)
    judge.feed(names[4], did(1), guard, 3.0)
    assert judge.status(names[4]) is None


def test_a_source_is_forgotten_after_eight_silent_days_and_a_pin_is_not() -> None:
    scene = known()
    scene.judge.pin(CLIENT, 10.0, 0.0)
    last = scene.now
    scene.judge.tick(last + FORGOTTEN_AFTER - 1)
    assert scene.judge.status(TRAINING) is not None
    scene.judge.tick(last + FORGOTTEN_AFTER)
    assert scene.judge.status(TRAINING) is None
    assert scene.judge.status(CLIENT) is not None
