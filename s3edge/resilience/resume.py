"""Going on with a body in the middle: what to ask another node for, and whether its answer is the same object.

| the client           | another node is sent        | and may answer                                               |
|----------------------|-----------------------------|--------------------------------------------------------------|
| did not sign `range` | its head, with `Range` for  | 206 with the rest, or 200 with the whole object, of which    |
|                      | the rest and `If-Match`     | the start is skipped                                         |
| signed `range`, or   | its head as it is (a        | the same bytes as at first, of which those are skipped that  |
| asks for a part      | replay)                     | the client has                                               |

By all that the two heads tell, both answers must be one version of one object. Otherwise nothing is joined: a client
sees a cut, and does not see a mixture.
"""

import re
from dataclasses import dataclass
from typing import Final, NamedTuple

from s3edge.http1.head import CHUNKED, UNTIL_CLOSE, RequestHead, ResponseHead
from s3edge.s3.encoding import unescaped
from s3edge.s3.head import Head
from s3edge.s3.operation import TRAITS
from s3edge.s3.ranges import ByteRange, ContentRange, SuffixRange, parse_content_range
from s3edge.s3.request import S3Request
from s3edge.s3.sigv4 import is_header_signed

SIGNATURE_LIFE: Final = 900.0
"""Seconds for which a node accepts a signed head (Amazon's error `RequestTimeTooSkewed`)."""

# Seconds of that life for what is not known here: how long ago the client signed, and how far the clocks are apart.
_MARGIN: Final = 60.0
# A strong validator (RFC 9110, section 8.8.3): with a weak one, bytes may differ.
_STRONG_ETAG: Final = re.compile(rb'"[^"]+"')
# What must be the same in both answers, or be missing in both.
_IDENTITY: Final = (b"etag", b"x-amz-version-id", b"content-encoding")
_RANGE_LINE: Final = re.compile(rb"(?<=\n)range:[^\n]*\n", re.IGNORECASE)
# The first answer has decided this condition, and `If-Match` is the stricter one. A node that finds it not met would
# send the whole object.
_IF_RANGE_LINE: Final = re.compile(rb"(?<=\n)if-range:[^\n]*\n", re.IGNORECASE)
_REFUSALS: Final = {
    403: "the node does not accept the client's request any more",
    404: "the object is gone",
    412: "the object has changed",
    416: "the object has no such bytes any more",
}


class NotResumableError(Exception):
    """This body cannot go on from another node; says why."""


class MismatchError(Exception):
    """An answer is not surely the rest of the broken body; says why."""


class Rest(NamedTuple):
    """What an answer adds to a broken body: behind the `skip` bytes that the client has, `length` bytes to its end."""

    skip: int
    length: int


@dataclass(frozen=True, slots=True)
class Resumption:
    """How one body goes on, as often as it breaks; made by `resumption`.

    `request` is the client's, `answer` the one whose body broke. `extent` is which bytes of the object that body has;
    None stands for all bytes of an object whose length was not told. `delivered` counts the bytes of the body that the
    client has, without chunked coding; they are not all.
    """

    request: RequestHead
    answer: ResponseHead
    etag: bytes
    extent: ContentRange | None
    is_replay: bool

    def raw_request(self, delivered: int) -> bytes:
        """The head to send to another node; on its way it is treated as the client's own."""
        head = self.request
        if self.is_replay:
            return head.raw
        raw = _RANGE_LINE.sub(b"", head.raw)
        if not is_header_signed(head, b"if-range"):
            raw = _IF_RANGE_LINE.sub(b"", raw)
        last = b"" if self.extent is None else b"%d" % self.extent.last
        raw = b"%bRange: bytes=%d-%b\r\n" % (raw[:-2], self._next(delivered), last)
        if head.header(b"if-match") is None and not is_header_signed(head, b"if-match"):
            raw += b"If-Match: %b\r\n" % self.etag
        return raw + b"\r\n"

    def check(self, answer: ResponseHead, delivered: int) -> Rest:
        """What `answer` adds to the body; raises `MismatchError`."""
        if answer.status not in (200, 206):
            raise MismatchError(_REFUSALS.get(answer.status, f"the node answered {answer.status}"))
        for name in _IDENTITY:
            if answer.header(name) != self.answer.header(name):
                raise MismatchError(f"the object has another {name.decode()}")
        changed, modified = answer.header(b"last-modified"), self.answer.header(b"last-modified")
        if None not in (changed, modified) and changed != modified:
            raise MismatchError("the object has another last-modified")
        extent = _extent(answer)
        if extent is None:
            raise MismatchError("the node does not tell which bytes it sends")
        if extent.total != (extent.last + 1 if self.extent is None else self.extent.total):
            raise MismatchError("the object has another length")
        return self._joined(extent, answer.status, delivered)

    def _joined(self, extent: ContentRange, status: int, delivered: int) -> Rest:
        position = self._next(delivered)
        if self.is_replay:
            begin = position - delivered
        elif status == 206:
            begin = position
        else:
            begin = 0  # the node has ignored `Range`
        end = extent.last if self.extent is None else self.extent.last
        if (extent.first, extent.last) != (begin, end) or position > end:
            found = f"bytes {extent.first} to {extent.last}"
            raise MismatchError(f"the node sends {found}, where {begin} to {end} were to come")
        return Rest(position - begin, end + 1 - position)

    def _next(self, delivered: int) -> int:
        """The place in the object of the first byte that the client lacks."""
        return delivered if self.extent is None else self.extent.first + delivered


def resumption(request: S3Request, head: RequestHead, answer: ResponseHead) -> Resumption:
    """How the body of `answer` to `request` can go on, of which `head` is the head; raises `NotResumableError`."""
    if not TRAITS[request.operation].resumable or head.length:
        raise NotResumableError(f"{request.operation} does not read an object")
    if answer.status not in (200, 206):
        raise NotResumableError(f"an answer {answer.status} is no object")
    etag = answer.header(b"etag")
    if etag is None or _STRONG_ETAG.fullmatch(etag) is None:
        raise NotResumableError("without a strong ETag two versions could not be told apart")
    if answer.length == UNTIL_CLOSE:
        raise NotResumableError("its end is the end of its connection, so nobody knows what is missing")
    if answer.header(b"trailer") is not None:
        raise NotResumableError("it announced trailers, which another answer does not have")
    extent = _extent(answer)
    is_part = _asks_for_part(head)
    if answer.status == 206 and not (extent and (is_part or _is_asked_for(extent, request))):
        raise NotResumableError("its Content-Range is not what the client asked for")
    is_replay = is_part or is_header_signed(head, b"range")
    if extent is None and is_replay:
        raise NotResumableError("its length is not known, and the client's signature allows no range")
    return Resumption(head, answer, etag, extent, is_replay)


def is_fresh(head: Head, age: float) -> bool:
    """Whether nodes will still accept the client's signature `age` seconds after the exchange began.

    A presigned request tells its own life, which can be longer and which its nodes check; an anonymous one has no end.
    """
    return head.header(b"authorization") is None or age < SIGNATURE_LIFE - _MARGIN


def _extent(answer: ResponseHead) -> ContentRange | None:
    """Which bytes of an object of which length an answer has; None if it does not tell all that, in one way only."""
    if answer.status == 200:
        return ContentRange(0, answer.length - 1, answer.length) if answer.length >= 0 else None
    extent = parse_content_range(answer.header(b"content-range") or b"")
    if not isinstance(extent, ContentRange) or extent.total is None or answer.length not in (CHUNKED, extent.length):
        return None
    is_several = (answer.header(b"content-type") or b"").lower().startswith(b"multipart/byteranges")
    return None if is_several else extent


def _is_asked_for(extent: ContentRange, request: S3Request) -> bool:
    """Whether a 206 with these bytes is what a node must answer to the client's `Range`."""
    assert extent.total is not None
    end = extent.total - 1
    match request.range:
        case ByteRange(first, last):
            return (extent.first, extent.last) == (first, end if last is None else min(last, end))
        case SuffixRange(length):
            return (extent.first, extent.last) == (max(0, extent.total - length), end)
    return False


def _asks_for_part(head: Head) -> bool:
    """Whether the query names a part of the object, to which a `Range` would be relative or forbidden."""
    names = (parameter.partition(b"=")[0] for parameter in head.target.partition(b"?")[2].split(b"&"))
    return any(unescaped(name) == b"partNumber" for name in names)
