import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3edge.telemetry.printable import printable, quoted, writable


@pytest.mark.parametrize(
    "text,expected",
    [
        ("plain text: 5%", "plain text: 5%"),
        ("two\nlines\r\x1b[31m", r"two\nlines\r\x1b[31m"),
        ("caf\u00e9 \U0001f600", r"caf\xe9 \U0001f600"),
        ("\udcff\x7f\x00", r"\udcff\x7f\x00"),
        ("a\\nb", r"a\\nb"),
        ("", ""),
    ],
)
def test_what_is_not_printable_ascii_is_written_as_python_writes_it(text: str, expected: str) -> None:
    assert printable(text, 100) == expected


def test_a_text_of_just_the_limit_stays_whole_and_a_longer_one_shows_that_it_was_cut() -> None:
    assert printable("x" * 10, 10) == "x" * 10
    assert printable("x" * 11, 10) == "xxxxxxx..."
    assert printable("\n" * 6, 10) == r"\n\n\n" + "\\..."


@given(st.text(alphabet=st.characters(), max_size=50), st.integers(3, 40))
def test_the_result_is_one_line_of_printable_ascii_within_the_limit(text: str, limit: int) -> None:
    result = printable(text, limit)
    assert len(result) <= limit
    assert result.isascii()
    assert result == "" or result.isprintable()


@given(st.text(alphabet=st.characters(), max_size=50), st.integers(0, 40))
def test_what_is_writable_is_utf_8_and_what_was_so_already_stays(text: str, limit: int) -> None:
    result = writable(text, limit)
    assert result.encode().decode() == result
    try:
        text[:limit].encode()
    except UnicodeEncodeError:
        assert "\\u" in result
    else:
        assert result == text[:limit]


def test_bytes_that_are_no_utf_8_are_escaped() -> None:
    assert writable(b"a\xff".decode("utf-8", "surrogateescape"), 10) == "a\\udcff"


@given(st.binary(max_size=100), st.integers(3, 50))
def test_a_quoted_text_is_a_string_of_json_within_its_limit(raw: bytes, limit: int) -> None:
    string = quoted(raw, limit)
    assert string.isascii()
    assert string.isprintable()
    assert len(string) <= limit + 2
    text = raw.decode("utf-8", "surrogateescape").encode("utf-8", "backslashreplace").decode()
    found = json.loads(string)
    assert found == text or (found.endswith("...") and text.startswith(found[:-3]))


def test_a_quoted_text_is_cut_only_if_it_does_not_fit() -> None:
    assert quoted(b"12345", 5) == '"12345"'
    assert quoted(b"123456", 5) == '"12..."'
    assert quoted("é".encode(), 6) == '"\\u00e9"'
    assert quoted("éé".encode(), 11) == '"..."'
    assert quoted(b"\xff", 7) == '"\\\\udcff"'
