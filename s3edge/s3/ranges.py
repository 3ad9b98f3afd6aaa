"""`Range` and `Content-Range` in bytes (RFC 9110, section 14).

None stands for everything that is not understood: other units, several ranges, ends before starts, and numbers of more
than 20 digits. 20 digits hold an unsigned 64-bit number, which clients send for "to the end".
"""

import re
from typing import Final, NamedTuple

_RANGE: Final = re.compile(rb"bytes=([0-9]{0,20})-([0-9]{0,20})", re.IGNORECASE)
_CONTENT_RANGE: Final = re.compile(rb"bytes (?:([0-9]{1,20})-([0-9]{1,20})|\*)/([0-9]{1,20}|\*)", re.IGNORECASE)


class ByteRange(NamedTuple):
    """The bytes `first` to `last`, both included and counted from 0; to the end if `last` is None."""

    first: int
    last: int | None


class SuffixRange(NamedTuple):
    """The last `length` bytes, or all of a shorter object."""

    length: int


class ContentRange(NamedTuple):
    """What a 206 carries: bytes `first` to `last`, both included, of `total`; None if the node does not say."""

    first: int
    last: int
    total: int | None

    @property
    def length(self) -> int:
        return self.last - self.first + 1


class UnsatisfiedRange(NamedTuple):
    """What a 416 says: no byte of the range exists in an object of `total` bytes."""

    total: int


def parse_range(value: bytes) -> ByteRange | SuffixRange | None:
    """Read a `Range` value; None if it is not exactly one range of bytes."""
    match = _RANGE.fullmatch(value)
    if match is None:
        return None
    first, last = match.groups()
    if not first:
        return SuffixRange(int(last)) if last else None
    if not last:
        return ByteRange(int(first), None)
    return ByteRange(int(first), int(last)) if int(first) <= int(last) else None


def parse_content_range(value: bytes) -> ContentRange | UnsatisfiedRange | None:
    """Read a `Content-Range` value; None if it contradicts itself or is not in bytes."""
    match = _CONTENT_RANGE.fullmatch(value)
    if match is None:
        return None
    total = None if match[3] == b"*" else int(match[3])
    if match[1] is None:
        return None if total is None else UnsatisfiedRange(total)
    first, last = int(match[1]), int(match[2])
    if first > last or (total is not None and last >= total):
        return None
    return ContentRange(first, last, total)
