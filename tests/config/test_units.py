"""Durations, sizes, rates, counts and choices."""

from collections.abc import Callable
from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3edge.config.fault import Refused
from s3edge.config.units import (
    BYTES_PER_UNIT,
    LONGEST_SECONDS,
    SECONDS_PER_UNIT,
    TIB,
    byte_rate,
    bytes_text,
    duration,
    number,
    one_of,
    parse_flag,
    request_rate,
    seconds_text,
    share,
    size,
    whole_number,
    word_or_number,
)

ANY_VALUE = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.integers()))


class Fruit(StrEnum):
    APPLE = "apple"
    PEAR = "pear"


@pytest.mark.parametrize(
    "text, seconds",
    [("250ms", 0.25), ("10s", 10), ("10 s", 10), ("1.5m", 90), ("24h", 86400), ("7", 7), (8, 8), (0.5, 0.5)],
)
def test_a_duration_is_read_as_seconds(text: object, seconds: float) -> None:
    assert duration()(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "s",
        "1d",
        "1 minute",
        "1m30s",
        "-1s",
        "+1s",
        "1e3s",
        "0s",
        "25h",
        "0.1ms",
        "1.s",
        "\uff11s",
        "1s\n",
        -1,
        True,
        None,
        [1],
        float("inf"),
        float("nan"),
        10**400,
    ],
)
def test_what_is_no_duration_is_refused_with_what_is(value: object) -> None:
    with pytest.raises(Refused) as refused:
        duration()(value)
    assert refused.value.allowed == "a duration from 1ms to 24h, such as 250ms, 10s, 2m or 1h"


@given(st.floats(0.001, LONGEST_SECONDS))
def test_seconds_come_back_from_json_as_they_were(seconds: float) -> None:
    assert duration()(seconds) == seconds


@given(st.integers(1, 1000), st.sampled_from(sorted(SECONDS_PER_UNIT)))
def test_a_duration_has_the_same_length_in_any_unit_that_shows_it(number: int, unit: str) -> None:
    seconds = duration(high=10**7)(f"{number}{unit}")
    assert seconds == pytest.approx(number * SECONDS_PER_UNIT[unit])
    assert duration(high=10**7)(seconds_text(seconds)) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text, count",
    [
        ("64KiB", 65536),
        ("1MiB", 1 << 20),
        ("1.5MiB", 3 << 19),
        ("10MB", 10**7),
        ("1kb", 1000),
        ("512", 512),
        ("8 B", 8),
        (9, 9),
    ],
)
def test_a_size_is_read_as_bytes(text: object, count: int) -> None:
    assert size()(text) == count


@pytest.mark.parametrize("value", ["", "KiB", "-1", "1.5B", "0.3KiB", "2TiB", "1PiB", True, None, 1.5, float("nan")])
def test_what_is_no_size_is_refused_with_what_is(value: object) -> None:
    with pytest.raises(Refused) as refused:
        size()(value)
    assert refused.value.allowed == "a size from 0B to 1TiB, such as 64KiB, 1MiB or 10MB"
    assert refused.value.hint == ""


@pytest.mark.parametrize("text, hint", [("4k", "did you mean 4KiB?"), ("1.5M", "did you mean 1.5MiB?")])
def test_a_unit_that_means_two_things_is_refused_with_a_hint(text: str, hint: str) -> None:
    with pytest.raises(Refused) as refused:
        size()(text)
    assert refused.value.hint == hint


@given(st.integers(0, 999), st.sampled_from(sorted(BYTES_PER_UNIT)))
def test_a_size_has_the_same_length_in_any_unit_that_shows_it(number: int, unit: str) -> None:
    parse = size(high=1000 * TIB)
    count = parse(f"{number}{unit}")
    assert count == number * BYTES_PER_UNIT[unit]
    assert parse(bytes_text(count)) == count


@given(ANY_VALUE)
def test_any_value_is_read_or_refused(value: object) -> None:
    for parse in (
        duration(),
        size(),
        share(),
        number(0, 9),
        whole_number(1, 9),
        parse_flag,
        word_or_number("auto", 9),
        one_of(Fruit),
        request_rate(),
        byte_rate(),
    ):
        try:
            outcome = str(parse(value))
        except Refused as refused:
            outcome = refused.allowed
        assert outcome


@pytest.mark.parametrize("value, number", [(1, 1), ("9", 9), ("05", 5)])
def test_a_whole_number_is_read(value: object, number: int) -> None:
    assert whole_number(1, 9)(value) == number


@pytest.mark.parametrize("value", [0, "10", "-1", "1.0", 2.0, True, None, "", "\uff19"])
def test_what_is_no_whole_number_in_the_range_is_refused(value: object) -> None:
    with pytest.raises(Refused, match="a whole number from 1 to 9"):
        whole_number(1, 9)(value)


def test_the_examples_of_a_duration_are_in_its_range() -> None:
    with pytest.raises(Refused) as refused:
        duration(0.05, 60.0)("1h")
    assert refused.value.allowed == "a duration from 50ms to 1m, such as 250ms or 10s"


@pytest.mark.parametrize(
    "text, part", [("20%", 0.2), ("5%", 0.05), ("99.9 %", 0.999), ("0%", 0), ("100%", 1), (0.2, 0.2), (1, 1), (0, 0)]
)
def test_a_share_is_read_as_a_part_of_one(text: object, part: float) -> None:
    assert share()(text) == part


@pytest.mark.parametrize(
    "value", ["", "%", "0.2", "20", "101%", "-1%", "1e1%", "20%%", "\uff15%", 1.1, -0.1, True, None]
)
def test_what_is_no_share_is_refused_with_what_is(value: object) -> None:
    with pytest.raises(Refused) as refused:
        share()(value)
    assert refused.value.allowed == "a share from 0% to 100%, such as 20%"


def test_the_example_of_a_share_is_in_its_range() -> None:
    with pytest.raises(Refused) as refused:
        share(0.5, 0.999)("20%")
    assert refused.value.allowed == "a share from 50% to 99.9%, such as 90%"


@given(st.integers(0, 1000))
def test_a_share_in_percent_is_the_same_number_as_the_fraction(tenths: int) -> None:
    assert share()(f"{tenths // 10}.{tenths % 10}%") == tenths / 1000
    assert share()(tenths / 1000) == tenths / 1000


def test_a_share_at_the_end_of_its_range_is_in_it() -> None:
    assert share(0.5, 0.999)("99.9%") == 0.999


@pytest.mark.parametrize("value, count", [(2, 2.0), (4.5, 4.5), ("10", 10.0), ("2.5", 2.5)])
def test_a_number_is_read(value: object, count: float) -> None:
    assert number(2, 10)(value) == count


@pytest.mark.parametrize("value", [1.9, 10.1, "10x", "10%", "", True, None, float("nan"), float("inf")])
def test_what_is_no_number_in_the_range_is_refused(value: object) -> None:
    with pytest.raises(Refused, match="a number from 2 to 10"):
        number(2, 10)(value)


@pytest.mark.parametrize("value, is_on", [(True, True), (False, False), ("true", True), ("false", False)])
def test_a_flag_is_read_also_from_the_environment(value: object, is_on: bool) -> None:
    assert parse_flag(value) is is_on


@pytest.mark.parametrize("value", ["yes", "on", "True", "", 1, 0, None, []])
def test_what_is_no_flag_is_refused(value: object) -> None:
    with pytest.raises(Refused, match="allowed: true or false"):
        parse_flag(value)


@pytest.mark.parametrize("value, expected", [("auto", "auto"), ("4", 4), (512, 512)])
def test_a_word_may_stand_in_place_of_a_whole_number(value: object, expected: object) -> None:
    assert word_or_number("auto", 512)(value) == expected


@pytest.mark.parametrize("value", [0, 513, "Auto", "", None, True, 1.5])
def test_another_word_or_a_number_out_of_range_is_refused(value: object) -> None:
    with pytest.raises(Refused, match="auto, or a whole number from 1 to 512"):
        word_or_number("auto", 512)(value)


@pytest.mark.parametrize(
    "value, per_second",
    [
        ("500/s", 500.0),
        ("30/m", 0.5),
        ("1800/h", 0.5),
        ("1.5/s", 1.5),
        ("1/h", 1 / 3600),
        ("1000000/s", 1e6),
        (20, 20.0),
        (0.5, 0.5),
        ("21", 21.0),
    ],
)
def test_a_rate_of_requests_is_read_as_a_number_per_second(value: object, per_second: float) -> None:
    assert request_rate()(value) == per_second


@pytest.mark.parametrize(
    "value", ["500/d", "500/", "/s", "500 per s", "5k/s", "-5/s", -5, "1e3/s", "0.9/h", 1_000_001, True, None, "5/s/s"]
)
def test_what_is_no_rate_of_requests_is_refused(value: object) -> None:
    with pytest.raises(Refused, match="a rate from 1/h to 1000000/s, such as 500/s, 30/m or 1000/h") as refused:
        request_rate()(value)
    assert refused.value.hint == ""


@pytest.mark.parametrize(
    "value, per_second",
    [
        ("200MiB/s", 209_715_200.0),
        ("1.5GB/s", 1_500_000_000.0),
        ("1kb/s", 1000.0),
        ("1TiB/s", 2.0**40),
        (1000, 1000.0),
        ("4096", 4096.0),
        (1500.5, 1500.5),
    ],
)
def test_a_rate_of_bytes_is_read_as_a_number_per_second(value: object, per_second: float) -> None:
    assert byte_rate()(value) == per_second


@pytest.mark.parametrize(
    "value, hint",
    [
        ("200MiB", "did you mean 200MiB/s?"),  # a size
        ("200M/s", "did you mean 200MiB/s?"),
        ("5000/s", ""),  # of what?
        ("200MiB/m", ""),
        ("1Gbit/s", ""),
        ("-1MiB/s", ""),
        ("999B/s", ""),
        (999, ""),
        ("2TiB/s", ""),
        (True, ""),
        (None, ""),
    ],
)
def test_what_is_no_rate_of_bytes_is_refused(value: object, hint: str) -> None:
    with pytest.raises(Refused, match="a rate from 1kB/s to 1TiB/s, such as 200MiB/s or") as refused:
        byte_rate()(value)
    assert refused.value.hint == hint


@pytest.mark.parametrize("parse, value", [(request_rate(), 0), (request_rate(), "0/s"), (byte_rate(), "0MiB/s")])
def test_a_rate_of_zero_is_refused_since_it_is_no_limit(parse: Callable[[object], float], value: object) -> None:
    with pytest.raises(Refused) as refused:
        parse(value)
    assert refused.value.hint == "to take away everything is not a limit"


@given(st.integers(1, 3600), st.sampled_from("smh"))
def test_a_rate_that_was_read_is_read_again_as_itself(count: int, unit: str) -> None:
    rate = request_rate()(f"{count}/{unit}")
    assert request_rate()(rate) == rate == count / SECONDS_PER_UNIT[unit]
    assert byte_rate()(byte_rate()(f"{count}kB/s")) == count * 1000.0


def test_a_choice_is_read_and_a_near_miss_is_hinted_at() -> None:
    assert one_of(Fruit)("pear") is Fruit.PEAR
    with pytest.raises(Refused) as refused:
        one_of(Fruit)("Aple")
    assert (refused.value.allowed, refused.value.hint) == ("apple, pear", "did you mean apple?")
