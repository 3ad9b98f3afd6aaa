"""`Range` and `Content-Range`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3edge.s3.ranges import (
    ByteRange,
    ContentRange,
    SuffixRange,
    UnsatisfiedRange,
    parse_content_range,
    parse_range,
)

POSITIONS = st.integers(0, 2**64 - 1)


@given(POSITIONS, POSITIONS)
def test_a_range_reads_back_if_it_does_not_end_before_it_starts(first: int, last: int) -> None:
    assert parse_range(b"bytes=%d-%d" % (first, last)) == (ByteRange(first, last) if first <= last else None)


@given(POSITIONS)
def test_open_and_suffix_ranges_read_back(position: int) -> None:
    assert parse_range(b"bytes=%d-" % position) == ByteRange(position, None)
    assert parse_range(b"bytes=-%d" % position) == SuffixRange(position)


def test_the_unit_may_be_in_any_case() -> None:
    assert parse_range(b"Bytes=0-0") == ByteRange(0, 0)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"bytes",
        b"bytes=",
        b"bytes=-",
        b"bytes=5",
        b"bytes=0-1,3-4",
        b"bytes=0-1,",
        b"bytes= 0-1",
        b"bytes=0 - 1",
        b"bytes=0-1 ",
        b"bytes=0-1\n",
        b"bytes=+0-1",
        b"bytes=0--1",
        b"bytes=0x0-0x1",
        b"bytes=1_0-2_0",
        "bytes=\u0660-\u0661".encode(),
        b"items=0-1",
        b"bytes=0-" + b"9" * 21,
        b"bytes=" + b"9" * 5000 + b"-",
    ],
)
def test_what_is_not_one_range_of_bytes_is_not_understood(value: bytes) -> None:
    assert parse_range(value) is None


@given(st.binary() | st.from_regex(rb"bytes=[0-9,\- ]*", fullmatch=True))
def test_an_understood_range_never_ends_before_it_starts(value: bytes) -> None:
    match parse_range(value):
        case ByteRange(first, last):
            assert last is None or first <= last
        case SuffixRange(length):
            assert length >= 0
        case nothing:
            assert nothing is None


@given(POSITIONS, POSITIONS, POSITIONS | st.none())
def test_a_content_range_reads_back_if_it_lies_within_its_total(first: int, last: int, total: int | None) -> None:
    value = b"bytes %d-%d/%s" % (first, last, b"*" if total is None else b"%d" % total)
    is_possible = first <= last and (total is None or last < total)
    assert parse_content_range(value) == (ContentRange(first, last, total) if is_possible else None)


@given(st.integers(0, 1000), st.integers(1, 1000))
def test_a_content_range_knows_its_length(first: int, length: int) -> None:
    parsed = parse_content_range(b"bytes %d-%d/*" % (first, first + length - 1))
    assert isinstance(parsed, ContentRange)
    assert parsed.length == length


def test_an_unsatisfied_range_tells_the_total() -> None:
    assert parse_content_range(b"bytes */0") == UnsatisfiedRange(0)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"bytes",
        b"bytes */*",
        b"bytes 0-1",
        b"bytes=0-1/2",
        b"bytes 0-/2",
        b"bytes -1/2",
        b"bytes 0-1/2,",
        b"bytes  0-1/2",
        b"bytes 0-1/-2",
        b"items 0-1/2",
        b"bytes 0-1/" + b"9" * 21,
        b"bytes 0-" + b"9" * 5000 + b"/*",
    ],
)
def test_a_content_range_that_says_no_one_thing_is_not_understood(value: bytes) -> None:
    assert parse_content_range(value) is None
