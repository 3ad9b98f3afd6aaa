"""What a storage node in order answers: S3's GET and HEAD with ranges and conditions, and S3's error documents.

Written without s3edge's own parsers, so that a mistake there cannot hide behind the same one here.
"""

import html
import re
import zlib
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from http import HTTPStatus
from typing import Final, NamedTuple, final

from tests.support.objects import etag, pieces, size_of


class Ending(Enum):
    """How a node ends a connection."""

    RESET = "reset"
    CLOSE = "close"


class Wait(NamedTuple):
    """Let time pass, when all before has left."""

    seconds: float


@final
class Head(bytes):
    """The head of an answer among the steps that carry the answer out; plain bytes are its body."""

    __slots__ = ()


Data = bytes | memoryview
# One step in carrying out an answer.
Step = Head | Data | Wait | Ending
Steps = Iterator[Step]

_RANGE: Final = re.compile(rb"bytes=([0-9]*)-([0-9]*)")
# One second later for each generation.
_LAST_MODIFIED: Final = "Wed, 01 Jan 2025 00:00:{:02d} GMT"


@dataclass(slots=True)
class Request:
    """A request as it reached a node at `at` seconds; header names in lower case.

    `path` is the target without its query. `body` keeps bodies up to the node's limit, None stands for longer ones;
    `body_size` and `sha256` (hexadecimal) tell of all.
    """

    method: bytes
    target: bytes
    headers: dict[bytes, bytes]
    at: float
    path: str = field(init=False)
    body: bytes | None = b""
    body_size: int = 0
    sha256: str = ""

    def __post_init__(self) -> None:
        self.path = self.target.partition(b"?")[0].decode("latin-1")

    def header(self, name: bytes) -> bytes | None:
        """The value of the header of this lower-case name."""
        return self.headers.get(name)

    @property
    def is_read(self) -> bool:
        return self.method in (b"GET", b"HEAD")


@dataclass(frozen=True)
class Part:
    """Bytes of an object, `size` of them from byte `first` on: of those that were put, or else of its generation."""

    path: str
    first: int
    size: int
    generation: int = 0
    stored: bytes | None = None

    def pieces(self) -> Iterator[memoryview]:
        if self.stored is None:
            return pieces(self.path, self.first, self.size, self.generation)
        return iter((memoryview(self.stored)[self.first : self.first + self.size],))


@dataclass(frozen=True)
class Item:
    """An object as one node has it; `stored` is what was put, None for generated content."""

    path: str
    size: int
    etag: str
    generation: int = 0
    stored: bytes | None = None

    def part(self, first: int, size: int) -> Part:
        return Part(self.path, first, size, self.generation, self.stored)

    @property
    def fields(self) -> dict[str, str]:
        return {
            "ETag": self.etag,
            "Last-Modified": _LAST_MODIFIED.format(self.generation % 60),
            "Accept-Ranges": "bytes",
            "Content-Type": "application/octet-stream",
        }


@lru_cache(maxsize=4096)
def generated(path: str, generation: int = 0) -> Item:
    """The object that every node has under this path unless it was put or deleted there."""
    return Item(path, size_of(path), etag(path, generation), generation)


@dataclass(frozen=True)
class Answer:
    """A final answer before it is put on the wire; `is_bodiless` for HEAD, whose head speaks of a body not sent."""

    status: int
    fields: dict[str, str]
    body: Part | bytes = b""
    is_bodiless: bool = False

    def steps(self) -> Steps:
        """Head and body, without any fault."""
        lines = [f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}"]
        lines += [f"{name}: {value}" for name, value in self.fields.items()]
        yield Head("\r\n".join([*lines, "", ""]).encode("latin-1"))
        if not self.is_bodiless:
            yield from (self.body,) if isinstance(self.body, bytes) else self.body.pieces()


def read_answer(request: Request, item: Item | None, *, keeps_conditions: bool = True) -> Answer:
    """The answer to GET or HEAD of an object, None if there is none; without `keeps_conditions` If-* do not count."""
    if item is None:
        return failure(request, 404, "NoSuchKey")
    if keeps_conditions:
        if _names_none(request.header(b"if-match"), item.etag):
            return failure(request, 412, "PreconditionFailed")
        wanted = request.header(b"if-none-match")
        if wanted is not None and not _names_none(wanted, item.etag):
            return Answer(304, item.fields, is_bodiless=True)
    span = _span(request.header(b"range"), item.size)
    if span is None:
        return failure(request, 416, "InvalidRange", {"Content-Range": f"bytes */{item.size}"})
    first, size = span
    fields = item.fields | {"Content-Length": str(size)}
    status = 200
    if request.header(b"range") is not None:
        status = 206
        fields["Content-Range"] = content_range(first, size, item.size)
    elif request.header(b"x-amz-checksum-mode") is not None:
        fields["x-amz-checksum-crc32"] = _crc32(item.part(0, item.size))
    return Answer(status, fields, item.part(first, size), request.method == b"HEAD")


def content_range(first: int, size: int, total: int) -> str:
    """The `Content-Range` of `size` bytes from byte `first` on."""
    return f"bytes {first}-{first + size - 1}/{total}"


def failure(request: Request, status: int, code: str, fields: dict[str, str] | None = None) -> Answer:
    """S3's error document."""
    body = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{HTTPStatus(status).phrase}'
        f"</Message><Resource>{html.escape(request.path)}</Resource></Error>"
    ).encode()
    all_fields = {"Content-Type": "application/xml", "Content-Length": str(len(body))} | (fields or {})
    return Answer(status, all_fields, body, request.method == b"HEAD")


def _names_none(wanted: bytes | None, present: str) -> bool:
    """Whether a list of ETags is given and has neither this one nor `*`."""
    if wanted is None:
        return False
    return {"*", present}.isdisjoint(tag.strip() for tag in wanted.decode("latin-1").split(","))


def _span(wanted: bytes | None, total: int) -> tuple[int, int] | None:
    """First byte and size of what is asked for, all of it without a range; None if no byte of the range exists."""
    if wanted is None:
        return 0, total
    match = _RANGE.fullmatch(wanted)
    if match is None or match[0] == b"bytes=-":
        return None
    if not match[1]:
        size = min(int(match[2]), total)
        return (total - size, size) if size else None
    first = int(match[1])
    last = min(int(match[2] or total), total - 1)
    return (first, last - first + 1) if first <= last else None


@lru_cache(maxsize=4096)
def _crc32(part: Part) -> str:
    """As S3 sends it: the four bytes in network order, in base64."""
    checksum = 0
    for piece in part.pieces():
        checksum = zlib.crc32(piece, checksum)
    return b64encode(checksum.to_bytes(4)).decode()
