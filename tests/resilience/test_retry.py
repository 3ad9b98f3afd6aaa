"""Which requests go to another node, and how long they wait before."""

from random import Random
from statistics import mean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3edge.resilience.retry import FAILURES, FIRST_PAUSE, LONGEST_PAUSE, may_retry, pause


@pytest.mark.parametrize(
    "is_sent, is_replayable, is_body_whole, expected",
    [
        pytest.param(False, False, False, True, id="nothing was sent, and nothing else matters"),
        pytest.param(False, False, True, True, id="nothing was sent of what must not be sent twice"),
        pytest.param(False, True, False, True, id="nothing was sent, and the body is gone"),
        pytest.param(False, True, True, True, id="nothing was sent, and it may be sent twice"),
        pytest.param(True, True, True, True, id="it was sent, and may be sent twice, whole"),
        pytest.param(True, True, False, False, id="a part of its body is gone"),
        pytest.param(True, False, True, False, id="the node may have carried it out, and must do so once"),
        pytest.param(True, False, False, False, id="the node may have carried it out, and the body is gone"),
    ],
)
def test_a_request_goes_to_another_node_as_the_table_says(
    is_sent: bool, is_replayable: bool, is_body_whole: bool, expected: bool
) -> None:
    assert may_retry(is_sent=is_sent, is_replayable=is_replayable, is_body_whole=is_body_whole) is expected


def test_only_answers_that_another_node_may_not_give_are_failures() -> None:
    assert sorted(FAILURES) == [500, 502, 503, 504]


def test_the_first_retry_goes_at_once() -> None:
    assert [pause(1, Random(seed)) for seed in range(10)] == [0.0] * 10


@pytest.mark.parametrize(
    "retry, longest", [(2, 0.025), (3, 0.05), (4, 0.1), (5, 0.2), (6, 0.4), (7, 0.8), (8, 1.0), (9, 1.0), (100, 1.0)]
)
def test_pauses_are_spread_from_nothing_to_twice_the_last_up_to_a_second(retry: int, longest: float) -> None:
    rng = Random(1)
    pauses = [pause(retry, rng) for _ in range(1000)]
    assert 0 <= min(pauses) < 0.01 * longest
    assert 0.99 * longest < max(pauses) <= longest
    # Uniform: the mean of 1,000 is half of it, with a standard deviation below 1%.
    assert mean(pauses) == pytest.approx(longest / 2, rel=0.05)


@given(st.integers(1, 1000), st.integers())
def test_no_pause_is_longer_than_a_second(retry: int, seed: int) -> None:
    assert 0 <= pause(retry, Random(seed)) <= LONGEST_PAUSE
    assert FIRST_PAUSE < LONGEST_PAUSE
