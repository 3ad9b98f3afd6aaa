"""The spans of an exchange, made at its end from what was kept of it. Only a worker that traces imports this.

An exchange is a span of kind server; its children are its waits, its attempts at nodes (of kind client), the relay of
its body, and each resume. Names and attributes are those of the OpenTelemetry semantic conventions where there are any.
Neither a query nor a header is ever in a span.
"""

from collections.abc import Callable, Iterator
from typing import Final

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags, TraceState
from opentelemetry.trace.status import Status, StatusCode

from s3edge import __version__
from s3edge.events import BodyBroken, BodyCut, BodyResumed, End
from s3edge.proxy.progress import CUT, Progress
from s3edge.proxy.tracing import Trace, TracedAttempt
from s3edge.telemetry.journal import KEY_LIMIT, NAME_LIMIT, describe
from s3edge.telemetry.printable import writable
from s3edge.telemetry.traceparent import SAMPLED

Attributes = dict[str, str | int | float | bool]

# Ends that are no failure of the attempt: nothing was wrong with what the node did.
_FAULTLESS: Final = (End.DONE, End.BEATEN, End.CLIENT_GONE)
_SCOPE: Final = InstrumentationScope("s3edge", __version__)
_FAILED: Final = Status(StatusCode.ERROR)
_UNSET: Final = Status(StatusCode.UNSET)


class Spans:
    """Makes the spans of one worker and gives them on, those of an exchange at once.

    `now` is the loop's clock in seconds, `wall` that of the world in nanoseconds since 1970. The difference between
    them is looked up for each exchange, so that a wall clock that is set right moves no span apart from its parent.
    """

    def __init__(
        self,
        resource: Resource,
        give: Callable[[list[ReadableSpan]], None],
        now: Callable[[], float],
        wall: Callable[[], int],
    ) -> None:
        self._resource = resource
        self._give = give
        self._now = now
        self._wall = wall

    def read(self, progress: Progress, received: int, now: float) -> None:
        """An exchange came to its end at `now`; `received` are the body bytes that came from the client."""
        trace = progress.trace
        if trace is not None:
            since = self._wall() - _nanoseconds(self._now())
            self._give(list(_Made(self._resource, progress, trace, since).spans(received, now)))


class _Made:
    """The spans of one exchange; `since` is the wall clock's time, in nanoseconds, at 0 of the loop's clock."""

    def __init__(self, resource: Resource, progress: Progress, trace: Trace, since: int) -> None:
        self._resource = resource
        self._progress = progress
        self._trace = trace
        self._since = since
        self._flags = TraceFlags(trace.flags | SAMPLED)
        self._state = TraceState(trace.state)
        self._root = self._context(trace.span_id)

    def spans(self, received: int, now: float) -> Iterator[ReadableSpan]:
        """All of them, the exchange's own first."""
        progress, trace = self._progress, self._trace
        yield self._exchange(received, now)
        if trace.admitted is not None:
            yield self._child("admit", progress.started, trace.admitted)
        for began, ended in trace.queued:
            yield self._child("queue", began, ended)
        for attempt in trace.attempts:
            yield self._attempt(attempt)
        # A body that came with its head took no time: then there is nothing to show.
        if progress.first_byte is not None and progress.started + progress.first_byte < now:
            attributes: Attributes = {"http.response.body.size": progress.sent}
            status = _FAILED if progress.outcome == CUT else _UNSET
            yield self._child("relay", progress.started + progress.first_byte, now, attributes, status)
        yield from self._resumes()

    def _exchange(self, received: int, now: float) -> ReadableSpan:
        progress, trace, request = self._progress, self._trace, self._progress.request
        attributes: Attributes = {
            "http.request.method": progress.head.method.decode("ascii", "backslashreplace"),
            "client.address": progress.client.address,
            "http.request.body.size": received,
            "http.response.body.size": progress.sent,
            "s3edge.outcome": progress.outcome,
        }
        # A client that left at once has no tenant yet, and one that was told nothing has no status.
        if hasattr(progress, "tenant"):
            attributes["s3edge.tenant"] = progress.tenant
        if request.bucket:
            attributes["aws.s3.bucket"] = writable(request.bucket, NAME_LIMIT)
        if request.raw_key:
            attributes["aws.s3.key"] = writable(request.key, KEY_LIMIT)
        if progress.resumes:
            attributes["s3edge.resumes"] = progress.resumes
        status = _UNSET
        if progress.status:
            attributes["http.response.status_code"] = progress.status
        if progress.outcome == CUT or progress.status >= 500:
            attributes["error.type"] = progress.outcome if progress.status < 500 else str(progress.status)
            status = _FAILED
        return ReadableSpan(
            name=request.operation,
            context=self._root,
            parent=None if trace.parent is None else self._context(trace.parent.span_id, is_remote=True),
            resource=self._resource,
            attributes=attributes,
            events=list(self._events()),
            kind=SpanKind.SERVER,
            status=status,
            start_time=self._at(progress.started),
            end_time=self._at(now),
            instrumentation_scope=_SCOPE,
        )

    def _events(self) -> Iterator[Event]:
        """The story."""
        for event, at in zip(self._progress.story or (), self._trace.noted, strict=True):
            entry = describe(event, at)
            yield Event(entry.event, {"s3edge.text": entry.text}, self._at(at))

    def _attempt(self, attempt: TracedAttempt) -> ReadableSpan:
        node = attempt.node
        attributes: Attributes = {
            "http.request.method": self._progress.head.method.decode("ascii", "backslashreplace"),
            "server.address": node.host,
            "server.port": node.port,
            "s3edge.cluster": node.cluster,
            "s3edge.attempt.reason": attempt.reason,
            "s3edge.attempt.outcome": attempt.end,
            "s3edge.attempt.on_kept_connection": attempt.is_kept,
        }
        if attempt.status:
            attributes["http.response.status_code"] = attempt.status
        status = _UNSET
        if attempt.end not in _FAULTLESS:
            attributes["error.type"] = attempt.end
            status = _FAILED
        return ReadableSpan(
            name="attempt",
            context=self._context(attempt.span_id),
            parent=self._root,
            resource=self._resource,
            attributes=attributes,
            kind=SpanKind.CLIENT,
            status=status,
            start_time=self._at(attempt.began),
            end_time=self._at(attempt.ended),
            instrumentation_scope=_SCOPE,
        )

    def _resumes(self) -> Iterator[ReadableSpan]:
        """From the last byte of each broken body to the first that came after it, or to the cut."""
        broken_at: float | None = None
        for event, at in zip(self._progress.story or (), self._trace.noted, strict=True):
            match event:
                case BodyBroken():
                    broken_at = at
                case BodyResumed():
                    attributes: Attributes = {
                        "s3edge.resume.offset": event.offset,
                        "s3edge.resume.skipped": event.skipped,
                    }
                    yield self._child("resume", at - event.gap, at, attributes)
                    broken_at = None
                case BodyCut() if broken_at is not None:
                    yield self._child("resume", broken_at, at, {"s3edge.resume.offset": event.offset}, _FAILED)

    def _child(
        self, name: str, began: float, ended: float, attributes: Attributes | None = None, status: Status = _UNSET
    ) -> ReadableSpan:
        return ReadableSpan(
            name=name,
            context=self._context(self._trace.new_id()),
            parent=self._root,
            resource=self._resource,
            attributes=attributes,
            status=status,
            start_time=self._at(began),
            end_time=self._at(ended),
            instrumentation_scope=_SCOPE,
        )

    def _context(self, span_id: int, *, is_remote: bool = False) -> SpanContext:
        return SpanContext(self._trace.trace_id, span_id, is_remote, self._flags, self._state)

    def _at(self, instant: float) -> int:
        return self._since + _nanoseconds(instant)


def _nanoseconds(seconds: float) -> int:
    return round(seconds * 1e9)
