"""The spans of a scenario, kept in memory and shown as lines."""

import asyncio
from collections.abc import Sequence
from random import Random

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace.status import StatusCode

from s3edge.server.tracing import Tracing

# The wall clock at the beginning of a scenario, in seconds since 1970.
EPOCH = 1_800_000_000
CALM = ("s3edge.outcome", "s3edge.attempt.reason", "s3edge.attempt.outcome", "http.response.status_code")


class Kept:
    """Takes spans as a collector would, and keeps them."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []
        self.failed = self.dropped = 0
        self.is_closed = False

    @property
    def exported(self) -> int:
        return len(self.spans)

    def take(self, spans: Sequence[ReadableSpan]) -> None:
        self.spans += spans

    async def close(self) -> None:
        self.is_closed = True

    @property
    def lines(self) -> list[str]:
        """Each span since the last look: name, times in seconds since the scenario began, node, what came of it.

        A child stands below its parent, further in, attempts in the order in which they ended. `!` marks what failed.
        """
        spans, self.spans = self.spans, []
        return [line for span in spans if not _is_child(span, spans) for line in _tree(span, spans, "")]


def tracing_to(kept: Kept, share: float = 1.0) -> Tracing:
    """Tracing of so large a share of the requests of this scenario."""
    loop = asyncio.get_running_loop()
    return Tracing(share, Resource({}), kept, Random(1), lambda: EPOCH * 10**9 + round(loop.time() * 1e9))


def seconds(nanoseconds: int | None) -> float:
    """An instant of a span, in seconds since the scenario began."""
    assert nanoseconds is not None
    return (nanoseconds - EPOCH * 10**9) / 1e9


def _is_child(span: ReadableSpan, spans: Sequence[ReadableSpan]) -> bool:
    return span.parent is not None and any(each.context.span_id == span.parent.span_id for each in spans)


def _tree(span: ReadableSpan, spans: Sequence[ReadableSpan], indent: str) -> list[str]:
    children = [each for each in spans if each.parent is not None and each.parent.span_id == span.context.span_id]
    assert all(each.context.trace_id == span.context.trace_id for each in children)
    return [indent + _line(span), *(line for child in children for line in _tree(child, spans, indent + "  "))]


def _line(span: ReadableSpan) -> str:
    attributes = span.attributes or {}
    words = [span.name, f"{seconds(span.start_time):g}-{seconds(span.end_time):g}"]
    if "server.address" in attributes:
        words.append(str(attributes["server.address"]))
    words += [str(attributes[name]) for name in CALM if name in attributes]
    return " ".join([*words, *(["!"] if span.status.status_code is StatusCode.ERROR else [])])
