"""What readers ask for: objects of mixed sizes, whole or a range, drawn at random from a seed."""

import json
import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from itertools import accumulate

from loadtests.nodes import KIB, MIB
from tests.support.objects import etag, size_of

MIXED_SIZES = {4 * KIB: 35, 64 * KIB: 20, 256 * KIB: 15, MIB: 13, 4 * MIB: 10, 16 * MIB: 7}
"""Bytes of an object: percent of requests. Most requests are small, and at any time most readers are in a large body:
what fits into the sockets' buffers is sent even by a node that was killed."""

SMALL = {4 * KIB: 1}
"""4 KiB objects only, where what counts is requests."""

KEYS = 32
"""Different objects of each size, unless a load says otherwise."""

GENERATIONS = 4
"""Contents of an object that a reader knows: nodes may disagree, but bytes must fit their ETag."""


@dataclass(frozen=True)
class Ask:
    """One GET and what a true answer to it holds: `size` bytes of the object from `first` on. `total` is the object's.

    `etags` are those of the object's generations, quoted; `query`, with its question mark, goes with the path.
    """

    path: str
    first: int
    size: int
    total: int
    etags: tuple[str, ...]
    is_ranged: bool = False
    query: str = ""

    @property
    def status(self) -> int:
        return 206 if self.is_ranged else 200

    @property
    def content_range(self) -> str:
        """The value that a 206 must have (RFC 9110, 14.4)."""
        return f"bytes {self.first}-{self.first + self.size - 1}/{self.total}"

    def head(self, host: str, fields: str = "") -> bytes:
        """The request as it is sent to `host`; `fields` are further header lines."""
        span = f"Range: bytes={self.first}-{self.first + self.size - 1}\r\n" if self.is_ranged else ""
        return f"GET {self.path}{self.query} HTTP/1.1\r\nHost: {host}\r\n{fields}{span}\r\n".encode()


@dataclass(frozen=True)
class Load:
    """What a crowd of readers does for `seconds`.

    Closed loop without a `rate`: each of `readers` connections sends its next request when the last one is over. Open
    loop with one: `rate` requests a second are due whatever became of those before, each on a free connection.
    `sizes` gives each size its share of requests, `ranged` is the share of requests for a part of an object, `patience`
    the seconds after which a reader gives up on an answer and counts it as failed. Requests claim the key of `tenant`,
    if one is named. There are `keys` different objects of each size.
    """

    seconds: float
    readers: int = 48
    sizes: Mapping[int, int] = field(default_factory=lambda: dict(MIXED_SIZES))
    ranged: float = 0.3
    rate: float = 0.0
    patience: float = 30.0
    seed: int = 1
    tenant: str = ""
    keys: int = KEYS

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Load":
        fields = json.loads(text)
        fields["sizes"] = {int(size): share for size, share in fields["sizes"].items()}
        return cls(**fields)


class Asks:
    """Draws requests by the shares of a load; the same seed draws the same ones."""

    def __init__(self, load: Load) -> None:
        self._rng = random.Random(load.seed)
        self._ranged = load.ranged
        self._objects = [[_whole(size, number) for number in range(load.keys)] for size in load.sizes]
        self._shares = list(accumulate(load.sizes.values()))

    def draw(self) -> Ask:
        """The next request."""
        rng = self._rng
        (objects,) = rng.choices(self._objects, cum_weights=self._shares)
        whole = objects[rng.randrange(len(objects))]
        if rng.random() >= self._ranged:
            return whole
        first = rng.randrange(whole.total)
        size = rng.randint(1, whole.total - first)
        return Ask(whole.path, first, size, whole.total, whole.etags, is_ranged=True)


def _whole(size: int, number: int) -> Ask:
    path = f"/bench/{size}B-{number}"
    return Ask(path, 0, size, size_of(path), tuple(etag(path, generation) for generation in range(GENERATIONS)))
