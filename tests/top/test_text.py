"""Text of unknown origin does nothing but stand there; quantities have room in their columns."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len

from s3edge.top.text import (
    age_text,
    byte_rate_short,
    bytes_short,
    cut,
    harmless,
    latency_text,
    number_short,
    padded,
    percent_text,
)

KIB, MIB, GIB = 1024, 1024**2, 1024**3


@pytest.mark.parametrize(
    "text, shown",
    [
        ("train/0001.tar", "train/0001.tar"),
        ("Änderung/日本.parquet", "Änderung/日本.parquet"),
        ("[red]x[/red] [link=a]", "[red]x[/red] [link=a]"),
        ("a\x1b[2J\x1b]0;x\x07", "a\\x1b[2J\\x1b]0;x\\x07"),
        ("a\nb\rc\td\0", "a\\nb\\rc\\td\\x00"),
        ("\x9b31m", "\\x9b31m"),
        ("gnp\u202eexe.\u2066", "gnp\\u202eexe.\\u2066"),
        ("a\u200bb\ufeff\u2028", "a\\u200bb\\ufeff\\u2028"),
        ("e\u0301", "e\u0301"),
        ("e\u0301\u0301\u0301\u0301", "e\u0301\u0301\\u0301\\u0301"),
        ("\u0301a", "\\u0301a"),
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_what_could_do_anything_else_is_escaped(text: str, shown: str) -> None:
    assert harmless(text) == shown


@given(st.text(st.characters(), max_size=50))
@example("\x1b[31m\u202e\u0301")
def test_harmless_text_has_no_character_that_moves_turns_or_covers(text: str) -> None:
    shown = harmless(text)
    assert shown.isprintable()
    assert harmless(shown) == shown


def test_a_text_of_megabytes_is_not_read_to_its_end() -> None:
    assert len(harmless("\x1b" * 10_000_000)) == 4 * 2000
    assert len(harmless("a" * 10_000_000)) == 2000


@pytest.mark.parametrize(
    "text, width, shown",
    [
        ("train/0001.tar", 14, "train/0001.tar"),
        ("train/0001.tar", 13, "train/…01.tar"),
        ("train/0001.tar", 8, "tra….tar"),
        ("train/0001.tar", 4, "tra…"),
        ("train", 1, "…"),
        ("train", 0, ""),
        ("日本日本日本", 9, "日本…日本"),
        ("日本日本日本", 10, "日本… 日本"),
    ],
)
def test_a_long_name_loses_its_middle(text: str, width: int, shown: str) -> None:
    assert cut(text, width) == shown


def test_a_long_sentence_loses_its_end() -> None:
    assert padded("cannot connect: refused", 16, is_sentence=True) == "cannot connect:…"


def test_numbers_stand_at_the_right_and_words_at_the_left() -> None:
    assert padded("31", 5, is_number=True) == "   31"
    assert padded("up", 5) == "up   "


@given(st.text(max_size=60), st.integers(0, 40), st.booleans(), st.booleans())
def test_a_padded_text_has_exactly_its_width(text: str, width: int, is_number: bool, is_sentence: bool) -> None:
    shown = padded(harmless(text), width, is_number=is_number, is_sentence=is_sentence)
    assert cell_len(shown) == width


@pytest.mark.parametrize(
    "count, text",
    [
        (0, "0 B"),
        (812, "812 B"),
        (999.4, "999 B"),
        (1000, "1.0 KiB"),
        (KIB, "1.0 KiB"),
        (53.4 * MIB, "53 MiB"),
        (999.6 * MIB, "1.0 GiB"),
        (1.26 * GIB, "1.3 GiB"),
        (5 * 1024**5, "5.0 PiB"),
        (-1, "0 B"),
    ],
)
def test_bytes_are_told_in_the_unit_that_fits(count: float, text: str) -> None:
    assert bytes_short(count) == text


@given(st.floats(0, 1e15))
def test_no_size_and_no_rate_is_wider_than_its_column(count: float) -> None:
    assert len(bytes_short(count)) <= 7
    assert len(byte_rate_short(count)) <= 9
    assert len(number_short(count)) <= 14 if count > 1e9 else len(number_short(count)) <= 6
    assert len(age_text(count)) <= 4


@pytest.mark.parametrize(
    "number, text",
    [
        (0, "0"),
        (4.23, "4.2"),
        (7.0, "7"),
        (31.4, "31"),
        (1240, "1,240"),
        (9_999.4, "9,999"),
        (52_300, "52k"),
        (1.23e6, "1.2M"),
    ],
)
def test_a_number_is_told_in_few_characters(number: float, text: str) -> None:
    assert number_short(number) == text


@pytest.mark.parametrize(
    "seconds, text",
    [(None, "-"), (0.00042, "0.4 ms"), (0.0123, "12 ms"), (0.9994, "999 ms"), (0.9996, "1.0 s"), (61.2, "61 s")],
)
def test_a_latency_is_told_in_milliseconds_or_seconds(seconds: float | None, text: str) -> None:
    assert latency_text(seconds) == text


@pytest.mark.parametrize(
    "seconds, text",
    [
        (0, "0.0s"),
        (4.23, "4.2s"),
        (9.96, "10s"),
        (119, "119s"),
        (120, "2m"),
        (7200, "2h"),
        (86400 * 9, "9d"),
        (1e15, "999d"),
        (-3, "0.0s"),
    ],
)
def test_an_age_is_told_in_four_characters(seconds: float, text: str) -> None:
    assert age_text(seconds) == text


def test_a_share_is_told_in_percent() -> None:
    assert [percent_text(part) for part in (0.0, 0.824, 1.0, 3.8)] == ["0%", "82%", "100%", "380%"]
