"""Bytes of a target as text, for understanding only: what is forwarded stays as it came.

Text that is not UTF-8 survives as lone surrogates (`surrogateescape`), so that two different keys never become one.
Whoever writes such text out must encode it with the same handler, or with `backslashreplace` for people.
"""

from urllib.parse import unquote_to_bytes


def as_text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def unescaped(raw: bytes) -> bytes:
    """`raw` with its percent escapes decoded, once; `+` is no blank here, and a broken escape stays as it is."""
    return unquote_to_bytes(raw) if b"%" in raw else raw
