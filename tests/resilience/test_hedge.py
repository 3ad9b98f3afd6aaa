"""When a first byte is late, by what first bytes of the same kind took."""

import pytest

from s3edge.resilience.hedge import FLOOR, Amount, Lateness, Pace, amount
from s3edge.s3.operation import Operation
from s3edge.s3.ranges import ByteRange, SuffixRange, parse_range

GET = Operation.GetObject
KIB = 1024


@pytest.mark.parametrize(
    "wanted, expected",
    [
        (b"bytes=0-0", Amount.SMALL),
        (b"bytes=0-65535", Amount.SMALL),
        (b"bytes=0-65536", Amount.MEDIUM),
        (b"bytes=100-1048675", Amount.MEDIUM),
        (b"bytes=100-1048676", Amount.LARGE),
        (b"bytes=-1", Amount.SMALL),
        (b"bytes=-65537", Amount.MEDIUM),
        (b"bytes=-1048577", Amount.LARGE),
        (b"bytes=0-", Amount.WHOLE),
        (b"bytes=1000000-", Amount.WHOLE),
        (b"bytes=0-1,5-6", Amount.WHOLE),
    ],
)
def test_a_range_is_told_by_its_length(wanted: bytes, expected: Amount) -> None:
    assert amount(parse_range(wanted)) is expected


def test_without_a_range_the_whole_is_wanted() -> None:
    assert amount(None) is Amount.WHOLE
    assert amount(ByteRange(0, None)) is Amount.WHOLE
    assert amount(SuffixRange(64 * KIB)) is Amount.SMALL


def pace(*runs: tuple[float, int], quantile: float = 0.95, most: float = 1.0) -> Pace:
    """Of small reads that took each of these times as often as said."""
    pace = Lateness(unknown=0.2).pace(GET, Amount.SMALL, quantile, most)
    for seconds, count in runs:
        for _ in range(count):
            pace.observed(seconds, 0.0)
    return pace


@pytest.mark.parametrize("quantile, expected", [(0.9, 0.08), (0.95, 0.12), (0.99, 0.29)])
def test_a_hedge_comes_when_the_share_of_first_bytes_is_there_that_the_policy_names(
    quantile: float, expected: float
) -> None:
    assert pace((0.03, 280), (0.08, 16), (0.12, 18), (0.29, 6), quantile=quantile).delay == pytest.approx(
        expected, rel=0.09
    )


def test_a_hedge_never_comes_before_twice_the_median_since_busy_nodes_are_not_helped_by_more_requests() -> None:
    assert pace((0.06, 288), (0.08, 32)).delay == pytest.approx(0.12, rel=0.09)
    assert pace((0.06, 320), quantile=0.5).delay == pytest.approx(0.12, rel=0.09)


def test_a_hedge_never_comes_before_the_floor_nor_after_the_most() -> None:
    assert pace((0.001, 64)).delay == FLOOR
    assert pace((0.0004, 64), most=0.007).delay == 0.007
    assert pace((0.02, 60), (0.9, 4), most=0.5, quantile=0.99).delay == 0.5


def test_while_too_little_is_known_a_hedge_comes_after_the_time_for_that() -> None:
    assert pace((0.03, 31)).delay == 0.2
    assert pace((0.03, 31), most=0.1).delay == 0.1
    assert pace((0.03, 32)).delay == pytest.approx(0.06, rel=0.09)


def test_all_policies_of_a_cluster_learn_from_the_same_times() -> None:
    late = Lateness(unknown=0.2)
    quick, calm = (late.pace(GET, Amount.SMALL, quantile, 1.0) for quantile in (0.5, 0.95))
    for _ in range(64):
        quick.observed(0.03, 0.0)
    for _ in range(16):
        calm.observed(0.03, 0.0)
    assert calm.delay == quick.delay == pytest.approx(0.06, rel=0.09)


def test_operations_and_amounts_do_not_know_each_other() -> None:
    late = Lateness(unknown=0.2)
    for _ in range(64):
        late.pace(GET, Amount.SMALL, 0.95, 0.5).observed(0.03, 0.0)
    for kind in ((GET, Amount.LARGE), (Operation.HeadObject, Amount.SMALL)):
        other = late.pace(*kind, 0.95, 0.5)
        assert (other.delay, other.patience) == (0.2, 0.5)


def test_a_pace_remembers_when_it_was_told_last() -> None:
    told = pace((0.03, 1))
    told.observed(0.03, 7.5)
    assert told.observed_at == 7.5


@pytest.mark.parametrize(
    "runs, most, expected",
    [
        pytest.param([(0.03, 64)], 0.5, 0.25, id="not below a short stop of a node"),
        pytest.param([(0.1, 64)], 0.5, 0.4, id="four times what nearly all take"),
        pytest.param([(0.03, 60), (0.3, 4)], 0.5, 0.5, id="not above what the policy allows"),
        pytest.param([(0.005, 64)], 0.1, 0.1, id="what the policy allows, short as it may be"),
        pytest.param([(2.0, 64)], 0.5, 8.0, id="four times what nearly all take, where all are slow"),
        pytest.param([(0.2, 60), (5.0, 4)], 0.5, 2.0, id="ten times the median, where half are slow"),
        pytest.param([(0.03, 48), (5.0, 16)], 0.5, 0.5, id="a frozen node among four makes nobody wait longer"),
    ],
)
def test_patience_is_four_times_what_nearly_all_take_within_bounds(
    runs: list[tuple[float, int]], most: float, expected: float
) -> None:
    assert pace(*runs, most=most).patience == pytest.approx(expected, rel=0.1)


def test_while_too_little_is_known_patience_is_as_long_as_allowed() -> None:
    assert pace((0.02, 31), most=0.5).patience == 0.5
