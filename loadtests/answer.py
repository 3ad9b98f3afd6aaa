"""One answer as it arrives: is it what was asked for, to the last byte, and how long did it keep the reader waiting?

No sockets and no clock: bytes and instants come in, and in the end there is an outcome. Heads are parsed by llhttp; of
bodies only the end is looked for, by their length, since they are compared where they lie and never copied.
"""

import re

import httptools

from loadtests.load import Ask
from loadtests.records import MALFORMED, OK, RESET, TRUNCATED, WRONG_BYTES, WRONG_HEAD
from tests.support.objects import matches

HEAD_LIMIT = 64 * 1024
ERROR_LIMIT = 4096
"""Bytes of an error's body in which its code is looked for."""

_CODE = re.compile(rb"<Code>([A-Za-z0-9]{1,64})</Code>")


class Answer:
    """The answer to `ask`. `outcome` is None until it is known; then the connection may be used again or not."""

    def __init__(self, ask: Ask) -> None:
        self.ask = ask
        self.outcome: str | None = None
        self.is_connection_usable = False
        self.first_byte_at: float | None = None
        self.stall = 0.0
        self.received = 0
        self._head = b""
        self._status = 0
        self._length = 0
        self._generation = 0
        self._keeps_alive = False
        self._error = b""
        self._last_read_at = 0.0
        self._fields: dict[bytes, bytes] = {}

    def feed(self, data: memoryview, now: float) -> bool:
        """Take what was read at `now`; whether `outcome` is known now. Then there must be no more."""
        if self.first_byte_at is None:
            self.first_byte_at = self._last_read_at = now
        self.stall = max(self.stall, now - self._last_read_at)
        self._last_read_at = now
        if self._status:
            self._take_body(data)
            return self.outcome is not None
        self._head += data
        end = self._head.find(b"\r\n\r\n") + 4
        if end >= 4:
            self._take_head(self._head[:end])
            if self.outcome is None:
                self._take_body(memoryview(self._head)[end:])
        elif len(self._head) > HEAD_LIMIT:
            self.outcome = MALFORMED
        return self.outcome is not None

    def end(self, now: float) -> None:
        """At `now` the connection is gone, or the reader is. After the last byte that changes nothing."""
        if self.outcome is None:
            if self.first_byte_at is not None:
                self.stall = max(self.stall, now - self._last_read_at)
            self.outcome = TRUNCATED if self._status else RESET

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by httptools."""
        self._fields[name.lower()] = value

    def _take_head(self, head: bytes) -> None:
        parser = httptools.HttpResponseParser(self)
        try:
            parser.feed_data(head)
            self._length = int(self._fields[b"content-length"])
        except (httptools.HttpParserError, KeyError, ValueError):  # no object is sent without its length
            self.outcome = MALFORMED
            return
        self._status = parser.get_status_code()
        self._keeps_alive = parser.should_keep_alive()
        if self._status == self.ask.status and not self._is_about_the_object():
            self.outcome = WRONG_HEAD

    def _is_about_the_object(self) -> bool:
        tag = self._fields.get(b"etag", b"").decode("latin-1")
        if tag not in self.ask.etags or self._length != self.ask.size:
            return False
        self._generation = self.ask.etags.index(tag)
        return not self.ask.is_ranged or self._fields.get(b"content-range") == self.ask.content_range.encode()

    def _take_body(self, data: memoryview) -> None:
        if self.received + len(data) > self._length:
            self.outcome = MALFORMED
            return
        if self._status != self.ask.status:
            self._error += data[: ERROR_LIMIT - len(self._error)]
        elif not matches(self.ask.path, self.ask.first + self.received, data, self._generation):
            self.outcome = WRONG_BYTES
            return
        self.received += len(data)
        if self.received == self._length:
            self.is_connection_usable = self._keeps_alive
            self.outcome = OK if self._status == self.ask.status else self._what_error()

    def _what_error(self) -> str:
        code = _CODE.search(self._error)
        return f"{self._status} {code[1].decode()}" if code else str(self._status)
