"""Which requests are traced, and what is kept of those while they are answered.

A trace is made of facts that the exchange has anyway; what is kept here is only what it would forget: which attempts
there were, and when things happened. Spans are made of that at its end (`spans.py`).
"""

import re
from random import Random
from typing import TYPE_CHECKING, Final

from s3edge.events import End
from s3edge.http1.head import RequestHead
from s3edge.qos.bucket import Bucket
from s3edge.s3.sigv4 import is_header_signed
from s3edge.telemetry.traceparent import RANDOM, SAMPLED, TraceParent, parse_traceparent, parse_tracestate

if TYPE_CHECKING:
    from s3edge.proxy.attempt import Attempt
    from s3edge.routing.node import Node

# Traces per second that clients may ask one worker for by the sampled flag: some 2% of a core. Who marks every request
# gets that many, and no more.
MOST_MARKED: Final = 100.0

_TRACEPARENT: Final = b"traceparent"
_TRACESTATE: Final = b"tracestate"
_PARENT_FIELD: Final = b"\ntraceparent:"
_STATE_FIELD: Final = b"\ntracestate:"
_STATES: Final = re.compile(rb"\ntracestate:([^\r]*)", re.IGNORECASE)
_PARENT_LINES: Final = re.compile(rb"(?<=\n)traceparent:[^\n]*\n", re.IGNORECASE)
_BOTH_LINES: Final = re.compile(rb"(?<=\n)trace(?:parent|state):[^\n]*\n", re.IGNORECASE)


class TracedAttempt:
    """What a trace keeps of one attempt; all but `span_id`, `began` and `is_resume` is known at its end."""

    __slots__ = ("began", "end", "ended", "is_hedge", "is_kept", "is_resume", "is_retry", "node", "span_id", "status")

    node: "Node"
    end: End
    ended: float

    def __init__(self, span_id: int, began: float, is_resume: bool) -> None:
        self.span_id = span_id
        self.began = began
        self.is_resume = is_resume
        self.is_retry = self.is_hedge = self.is_kept = False
        self.status = 0

    def ends(self, attempt: "Attempt", end: End, now: float) -> None:
        """The attempt is over: it belongs to the trace from now on."""
        trace = attempt.progress.trace
        assert trace is not None
        trace.attempts.append(self)
        self.node = attempt.standing.node
        self.is_hedge = attempt.is_hedge
        self.is_kept = attempt.is_kept
        self.status = attempt.answer.status if attempt.has_answer else 0
        self.end = end
        self.ended = now

    @property
    def reason(self) -> str:
        """Why it was made: `first`, `hedge`, `resume` or `retry`."""
        if self.is_hedge:
            return "hedge"
        if self.is_resume:
            return "resume"
        return "retry" if self.is_retry else "first"


class Trace:
    """What is kept of one exchange that is traced, beside its progress.

    `parent` is what the client said of its own span, None if the trace begins here, and `state` what came with that.
    `span_id` is that of the exchange. `attempts` are those that are over. Times are seconds of the loop's clock:
    `noted` has one for each event of the story, `admitted` is when a wait for room under limits ended, `queued` has the
    waits for a place at a node.
    """

    __slots__ = (
        "_is_signed",
        "_lines",
        "_rng",
        "admitted",
        "attempts",
        "flags",
        "noted",
        "parent",
        "queued",
        "span_id",
        "state",
        "trace_id",
    )

    def __init__(self, head: RequestHead, parent: TraceParent | None, rng: Random) -> None:
        self._rng = rng
        self.parent = parent
        self.span_id = self.new_id()
        self.attempts: list[TracedAttempt] = []
        self.noted: list[float] = []
        self.queued: list[tuple[float, float]] = []
        self.admitted: float | None = None
        self.state: tuple[tuple[str, str], ...] = ()
        if parent is None:
            self.trace_id = rng.getrandbits(128) or 1
            self.flags = SAMPLED | RANDOM
        else:
            self.trace_id = parent.trace_id
            self.flags = parent.flags
            if _STATE_FIELD in head.lower:
                self.state = parse_tracestate(b",".join(_STATES.findall(head.raw)))
        self._is_signed = _TRACEPARENT in head.lower and is_header_signed(head, _TRACEPARENT)
        self._lines = self._replaced(head)

    @property
    def hex_id(self) -> str:
        """The id of the trace as people and other tools write it: 32 digits."""
        return f"{self.trace_id:032x}"

    def new_id(self) -> int:
        """An id for another span."""
        return self._rng.getrandbits(64) or 1

    def attempt(self, began: float, *, is_resume: bool) -> TracedAttempt:
        """Another attempt begins; `is_resume` says that a body goes on with it."""
        return TracedAttempt(self.new_id(), began, is_resume)

    def head(self, raw: bytes, attempt: TracedAttempt) -> bytes:
        """`raw`, a request head for a node, that names the attempt as the parent of what the node does.

        A field that the client has signed stays as it is: to change it would break the signature.
        """
        if self._is_signed:
            return raw
        if self._lines is not None:
            raw = self._lines.sub(b"", raw)
        ours = TraceParent(self.trace_id, attempt.span_id, self.flags)
        return b"%btraceparent: %b\r\n\r\n" % (raw[:-2], bytes(ours))

    def _replaced(self, head: RequestHead) -> re.Pattern[bytes] | None:
        """The lines of the client's head that ours stands for. A state belongs to its parent and goes with it."""
        if self.parent is None and _STATE_FIELD in head.lower and not is_header_signed(head, _TRACESTATE):
            return _BOTH_LINES
        return _PARENT_LINES if _PARENT_FIELD in head.lower else None


class Sampler:
    """Chooses the requests of one worker that are traced.

    A client that says that it records a trace is believed, up to MOST_MARKED times a second; one that says that it does
    not, too. Of the requests that say nothing, or nothing that can be understood, a `share` begins a trace.
    """

    def __init__(self, share: float, rng: Random) -> None:
        self.share = share
        self._rng = rng
        self._marked = Bucket(MOST_MARKED, 1.0)

    def trace(self, head: RequestHead, now: float) -> Trace | None:
        """The trace of a request that comes now; None if it is not traced."""
        parent = None
        # Two of them are as good as none: nobody knows which one is meant.
        if head.lower.count(_PARENT_FIELD) == 1:
            parent = parse_traceparent(head.header(_TRACEPARENT) or b"")
        if parent is None:
            return Trace(head, None, self._rng) if self._rng.random() < self.share else None
        if not parent.is_sampled or self._marked.delay(now):
            return None
        self._marked.take(1.0, now)
        return Trace(head, parent, self._rng)
