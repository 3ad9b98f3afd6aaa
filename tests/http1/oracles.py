"""h11 and llhttp as judges of what our readers accept.

Both read whole messages, so each is given a head and asked what it made of it. None stands for a refusal.
"""

from dataclasses import dataclass, field
from typing import Any

import h11
import httptools

from s3edge.http1.head import CHUNKED, UNTIL_CLOSE

LARGEST = 1024 * 1024


@dataclass(frozen=True)
class Read:
    """A head as an oracle read it; `start` is its method and target, or its status, `framing` as in `http1.head`."""

    start: tuple[bytes, ...]
    framing: int
    fields: list[tuple[bytes, bytes]] = field(default_factory=list)


def framing(fields: list[tuple[bytes, bytes]], without: int) -> int:
    """The length of the body that these fields announce, `without` if they do not."""
    if any(name == b"transfer-encoding" for name, _ in fields):
        return CHUNKED
    return next((int(value) for name, value in fields if name == b"content-length"), without)


def _is_bodiless(status: int, method: bytes) -> bool:
    return method == b"HEAD" or status < 200 or status in (204, 304)


def h11_request(raw: bytes) -> Read | None:
    parser = h11.Connection(h11.SERVER, max_incomplete_event_size=LARGEST)
    try:
        parser.receive_data(raw)
        event = parser.next_event()
    except h11.RemoteProtocolError:
        return None
    if not isinstance(event, h11.Request):
        return None
    fields = list(event.headers)
    return Read((event.method, event.target), framing(fields, 0), fields)


def h11_response(raw: bytes, method: bytes = b"GET") -> Read | None:
    parser = h11.Connection(h11.CLIENT, max_incomplete_event_size=LARGEST)
    parser.send(h11.Request(method=method, target="/", headers=[("Host", "oracle")]))
    parser.send(h11.EndOfMessage())
    try:
        parser.receive_data(raw)
        event = parser.next_event()
    except h11.RemoteProtocolError:
        return None
    if not isinstance(event, h11.Response | h11.InformationalResponse):
        return None
    fields = list(event.headers)
    length = 0 if _is_bodiless(event.status_code, method) else framing(fields, UNTIL_CLOSE)
    return Read((b"%d" % event.status_code,), length, fields)


class _Collector:
    """What llhttp tells while it reads."""

    def __init__(self) -> None:
        self.target = b""
        self.fields: list[tuple[bytes, bytes]] = []
        self.body = b""
        self.is_complete = False

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name.lower(), value.strip(b" \t")))

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.is_complete = True


def llhttp_request(raw: bytes) -> Read | None:
    told = _Collector()
    parser = httptools.HttpRequestParser(told)
    try:
        parser.feed_data(raw)
    except (httptools.HttpParserError, httptools.HttpParserUpgrade):
        return None
    return Read((parser.get_method(), told.target), framing(told.fields, 0), told.fields)


def llhttp_response(raw: bytes, method: bytes = b"GET") -> Read | None:
    told = _Collector()
    parser = httptools.HttpResponseParser(told)
    try:
        parser.feed_data(raw)
    except (httptools.HttpParserError, httptools.HttpParserUpgrade):
        return None
    status = parser.get_status_code()
    length = 0 if _is_bodiless(status, method) else framing(told.fields, UNTIL_CLOSE)
    return Read((b"%d" % status,), length, told.fields)


_CHUNKED_HEAD = b"PUT / HTTP/1.1\r\nHost: oracle\r\nTransfer-Encoding: chunked\r\n\r\n"


def llhttp_chunked(raw: bytes) -> tuple[bytes, bool] | None:
    """The content of a chunked body, and whether it is complete."""
    told = _Collector()
    try:
        httptools.HttpRequestParser(told).feed_data(_CHUNKED_HEAD + raw)
    except httptools.HttpParserError:
        return None
    return told.body, told.is_complete


def h11_chunked(raw: bytes) -> tuple[bytes, int] | None:
    """The content of a chunked body and the bytes behind it; -1 of them when it is not complete."""
    parser = h11.Connection(h11.SERVER, max_incomplete_event_size=LARGEST)
    parser.receive_data(_CHUNKED_HEAD + raw)
    parser.next_event()
    content = b""
    try:
        while isinstance(event := parser.next_event(), h11.Data):
            content += bytes(event.data)
    except h11.RemoteProtocolError:
        return None
    if not isinstance(event, h11.EndOfMessage):
        return content, -1
    trailing: Any = parser.trailing_data
    return content, len(trailing[0])
