"""The runaway guard over simulated hours: who is held and when, how far, and how it ends. One tick is one second."""

from functools import partial
from itertools import pairwise
from math import exp
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3edge.config.qos import Guard
from s3edge.qos.activity import Activity
from s3edge.qos.runaway import WARM_UP, SourceState
from tests.qos.runaway_scene import CLIENT, KNOWN, MIB, TRAINING, Scene, did, idle, known, usual


def test_steady_traffic_is_never_held_however_uneven_it_is_from_second_to_second() -> None:
    scene, rng = Scene(), Random(1)
    scene.run(
        3 * 3600,
        lambda: did(rng.expovariate(1 / 40), sent=rng.expovariate(1 / 40) * MIB, errors=rng.random() < 0.1, lists=1),
    )
    assert scene.said == []


def test_what_grows_fiftyfold_in_a_working_day_is_never_held() -> None:
    scene = Scene()
    scene.run(28_800, lambda: did(40 * exp(scene.now / 7360), sent=MIB * exp(scene.now / 7360)))
    assert scene.said == []
    status = scene.judge.status(TRAINING)
    assert status is not None
    assert status.present.requests == pytest.approx(2000, rel=0.01)
    assert status.usual.requests == pytest.approx(2000 / (1 + 600 / 7360), rel=0.01)


def test_a_job_that_starts_with_a_moderate_rate_is_not_held() -> None:
    scene = Scene()
    scene.run(3600, idle)
    scene.run(1200, lambda: did(450, sent=900 * MIB, lists=100))
    assert scene.said == []


def test_a_job_that_goes_on_after_hours_of_rest_does_not_jump() -> None:
    scene = Scene()
    for _ in range(3):
        scene.run(700, lambda: did(2000, sent=2000 * MIB))
        scene.run(3 * 3600, idle)
    assert scene.said == []


def test_a_burst_of_one_second_is_no_jump() -> None:
    scene = known()
    scene.run(1, lambda: did(1000))
    scene.run(60, usual)
    assert scene.said == []


def test_a_report_that_comes_a_tick_late_is_no_jump() -> None:
    scene = known(Guard(factor=1.5, requests=10.0))
    scene.run(1, idle)
    scene.run(1, lambda: did(80))
    scene.run(60, usual)
    assert scene.said == []


def test_seconds_that_a_busy_machine_made_longer_are_no_jump() -> None:
    scene = known(Guard(factor=1.5, requests=10.0))
    scene.judge.feed(TRAINING, did(400), scene.guard, 710.0)
    assert scene.judge.tick(710.0) == []
    assert scene.judge.tick(710.0) == []  # no time has passed


def test_a_checkpoint_is_no_jump() -> None:
    scene = known()
    scene.run(120, lambda: did(60, received=5000 * MIB))
    assert scene.said == []


def test_after_a_start_everybody_is_new_and_goes_on_with_what_he_does() -> None:
    scene = Scene()
    scene.run(1800, lambda: did(5000, sent=4000 * MIB))
    assert scene.said == []


STORMS: list[tuple[str, Activity, int, str]] = [
    ("rate", did(1240), 1, "440 requests/s, 11 times its usual 40"),
    ("rate just above", did(420), 3, "420 requests/s, 10 times its usual 40"),
    (
        "retry storm",
        did(600, distinct=10, failed=580),
        2,
        "retry storm: 393 requests/s for what was just asked for, usually none",
    ),
    (
        "shed and repeated",
        did(600, distinct=10, shed=580),
        2,
        "retry storm: 393 requests/s for what was just asked for, usually none",
    ),
    ("list storm", did(300, lists=300), 1, "list storm: 101 lists/s, 101 times its usual 1.0"),
    ("404 loop", did(90, errors=70, missing=70), 1, "404 loop: 23 requests/s for what does not exist, usually none"),
    (
        "the same key",
        did(100, distinct=1),
        3,
        "the same over and over: 99 requests/s for what was just asked for, usually none",
    ),
    ("egress", did(40, sent=2000 * MIB), 1, "693 MiB/s sent, 17 times its usual 40 MiB/s"),
    ("connections", did(40, connections=100), 1, "34 new connections/s, 34 times its usual 1.0"),
]


@pytest.mark.parametrize("storm,seconds,reason", [row[1:] for row in STORMS], ids=[row[0] for row in STORMS])
def test_each_storm_is_held_within_three_seconds_and_let_go_by_itself(
    storm: Activity, seconds: int, reason: str
) -> None:
    scene = known()
    scene.run(5, lambda: Activity(set(storm.marks), *storm.counts()))
    second, verdict = scene.said[0]
    assert (second - KNOWN, verdict.step, verdict.reason) == (seconds, 1, reason)
    assert verdict.state is SourceState.THROTTLED
    scene.run(1200, usual)
    _, verdict = scene.said[-1]
    assert (verdict.state, verdict.step, verdict.rate, verdict.bandwidth) == (SourceState.NORMAL, 0, None, None)
    assert verdict.reason == "calm for 30 s"


def test_who_ignores_slow_down_is_held_to_half_as_much_every_three_seconds_and_never_looks_calm() -> None:
    scene = known()
    scene.run(600, scene.stubborn)
    assert scene.steps == [
        (701, 1, 200.0),
        (704, 2, 100.0),
        (707, 3, 50.0),
        (710, 4, 25.0),
        (713, 5, 12.5),
        (716, 6, 6.25),
        (719, 7, 5.0),
    ]


def test_who_is_calm_again_is_let_go_step_by_step() -> None:
    scene = known()
    scene.run(8, scene.stubborn)
    scene.said.clear()
    scene.run(200, usual)
    # The mean of three seconds falls below 400 requests/s in second 711.
    assert scene.steps == [(710, 4, 25.0), (740, 3, 50.0), (770, 2, 100.0), (800, 1, 200.0), (830, 0, None)]


def test_who_keeps_to_its_rate_stays_in_the_first_step() -> None:
    scene = known()
    scene.run(1, lambda: did(1240))
    scene.run(31, lambda: did(200))
    assert scene.steps == [(701, 1, 200.0)]


def test_a_storm_that_is_not_of_requests_only_is_shed_until_it_ends() -> None:
    scene = known()

    def loop() -> Activity:
        served = min(90.0, scene.rate)
        return did(90, distinct=90, shed=90 - served, errors=served, missing=served)

    scene.run(60, loop)
    # What it does at first is below half of a jump of requests, so that is the first step.
    assert [(step, rate) for _, step, rate in scene.steps] == [
        (1, pytest.approx(56.7, abs=0.1)),
        (2, pytest.approx(28.3, abs=0.1)),
        (3, pytest.approx(14.2, abs=0.1)),
        (4, pytest.approx(7.1, abs=0.1)),
        (5, 5.0),
    ]


def test_egress_is_held_to_a_bandwidth_of_which_a_tenth_of_the_floor_is_left() -> None:
    scene = known()
    scene.run(60, lambda: did(40, sent=4000 * MIB))
    assert scene.said[0][1].bandwidth == 200 * MIB  # half of ten times the usual
    assert (scene.rate, scene.said[-1][1].bandwidth) == (5.0, 10 * MIB)


def test_a_new_source_that_comes_as_a_storm_is_held() -> None:
    scene = Scene()
    scene.run(3600, idle)
    scene.run(3, lambda: did(1000))
    assert [(second, verdict.rate, verdict.reason) for second, verdict in scene.said] == [
        (3602, 250.0, "667 requests/s of a source that is new")
    ]


def test_a_storm_is_not_learned_as_usual_while_it_is_held() -> None:
    scene = known()
    scene.run(3600, scene.stubborn)
    status = scene.judge.status(TRAINING)
    assert status is not None
    assert status.usual.requests == 40.0
    assert status.present.requests == 1240.0


def test_who_cannot_stop_storms_ever_less_often() -> None:
    scene = known()
    scene.run(3600, scene.greedy)
    jumps = [second for second, step, _ in scene.steps if step == 1]
    gaps = [later - earlier for earlier, later in pairwise(jumps)]
    assert gaps == [33, 63, 123, 243, *[483] * 6]


def test_a_jump_long_after_the_last_is_no_relapse() -> None:
    scene = known()
    for _ in range(3):
        scene.said.clear()
        scene.run(1, lambda: did(1240))
        scene.run(600, usual)
        assert [step for _, step, _ in scene.steps] == [1, 0]
        assert scene.steps[1][0] - scene.steps[0][0] == 32


def test_two_sources_are_judged_each_by_itself() -> None:
    scene = Scene()
    for _ in range(KNOWN):
        scene.judge.feed(CLIENT, did(4), scene.guard, scene.now)
        scene.run(1, usual)
    scene.judge.feed(CLIENT, did(400), scene.guard, scene.now)
    scene.run(1, usual)
    assert [(verdict.source, verdict.rate) for _, verdict in scene.said] == [(CLIENT, 25.0)]


def test_what_many_workers_report_is_one_demand() -> None:
    scene = known()
    for _ in range(3):
        for _ in range(4):
            scene.judge.feed(TRAINING, did(25, distinct=1), scene.guard, scene.now)
        scene.run(1, idle)
    [(second, verdict)] = scene.said
    assert (second, verdict.reason) == (
        703,
        "the same over and over: 99 requests/s for what was just asked for, usually none",
    )


COUNTS = st.fixed_dictionaries(
    {
        "requests": st.integers(0, 3000),
        "distinct": st.integers(0, 100),
        "sent": st.integers(0, 5000 * MIB),
        "errors": st.integers(0, 300),
        "lists": st.integers(0, 300),
        "connections": st.integers(0, 300),
        "shed": st.integers(0, 3000),
    }
)


@given(st.lists(st.tuples(st.integers(1, 20), COUNTS), max_size=6), st.floats(1.0, 50.0))
def test_nobody_is_ever_held_to_less_than_the_least(phases: list[tuple[int, dict[str, int]]], least: float) -> None:
    scene = Scene(Guard(least=least))
    scene.run(int(WARM_UP), usual)
    for seconds, counts in phases:
        scene.run(seconds, partial(did, **{**counts, "shed": min(counts["shed"], counts["requests"])}))
    for _, verdict in scene.said:
        assert (verdict.rate is None) == (verdict.step == 0)
        assert verdict.rate is None or verdict.rate >= least


@given(
    st.lists(
        st.tuples(
            st.integers(1, 20),
            st.fixed_dictionaries(
                {
                    "requests": st.integers(0, 50),
                    "distinct": st.integers(0, 50),
                    "sent": st.integers(0, 100 * MIB),
                    "errors": st.integers(0, 20),
                    "lists": st.integers(0, 20),
                    "connections": st.integers(0, 20),
                }
            ),
        ),
        max_size=6,
    )
)
def test_who_stays_below_the_floors_is_never_held(phases: list[tuple[int, dict[str, int]]]) -> None:
    scene = Scene(Guard(factor=1.5, baseline=10.0))
    scene.run(int(WARM_UP), lambda: did(1))
    for seconds, counts in phases:
        scene.run(seconds, partial(did, **counts))
    assert scene.said == []
