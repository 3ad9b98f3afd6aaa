"""Answers that s3edge gives itself: S3's error document in a complete HTTP/1.1 response."""

import re
from http import HTTPStatus
from typing import Final
from xml.sax.saxutils import escape

# What XML 1.0 cannot carry (section 2.2), lone surrogates of undecodable keys among it.
_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# 2**64 divided by the golden ratio, odd: neighbouring counters land far apart, and none twice (Knuth, TAOCP 6.4).
_STEP: Final = 0x9E3779B97F4A7C15


def request_id(counter: int, seed: int) -> str:
    """An id for one request, 16 upper-case hexadecimal digits as Amazon's are.

    Counters of one seed never share an id within 2**64 requests; each worker takes a random 64-bit seed.
    """
    return f"{(seed + counter * _STEP) & 0xFFFF_FFFF_FFFF_FFFF:016X}"


def error_body(code: str, message: str, resource: str, request_id: str) -> bytes:
    """S3's error document; characters that XML cannot carry become U+FFFD."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{_escaped(code)}</Code><Message>{_escaped(message)}</Message>"
        f"<Resource>{_escaped(resource)}</Resource><RequestId>{_escaped(request_id)}</RequestId></Error>"
    ).encode()


def error_reply(
    status: int,
    code: str,
    message: str,
    resource: str,
    request_id: str,
    *,
    close: bool,
    head_only: bool,
    retry_after_ms: int | None,
) -> bytes:
    """A whole response with an S3 error document.

    `close` announces that the connection ends here. `head_only` answers HEAD: the length is told, the body left out.
    `retry_after_ms` says when another try makes sense: in whole seconds, rounded up, for HTTP clients, and to the
    millisecond for those of S3. ValueError: `status` is not a status of HTTP.
    """
    body = error_body(code, message, resource, request_id)
    lines = [
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        "Content-Type: application/xml",
        f"Content-Length: {len(body)}",
        f"x-amz-request-id: {request_id}",
    ]
    if retry_after_ms is not None:
        lines += [f"Retry-After: {max(1, -(-retry_after_ms // 1000))}", f"x-amz-retry-after: {retry_after_ms}"]
    if close:
        lines.append("Connection: close")
    head = "\r\n".join([*lines, "", ""]).encode("ascii")
    return head if head_only else head + body


def _escaped(text: str) -> str:
    return escape(_NOT_XML.sub("\ufffd", text), {"\r": "&#13;"})  # a parser would turn a bare CR into LF
