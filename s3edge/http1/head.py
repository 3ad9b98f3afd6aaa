"""HTTP/1 heads: strict enough that what s3edge understood is what every node will understand.

A head is forwarded as the bytes that came in, so two readers must never disagree on them. llhttp (through httptools)
checks the grammar; it refuses bare CR or LF, obs-fold, NUL, blanks before a colon, doubled or signed lengths, and a
length beside a transfer coding. The few fields that frame a message are then read off the checked bytes, and what
llhttp leaves open (runs of blanks in the request line, leading empty lines, `Host`, codings other than chunked) is
decided here. RFC 9112 names the rules.
"""

import re
from typing import Final

import httptools

from s3edge.errors import ClientError, NodeError

CHUNKED: Final = -1
"""Body length of a message in the chunked transfer coding."""

UNTIL_CLOSE: Final = -2
"""Body length of an answer that ends when its connection does."""

TRACE: Final = b"x-s3edge-trace"
"""The field by which a client asks what was tried for its request, and is told."""

# The fields that frame a message, belong to one hop or are s3edge's own, and `range`, of which each request is asked
# whether it is there; everything else passes without being looked at.
_REQUEST_FIELDS: Final = re.compile(
    rb"\n(connection|content-length|expect|host|keep-alive|proxy-connection|range|te|transfer-encoding|upgrade|%b):"
    rb"[ \t]*([^\r]*)" % TRACE
)
# `Connection: keep-alive`, in every answer of nginx and Ceph, says what is so anyway.
_ANSWER_FIELDS: Final = re.compile(
    rb"\n(content-length|transfer-encoding|connection(?!: keep-alive\r)|keep-alive|proxy-connection|upgrade):"
    rb"[ \t]*([^\r]*)"
)
# llhttp takes any status of three digits, and NUL in the phrase behind it.
_STATUS_LINE: Final = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9]{2})(?: [^\x00-\x08\x0a-\x1f\x7f]*)?\r\n")
# What is not forwarded: fields between two neighbours (RFC 9110 section 7.6.1), which neither side signs.
_HOP_LINES: Final = re.compile(rb"(?<=\n)(?:connection|keep-alive|proxy-connection|te|upgrade):[^\n]*\n", re.IGNORECASE)
_LF: Final = ord("\n")  # CPython finds a number ten times as fast as a byte string
_VERSIONS: Final = (b"HTTP/1.1", b"HTTP/1.0")
# Digits of a length that fits in 63 bits, what every node can count to.
_LENGTH_DIGITS: Final = 18


class _Nothing:
    """A parser protocol without callbacks: llhttp only checks."""


_NOTHING: Final = _Nothing()


class RequestHead:
    """A checked request head.

    `raw` is the head as it came, blank line included. `length` is the body's length in bytes, or `CHUNKED`; 0 means no
    body. `hop_fields` tells that the head carries fields which must not reach the node, `has_range` that it has a
    `Range`, `asks_trace` that it has the field `TRACE`.
    """

    __slots__ = (
        "asks_trace",
        "expects_continue",
        "has_range",
        "hop_fields",
        "host",
        "keep_alive",
        "length",
        "lower",
        "method",
        "minor",
        "raw",
        "target",
    )

    def __init__(self, raw: bytes, method: bytes, target: bytes, minor: int) -> None:
        self.raw = raw
        self.lower = raw.lower()
        self.method = method
        self.target = target
        self.minor = minor
        self.length = 0
        self.host = b""
        self.keep_alive = minor == 1
        self.expects_continue = False
        self.hop_fields = False
        self.has_range = False
        self.asks_trace = False

    def header(self, name: bytes) -> bytes | None:
        """The value of the first field called `name` (lower case), without blanks around it, or None."""
        return _field(self.raw, self.lower, name)


class ResponseHead:
    """A checked answer head.

    `length` is the body's length in bytes, `CHUNKED`, or `UNTIL_CLOSE`. `keep_alive` tells that the node keeps the
    connection; `hop_fields` that the head carries fields, beyond `Connection: keep-alive`, that concern one hop only.
    """

    __slots__ = ("hop_fields", "keep_alive", "length", "lower", "minor", "raw", "status")

    def __init__(
        self, raw: bytes, lower: bytes, status: int, minor: int, length: int, keep_alive: bool, hop_fields: bool
    ) -> None:
        self.raw = raw
        self.lower = lower
        self.status = status
        self.minor = minor
        self.length = length
        self.keep_alive = keep_alive
        self.hop_fields = hop_fields

    @property
    def has_connection(self) -> bool:
        """Whether there is a `Connection` field."""
        return b"\nconnection:" in self.lower

    def header(self, name: bytes) -> bytes | None:
        """The value of the first field called `name` (lower case), without blanks around it, or None."""
        return _field(self.raw, self.lower, name)


def _field(raw: bytes, lower: bytes, name: bytes) -> bytes | None:
    start = lower.find(b"\n" + name + b":")
    if start < 0:
        return None
    start += len(name) + 2
    return raw[start : raw.index(b"\r", start)].strip(b" \t")


def without_hop_fields(raw: bytes) -> bytes:
    """`raw` without the fields that concern one hop only; all other bytes stay.

    So do fields that `Connection` nominates, against RFC 9110 section 7.6.1: a client may have signed them.
    """
    return _HOP_LINES.sub(b"", raw)


def parse_request(raw: bytes) -> RequestHead:
    """Check a request head that ends in an empty line.

    Raises `ClientError` with the status and S3 code to answer; nothing of such a request may be forwarded.
    """
    line = raw[: raw.index(b"\r\n")]
    words = line.split(b" ")
    # llhttp passes over a bare CR or LF before the method, and takes a target up to a bare LF for HTTP/0.9.
    if len(words) != 3 or not words[1] or _LF in line or line[:1] == b"\r":
        raise _bad_request("The request line must be a method, a target and a version, each one blank apart.")
    method, target, version = words
    if version not in _VERSIONS:
        raise ClientError(505, "InvalidRequest", "Only HTTP/1.1 and HTTP/1.0 are spoken here.")
    try:
        httptools.HttpRequestParser(_NOTHING).feed_data(raw)
    except httptools.HttpParserUpgrade:
        raise _not_implemented("CONNECT" if method == b"CONNECT" else "An upgrade of the protocol") from None
    except httptools.HttpParserInvalidMethodError:
        raise _not_implemented("This method") from None
    except httptools.HttpParserError as error:
        raise _bad_request(str(error)) from None
    head = RequestHead(raw, method, target, 1 if version == b"HTTP/1.1" else 0)
    for name, value in _REQUEST_FIELDS.findall(head.lower):
        if name == b"host":
            if head.host or not value:
                raise _bad_request("There must be exactly one Host field.")
            head.host = value.rstrip(b" \t")
        else:
            _read_request_field(head, name, value.rstrip(b" \t"))
    if not head.host and (head.minor == 1 or b"\nhost:" in head.lower):
        raise _bad_request("There must be exactly one Host field.")
    if target[:1] != b"/":
        _check_target_form(head)
    return head


def _read_request_field(head: RequestHead, name: bytes, value: bytes) -> None:
    if name == b"content-length":
        head.length = _length(value)
    elif name == b"transfer-encoding":
        if value != b"chunked" or head.length or head.minor == 0:
            raise _not_implemented("A transfer coding other than chunked, in HTTP/1.1,")
        head.length = CHUNKED
    elif name == b"expect":
        if value != b"100-continue":
            raise ClientError(417, "InvalidRequest", "Only the expectation 100-continue is known.")
        head.expects_continue = head.minor == 1
    elif name == b"range":
        head.has_range = True
    elif name == TRACE:
        head.asks_trace = True
    else:
        head.hop_fields = True
        if name == b"connection":
            tokens = _tokens(value)
            if b"close" in tokens:
                head.keep_alive = False
            elif b"keep-alive" in tokens and head.minor == 0:
                head.keep_alive = True
        elif name == b"upgrade":
            raise _not_implemented("An upgrade of the protocol")


def _check_target_form(head: RequestHead) -> None:
    if head.target == b"*" and head.method == b"OPTIONS":
        return
    scheme, separator, rest = head.target.partition(b"://")
    if not separator or scheme.lower() not in (b"http", b"https"):
        raise _bad_request("The target must be a path.")
    host = rest.partition(b"/")[0].partition(b"?")[0].lower()
    if not host or host != head.host:
        raise _bad_request("The target names another host than the Host field.")


def parse_response(raw: bytes, request_method: bytes) -> ResponseHead:
    """Check an answer's head, which ends in an empty line, to a request of `request_method`.

    Raises `NodeError` (BadGateway) for what is not a well-formed answer; its connection must be discarded.
    """
    line = _STATUS_LINE.match(raw)
    if line is None:
        raise _bad_answer("what it sent does not begin with a status line of HTTP/1")
    minor, status = int(line[1]), int(line[2])
    if status == 101:
        raise _bad_answer("it switched protocols")
    try:
        httptools.HttpResponseParser(_NOTHING).feed_data(raw)
    except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
        raise _bad_answer(str(error)) from None
    lower = raw.lower()
    length, keep_alive, hop_fields = UNTIL_CLOSE, minor == 1, False
    for name, value in _ANSWER_FIELDS.findall(lower):
        if name in (b"content-length", b"transfer-encoding"):
            if length != UNTIL_CLOSE:
                raise _bad_answer("it tells the length of its body twice")
            length = _answer_length(name, value, minor)
        else:
            hop_fields = True
            keep_alive = keep_alive and not (name == b"connection" and b"close" in _tokens(value))
    if request_method == b"HEAD" or status < 200 or status in (204, 304):
        length = 0
    return ResponseHead(raw, lower, status, minor, length, keep_alive, hop_fields)


def _answer_length(name: bytes, value: bytes, minor: int) -> int:
    value = value.rstrip(b" \t")
    if name == b"transfer-encoding":
        if value != b"chunked" or minor == 0:
            raise _bad_answer("its transfer coding is not chunked alone")
        return CHUNKED
    if not value.isdigit() or len(value) > _LENGTH_DIGITS:
        raise _bad_answer("its Content-Length is not one plain number")
    return int(value)


def _tokens(value: bytes) -> list[bytes]:
    return [token.strip(b" \t") for token in value.split(b",")]


def _length(value: bytes) -> int:
    if not value.isdigit() or len(value) > _LENGTH_DIGITS:
        raise _bad_request("Content-Length must be one plain number.")
    return int(value)


def _bad_request(message: str) -> ClientError:
    return ClientError(400, "InvalidRequest", message)


def _not_implemented(what: str) -> ClientError:
    return ClientError(501, "NotImplemented", f"{what} is not implemented.")


def _bad_answer(found: str) -> NodeError:
    return NodeError("BadGateway", f"The storage node gave no usable answer: {found}.")
