"""Objects whose bytes follow from their path alone, so that a reader can check any part of any of them.

An object is a row of segments, each a stretch of one shared pseudo-random block that starts where a hash of path,
generation and segment number says. Bytes of another object, or of another place of the same, pass for the right ones
only if both start at the same of 2**20 places of the block.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from hashlib import blake2b, md5, shake_128
from typing import Final

SEGMENT: Final = 1 << 20
# Two segments, so that a stretch from any place of the first one fits. Fixed bytes: every process has the same.
_BLOCK: Final = shake_128(b"objects").digest(2 * SEGMENT)
_VIEW: Final = memoryview(_BLOCK)
# Bytes; what a node sends of one answer before it turns to the next: some 50 microseconds of its loop.
PIECE: Final = 256 * 1024

DEFAULT_SIZE: Final = 64 * 1024
_SIZE: Final = re.compile(r"/([0-9]+)(B|KiB|MiB|GiB)(?:-[^/]*)?$")
_UNITS: Final = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


@lru_cache(maxsize=65_536)
def size_of(path: str) -> int:
    """Bytes of the object: `/bucket/16MiB-17` has 16 MiB, `/bucket/4096B` 4096; any other name DEFAULT_SIZE."""
    match = _SIZE.search(path)
    return int(match[1]) * _UNITS[match[2]] if match else DEFAULT_SIZE


@lru_cache(maxsize=65_536)
def etag(path: str, generation: int = 0) -> str:
    """The ETag with its quotes, of the form that Amazon gives to objects put in one part."""
    return f'"{md5(f"{generation} {path}".encode(), usedforsecurity=False).hexdigest()}"'


def pieces(path: str, first: int, size: int, generation: int = 0) -> Iterator[memoryview]:
    """`size` bytes of the object from byte `first` on, in views of the shared block of at most PIECE bytes.

    The size in the path does not matter here; `generation` numbers different contents of the same path.
    """
    end = first + size
    while first < end:
        start, room = _place(path, first, generation)
        length = min(PIECE, room, end - first)
        yield _VIEW[start : start + length]
        first += length


def content(path: str, first: int, size: int, generation: int = 0) -> bytes:
    """`size` bytes of the object from byte `first` on."""
    return b"".join(pieces(path, first, size, generation))


def matches(path: str, first: int, data: memoryview | bytes, generation: int = 0) -> bool:
    """Whether `data` is what the object has from byte `first` on; a comparison of memory, without a copy."""
    view = memoryview(data)
    done = 0
    while done < len(view):
        start, room = _place(path, first + done, generation)
        # `==` on views compares element by element; startswith is a memcmp.
        if not _BLOCK.startswith(view[done : done + room], start):
            return False
        done += room
    return True


def _place(path: str, position: int, generation: int) -> tuple[int, int]:
    """Where in the block a byte of the object is, and how many bytes from there on belong to its segment."""
    segment, offset = divmod(position, SEGMENT)
    return _start(path, generation, segment) + offset, SEGMENT - offset


@lru_cache(maxsize=65_536)
def _start(path: str, generation: int, segment: int) -> int:
    digest = blake2b(f"{generation} {segment} {path}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) % SEGMENT
