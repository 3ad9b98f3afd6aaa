"""Where the body of a message ends.

A body is forwarded byte for byte, so these readers change nothing: told what arrived, they say how much of it still
belongs to the body. What follows is the next message of the connection.

Only a body that broke in the middle and goes on from another node is coded anew: `Dechunker` takes the data out of one
node's chunks, and `Rechunker` goes on with another's.
"""

import re
from typing import Final, Protocol

from s3edge.http1.head import CHUNKED, UNTIL_CLOSE

# A chunk's size line, extensions included. Sizes take 16 digits; the rest is room for extensions such as aws-chunked's.
MAX_SIZE_LINE: Final = 4096
# All trailer fields together: checksums and a signature need some 300 bytes.
MAX_TRAILERS: Final = 16384
_TOKEN: Final = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_QUOTED: Final = rb'"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*"'
# A chunk's size and its extensions (RFC 9112 section 7.1.1). 15 digits stay below 2**60: what overflows a signed 64-bit
# count must not get through. Blanks around an extension, which the RFC wants to be read but not sent, are refused: many
# servers refuse them (llhttp, and h11 in part).
_SIZE_LINE: Final = re.compile(rb"([0-9A-Fa-f]{1,15})(?:;%b(?:=(?:%b|%b))?)*\r\n" % (_TOKEN, _TOKEN, _QUOTED))
# A trailer field (RFC 9110 section 6.5), without line folding. A node may take anything else for something else, and a
# length for that of the next message.
_TRAILER: Final = re.compile(
    rb"(?!(?:content-length|transfer-encoding):)%b:[^\x00-\x08\x0a-\x1f\x7f]*\r\n" % _TOKEN, re.IGNORECASE
)


class BadBodyError(Exception):
    """A body breaks the rules of its transfer coding; its connection cannot be used any more."""


class Body(Protocol):
    """Finds the end of one body."""

    is_complete: bool
    ends_at_close: bool

    def take(self, data: bytes | memoryview) -> int:
        """How many bytes of `data` belong to this body; raises `BadBodyError`."""


class LengthBody:
    """A body of `remaining` bytes to come."""

    __slots__ = ("is_complete", "remaining")

    ends_at_close = False

    def __init__(self, length: int) -> None:
        self.remaining = length
        self.is_complete = length == 0

    def take(self, data: bytes | memoryview) -> int:
        """See `Body`."""
        size = len(data)
        if size < self.remaining:
            self.remaining -= size
            return size
        size = self.remaining
        self.remaining = 0
        self.is_complete = True
        return size


class UntilCloseBody:
    """A body that ends with its connection: it is never complete by itself."""

    __slots__ = ("is_complete",)

    ends_at_close = True

    def __init__(self) -> None:
        self.is_complete = False

    def take(self, data: bytes | memoryview) -> int:
        """See `Body`."""
        return len(data)


class ChunkedBody:
    """A body in the chunked transfer coding (RFC 9112 section 7.1), its last chunk and trailers included.

    `payload` counts the bytes of data in the chunks so far.
    """

    __slots__ = ("_line", "_remaining", "_trailing", "is_complete", "payload")

    ends_at_close = False

    def __init__(self) -> None:
        self.is_complete = False
        self.payload = 0
        self._remaining = 0  # bytes of the present chunk and its CRLF
        self._line = b""  # an unfinished size line or trailer line
        self._trailing = -1  # bytes of trailers seen, -1 before the last chunk

    @property
    def rest_of_chunk(self) -> int | None:
        """How many bytes the present chunk lacks, its CRLF included; 0 between two chunks.

        So 2 and 1 stand for the CRLF and the LF behind the data. None in a size line, since its rest is not known, and
        from the last chunk on.
        """
        if self._line or self._trailing >= 0:
            return None
        return self._remaining

    def take(self, data: bytes | memoryview) -> int:
        """See `Body`."""
        data = bytes(data)
        position, size = 0, len(data)
        while position < size and not self.is_complete:
            step = self._chunk if self._remaining else self._text_line
            position = step(data, position)
        return position

    def _chunk(self, data: bytes, position: int) -> int:
        """Pass over chunk data, then over exactly CRLF."""
        step = min(self._remaining - 2, len(data) - position)
        if step > 0:
            self._remaining -= step
            self.payload += step
            return position + step
        if data[position] != (13 if self._remaining == 2 else 10):
            raise BadBodyError("a chunk is not followed by CRLF")
        self._remaining -= 1
        return position + 1

    def _text_line(self, data: bytes, position: int) -> int:
        end = data.find(b"\n", position)
        limit = MAX_SIZE_LINE if self._trailing < 0 else MAX_TRAILERS
        taken = (end + 1 if end >= 0 else len(data)) - position
        if len(self._line) + taken > limit:
            raise BadBodyError("a chunk's size line or its trailers are too long")
        line = self._line + data[position : position + taken]
        if end < 0:
            self._line = line
            return len(data)
        self._line = b""
        if self._trailing < 0:
            self._size_line(line)
        else:
            self._trailer_line(line)
        return end + 1

    def _size_line(self, line: bytes) -> None:
        match = _SIZE_LINE.fullmatch(line)
        if match is None:
            raise BadBodyError("a chunk's size, of at most 15 digits, or its extensions are not well-formed")
        size = int(match[1], 16)
        if size:
            self._remaining = size + 2
        else:
            self._trailing = 0

    def _trailer_line(self, line: bytes) -> None:
        self._trailing += len(line)
        if self._trailing > MAX_TRAILERS:
            raise BadBodyError("the trailers are too long")
        self.is_complete = line == b"\r\n"
        if not self.is_complete and _TRAILER.fullmatch(line) is None:
            raise BadBodyError("a trailer is not a well-formed field")


class Dechunker(ChunkedBody):
    """A chunked body whose data is wanted without the coding."""

    __slots__ = ("_pieces",)

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[bytes] = []

    def data(self) -> bytes:
        """The data in what was taken since this was last asked."""
        data = b"".join(self._pieces)
        self._pieces.clear()
        return data

    def _chunk(self, data: bytes, position: int) -> int:
        before = self.payload
        end = super()._chunk(data, position)
        if self.payload > before:
            self._pieces.append(data[position:end])
        return end


class Rechunker:
    """Codes the rest of a body in chunks, from where another writer broke off.

    `rest_of_chunk` is what the chunk that was begun still lacks, as `ChunkedBody` has it; its size was told, so it is
    completed first.
    """

    __slots__ = ("rest_of_chunk",)

    def __init__(self, rest_of_chunk: int) -> None:
        self.rest_of_chunk = rest_of_chunk

    def coded(self, data: bytes) -> bytes:
        """`data` as the rest of the chunk that was begun and a chunk of its own behind it, as far as it goes."""
        if not self.rest_of_chunk:
            return b"%x\r\n%b\r\n" % (len(data), data) if data else b""
        inside = data[: max(self.rest_of_chunk - 2, 0)]
        self.rest_of_chunk -= len(inside)
        if self.rest_of_chunk > 2:
            return inside
        end = b"\r\n"[-self.rest_of_chunk :]
        self.rest_of_chunk = 0
        return inside + end + self.coded(data[len(inside) :])

    def end(self) -> bytes:
        """The end of the body; raises `BadBodyError` if the chunk that was begun wants more data than there was."""
        last = self.coded(b"") + b"0\r\n\r\n"
        if self.rest_of_chunk:
            raise BadBodyError("a chunk is larger than the rest of the body")
        return last


def body_of(length: int) -> Body:
    """The reader for a body of `length` as a head tells it: bytes, `CHUNKED` or `UNTIL_CLOSE`."""
    if length == CHUNKED:
        return ChunkedBody()
    if length == UNTIL_CLOSE:
        return UntilCloseBody()
    return LengthBody(length)
