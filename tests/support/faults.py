"""What can be wrong with a storage node, one frozen dataclass each; `storage.Storage` acts them out.

Several faults may be given together. They take effect in their order: `Chunked` behind `DiesAfter` frames what is sent
before the death, and `Trickles` before `EndsAfter` ends a trickle.

Sizes are in bytes and times in seconds. As JSON a fault is an object with its name and what differs from the defaults:
`{"fault": "DiesAfter", "size": 1000, "next": 1}`; `Infinity` stands for ever.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Final, get_type_hints

from tests.support.answers import Answer, Ending, Head, Part, Request, Step, Steps, Wait, content_range, failure

FOREVER: Final = math.inf

# An answer's bytes that are still under way when a connection is reset are lost. On loopback and on a link in memory
# without latency all arrive in this time, if the other side reads; TLS holds up to 64 KiB back and may need longer.
LAST_BYTES: Final = 0.001


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Nothing is wrong. Which requests a fault befalls: all but probes, unless said otherwise.

    `next`: only so many, those that come next; `every`: the first of every so many; `method`: only this one;
    `at_least`: only reads of objects of at least so many bytes; `probes`: health probes too.
    """

    next: int | None = None
    every: int = 1
    method: str = ""
    at_least: int = 0
    probes: bool = False

    # Whether the request has no effect; then the node answers in place of a 100 if the client waits for one.
    is_refusal: ClassVar[bool] = False

    def alter(self, request: Request, answer: Answer) -> Answer:
        """What the node says instead of `answer`."""
        return answer

    def perform(self, steps: Steps) -> Steps:
        """How the node carries it out."""
        return steps


@dataclass(frozen=True)
class DiesAfter(Fault):
    """The connection is reset `delay` seconds after the head and `size` bytes of the body were sent."""

    size: int
    delay: float = LAST_BYTES

    def perform(self, steps: Steps) -> Steps:
        return _interrupted(steps, self.size, Wait(self.delay), Ending.RESET)


@dataclass(frozen=True)
class EndsAfter(Fault):
    """The connection is closed in order after `size` bytes of the body, although more were announced."""

    size: int

    def perform(self, steps: Steps) -> Steps:
        return _interrupted(steps, self.size, Ending.CLOSE)


@dataclass(frozen=True)
class StallsAfter(Fault):
    """Nothing comes for some time after `size` bytes of the body; then the answer goes on."""

    size: int
    seconds: float = FOREVER

    def perform(self, steps: Steps) -> Steps:
        return _interrupted(steps, self.size, Wait(self.seconds))


@dataclass(frozen=True)
class Resets(Fault):
    """The connection is reset when the request is there."""

    is_refusal = True

    def perform(self, steps: Steps) -> Steps:
        return iter((Ending.RESET,))


@dataclass(frozen=True)
class Closes(Fault):
    """The connection is closed in order in place of an answer."""

    is_refusal = True

    def perform(self, steps: Steps) -> Steps:
        return iter((Ending.CLOSE,))


@dataclass(frozen=True)
class AnswersLate(Fault):
    """The answer begins some time after the request is there."""

    seconds: float

    def perform(self, steps: Steps) -> Steps:
        yield Wait(self.seconds)
        yield from steps


@dataclass(frozen=True)
class NeverAnswers(Fault):
    """The request is taken, and nothing ever comes."""

    is_refusal = True

    def perform(self, steps: Steps) -> Steps:
        return iter((Wait(FOREVER),))


@dataclass(frozen=True)
class Trickles(Fault):
    """The body comes `size` bytes at a time, with `seconds` between them."""

    size: int
    seconds: float

    def perform(self, steps: Steps) -> Steps:
        is_first = True
        for step in steps:
            if isinstance(step, Head | Wait | Ending):
                yield step
                continue
            for start in range(0, len(step), self.size):
                if not is_first:
                    yield Wait(self.seconds)
                is_first = False
                yield step[start : start + self.size]


@dataclass(frozen=True)
class OtherObject(Fault):
    """The node has another object under the same path: other bytes, other ETag, other Last-Modified.

    `only_ranged`: it shows only in requests with a range. `ignores_conditions`: If-Match is not looked at, so that the
    other object comes as 206 and not as 412.
    """

    generation: int = 1
    only_ranged: bool = False
    ignores_conditions: bool = False


@dataclass(frozen=True)
class Fails(Fault):
    """An S3 error at once; `retry_after` in seconds if the node says so."""

    status: int = 500
    code: str = "InternalError"
    retry_after: int | None = None
    is_refusal = True

    def alter(self, request: Request, answer: Answer) -> Answer:
        extra = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        return failure(request, self.status, self.code, extra)


@dataclass(frozen=True)
class TakesRate(Fault):
    """The node takes `rate` requests a second, `burst` at once after a rest, and answers SlowDown to the others."""

    rate: float
    burst: int
    is_refusal = True

    def alter(self, request: Request, answer: Answer) -> Answer:
        return failure(request, 503, "SlowDown")


@dataclass(frozen=True)
class ServesAtOnce(Fault):
    """The node works on `slots` requests at once, each for `seconds` before its answer; the others queue in it.

    A client that leaves does not give its place back.
    """

    slots: int
    seconds: float


@dataclass(frozen=True)
class AnswersEarly(Fault):
    """A final status when the request's head is there, before its body: RFC 9110, section 10.1.1, allows it.

    `invites`: a 100 goes before it. `closes`: the connection is closed at once, else the body is still read.
    """

    status: int = 500
    code: str = "InternalError"
    invites: bool = False
    closes: bool = False
    is_refusal = True

    def alter(self, request: Request, answer: Answer) -> Answer:
        return failure(request, self.status, self.code)

    def perform(self, steps: Steps) -> Steps:
        if self.invites:
            yield b"HTTP/1.1 100 Continue\r\n\r\n"
        yield from steps
        if self.closes:
            yield Ending.CLOSE


@dataclass(frozen=True)
class DiesReceiving(Fault):
    """The connection is reset when `size` bytes of the request's body have come."""

    size: int


GARBAGE: Final = {
    "binary": b"\x16\x03\x01\x02\x00 whatever this is\r\n\r\n",
    "http2": b"HTTP/2 200\r\n\r\n",
    "http09": b"<html></html>\r\n\r\n",
    "no status": b"HTTP/1.1 OK\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxy",
    "length and chunked": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"
    ),
    "negative length": b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    "NUL": b"HTTP/1.1 200 OK\r\nA: b\0c\r\nContent-Length: 0\r\n\r\n",
    # Longer than any head that s3edge or its rivals take.
    "no end": b"HTTP/1.1 200 OK\r\n" + b"X-Filler: abcdefghijklmnopqrst\r\n" * 8192,
}


@dataclass(frozen=True)
class SendsGarbage(Fault):
    """What comes is no HTTP answer; `kind` is one of GARBAGE. The connection stays open."""

    kind: str = "binary"
    is_refusal = True

    def __post_init__(self) -> None:
        if self.kind not in GARBAGE:
            raise ValueError(f"garbage of kind {self.kind!r}: one of {', '.join(GARBAGE)} is expected")

    def perform(self, steps: Steps) -> Steps:
        return iter((GARBAGE[self.kind],))


WRONG_RANGES: Final = ("shifted", "total", "missing", "ignored")


@dataclass(frozen=True)
class WrongRange(Fault):
    """A 206 that is not what was asked for.

    `kind`: "shifted" is another range, announced as such; "total" gives the object another size; "missing" has no
    Content-Range; "ignored" is 200 with the whole object, which HTTP allows.
    """

    kind: str = "shifted"

    def __post_init__(self) -> None:
        if self.kind not in WRONG_RANGES:
            raise ValueError(f"wrong range of kind {self.kind!r}: one of {', '.join(WRONG_RANGES)} is expected")

    def alter(self, request: Request, answer: Answer) -> Answer:
        if answer.status != 206 or not isinstance(answer.body, Part):
            return answer
        part, altered = answer.body, dict(answer.fields)
        total = int(altered.pop("Content-Range").rpartition("/")[2])
        match self.kind:
            case "shifted":
                # One byte earlier, or later where there is none before.
                part = replace(part, first=part.first - 1 if part.first else 1, size=max(1, part.size - 1))
                altered["Content-Range"] = content_range(part.first, part.size, total)
            case "total":
                altered["Content-Range"] = content_range(part.first, part.size, total + 1)
            case "ignored":
                part = replace(part, first=0, size=total)
        altered["Content-Length"] = str(part.size)
        return replace(answer, status=200 if self.kind == "ignored" else 206, fields=altered, body=part)


@dataclass(frozen=True)
class WrongLength(Fault):
    """Content-Length says `by` bytes more than the body has, or fewer if it is negative."""

    by: int

    def alter(self, request: Request, answer: Answer) -> Answer:
        length = int(answer.fields.get("Content-Length", "0")) + self.by
        return replace(answer, fields=answer.fields | {"Content-Length": str(length)})


@dataclass(frozen=True)
class Chunked(Fault):
    """The body is sent in chunks of at most `size` bytes, without Content-Length. In order, but not what S3 does."""

    size: int = 64 * 1024

    def alter(self, request: Request, answer: Answer) -> Answer:
        if answer.is_bodiless:
            return answer
        altered = {name: value for name, value in answer.fields.items() if name != "Content-Length"}
        return replace(answer, fields=altered | {"Transfer-Encoding": "chunked"})

    def perform(self, steps: Steps) -> Steps:
        is_chunked = False
        for step in steps:
            if isinstance(step, Head):
                is_chunked = step.find(b"\r\nTransfer-Encoding: chunked") >= 0
                yield step
            elif isinstance(step, Wait | Ending):
                yield step
            else:
                for start in range(0, len(step), self.size):
                    piece = step[start : start + self.size]
                    yield b"%x\r\n" % len(piece)
                    yield piece
                    yield b"\r\n"
        if is_chunked:
            yield b"0\r\n\r\n"


@dataclass(frozen=True)
class Refuses(Fault):
    """New connections are refused; `cuts`: those that are open are reset. Only on sockets; else `Network.refuse`."""

    cuts: bool = False


@dataclass(frozen=True)
class DropsConnects(Fault):
    """New connections are never answered: their SYNs are dropped. Only on sockets; else `Network.silence`.

    `cuts`: the connections that are open are reset.
    """

    cuts: bool = False


NAMES: Final[dict[str, type[Fault]]] = {
    kind.__name__: kind
    for kind in (
        *(DiesAfter, EndsAfter, StallsAfter, Resets, Closes, AnswersLate, NeverAnswers, Trickles, OtherObject, Fails),
        *(TakesRate, ServesAtOnce, AnswersEarly, DiesReceiving, SendsGarbage, WrongRange, WrongLength, Chunked),
        *(Refuses, DropsConnects),
    )
}


def to_json(fault: Fault) -> dict[str, Any]:
    """The JSON object of a fault."""
    values = {each.name: getattr(fault, each.name) for each in fields(fault)}
    return {"fault": type(fault).__name__} | values


def from_json(document: Any) -> Fault:
    """The fault of a JSON object. Raises ValueError, which says what is wrong."""
    if not isinstance(document, dict) or document.get("fault") not in NAMES:
        raise ValueError(f"{document!r}: an object with a fault of {', '.join(NAMES)} is expected")
    kind = NAMES[document["fault"]]
    values = {name: value for name, value in document.items() if name != "fault"}
    kinds = get_type_hints(kind)
    for name, value in values.items():
        wanted = kinds.get(name, object)
        if not isinstance(value, float | int if wanted is float else wanted):
            raise ValueError(f"{kind.__name__}: {name} cannot be {value!r}")
    try:
        return kind(**values)
    except TypeError as error:
        raise ValueError(str(error)) from None


def _interrupted(steps: Steps, size: int, *interruption: Step) -> Iterator[Step]:
    """`steps` with an interruption after `size` bytes of the body, if it has so many."""
    left = size
    is_done = False
    for step in steps:
        if isinstance(step, Wait | Ending) or is_done:
            yield step
            continue
        length = 0 if isinstance(step, Head) else len(step)
        if length < left:
            left -= length
            yield step
            continue
        is_done = True
        yield step if isinstance(step, Head) else step[:left]
        yield from interruption
        if not isinstance(step, Head):
            yield step[left:]
