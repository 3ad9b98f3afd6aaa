"""Targets as text."""

from urllib.parse import quote_from_bytes

from hypothesis import given
from hypothesis import strategies as st

from s3edge.s3.encoding import as_text, unescaped


@given(st.binary())
def test_any_bytes_survive_as_text(raw: bytes) -> None:
    assert as_text(raw).encode("utf-8", "surrogateescape") == raw


@given(st.binary())
def test_decoding_undoes_encoding(raw: bytes) -> None:
    assert unescaped(quote_from_bytes(raw, safe="").encode()) == raw


def test_a_plus_is_a_plus() -> None:
    assert unescaped(b"a+b%2b") == b"a+b+"
