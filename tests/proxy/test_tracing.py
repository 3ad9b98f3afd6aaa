"""Which requests are traced, and what nodes are told of that."""

from random import Random

import pytest

from s3edge.http1.head import RequestHead, parse_request
from s3edge.proxy.tracing import MOST_MARKED, Sampler, Trace
from s3edge.telemetry.traceparent import TraceParent, parse_traceparent

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
MARKED = f"traceparent: 00-{TRACE}-{SPAN}-01"
UNMARKED = f"traceparent: 00-{TRACE}-{SPAN}-00"
FORWARDED = b"X-Forwarded-For: 10.0.0.1\r\n\r\n"


def head(*lines: str, target: str = "/b/k") -> RequestHead:
    return parse_request("\r\n".join((f"GET {target} HTTP/1.1", "Host: s3", *lines, "", "")).encode("latin-1"))


def signed(*names: str) -> str:
    listed = ";".join(("host", *names))
    return f"Authorization: AWS4-HMAC-SHA256 Credential=AK/d/r/s3/aws4_request, SignedHeaders={listed}, Signature=0"


def traced(*lines: str, target: str = "/b/k") -> Trace:
    trace = Sampler(1.0, Random(0)).trace(head(*lines, target=target), 0.0)
    assert trace is not None
    return trace


def sent(*lines: str, target: str = "/b/k") -> tuple[list[str], TraceParent]:
    """The lines that a node gets of this head, without ours, and what it is told of its parent: ours, by rule."""
    trace = traced(*lines, target=target)
    attempt = trace.attempt(0.0, is_resume=False)
    raw = trace.head(head(*lines, target=target).raw[:-2] + FORWARDED, attempt)
    *kept, ours, end = raw.decode("latin-1").removesuffix("\r\n").split("\r\n")
    assert (end, kept[0]) == ("", f"GET {target} HTTP/1.1")
    parent = parse_traceparent(ours.removeprefix("traceparent: ").encode())
    assert parent is not None
    assert (parent.trace_id, parent.span_id) == (trace.trace_id, attempt.span_id)
    return kept[1:], parent


@pytest.mark.parametrize("share, count", [(0.0, 0), (0.01, 10), (0.5, 500), (1.0, 1000)])
def test_the_share_of_the_requests_that_say_nothing_is_traced(share: float, count: int) -> None:
    sampler = Sampler(share, Random(7))
    chosen = sum(sampler.trace(head(), 0.0) is not None for _ in range(1000))
    assert abs(chosen - count) <= 5 + 0.04 * count * (share < 1)


def test_a_trace_that_begins_here_has_ids_of_its_own_and_no_parent() -> None:
    sampler = Sampler(1.0, Random(0))
    traces = [sampler.trace(head(), 0.0) for _ in range(100)]
    assert {(trace.parent, trace.flags, trace.state) for trace in traces if trace is not None} == {(None, 3, ())}
    assert len({trace.trace_id for trace in traces if trace is not None}) == 100
    assert len({trace.span_id for trace in traces if trace is not None}) == 100


def test_a_client_that_records_its_trace_is_followed_whatever_the_share_is() -> None:
    trace = Sampler(0.0, Random(0)).trace(head(MARKED, "tracestate: a=1", "Tracestate: b=2"), 0.0)
    assert trace is not None
    assert trace.parent == TraceParent(int(TRACE, 16), int(SPAN, 16), 1)
    assert (trace.trace_id, trace.hex_id, trace.flags) == (int(TRACE, 16), TRACE, 1)
    assert trace.state == (("a", "1"), ("b", "2"))


def test_a_client_that_does_not_record_its_trace_is_left_alone_whatever_the_share_is() -> None:
    assert Sampler(1.0, Random(0)).trace(head(UNMARKED), 0.0) is None


def test_clients_that_mark_all_requests_get_so_many_traces_a_second() -> None:
    sampler = Sampler(0.0, Random(0))
    instants = [number / 1000 for number in range(10_000)]
    traces = sum(sampler.trace(head(MARKED), now) is not None for now in instants)
    # The first second's worth comes at once.
    assert MOST_MARKED * 10 <= traces <= MOST_MARKED * 11 + 1


def test_clients_that_mark_too_many_requests_take_nothing_from_the_share() -> None:
    sampler = Sampler(1.0, Random(0))
    assert sum(sampler.trace(head(MARKED), 0.0) is not None for _ in range(1000)) == MOST_MARKED + 1
    assert all(sampler.trace(head(), 0.0) is not None for _ in range(1000))


@pytest.mark.parametrize(
    "lines",
    [
        ("traceparent: nonsense",),
        (f"traceparent: ff-{TRACE}-{SPAN}-01",),
        (MARKED, MARKED),
        (MARKED, UNMARKED),
        ("traceparent:",),
        (f"X-traceparent: 00-{TRACE}-{SPAN}-01",),
    ],
)
def test_what_cannot_be_understood_counts_as_nothing(lines: tuple[str, ...]) -> None:
    assert Sampler(0.0, Random(0)).trace(head(*lines), 0.0) is None
    assert traced(*lines, "tracestate: a=1").parent is None
    assert traced(*lines, "tracestate: a=1").state == ()


def test_a_node_is_told_the_attempt_as_its_parent() -> None:
    lines, parent = sent("Range: bytes=0-9")
    assert lines == ["Host: s3", "Range: bytes=0-9", "X-Forwarded-For: 10.0.0.1"]
    assert parent.flags == 3


@pytest.mark.parametrize("marked", [MARKED, MARKED.upper().replace(TRACE.upper(), TRACE).replace(SPAN.upper(), SPAN)])
def test_the_clients_field_is_replaced_and_its_state_goes_on(marked: str) -> None:
    lines, parent = sent("A: 1", marked, "tracestate: a=1", "B: 2")
    assert lines == ["Host: s3", "A: 1", "tracestate: a=1", "B: 2", "X-Forwarded-For: 10.0.0.1"]
    assert (parent.trace_id, parent.flags) == (int(TRACE, 16), 1)
    assert parent.span_id != int(SPAN, 16)


def test_a_state_without_a_parent_that_is_understood_goes_with_it() -> None:
    lines, _ = sent("traceparent: nonsense", "tracestate: a=1", "B: 2")
    assert lines == ["Host: s3", "B: 2", "X-Forwarded-For: 10.0.0.1"]
    assert sent("tracestate: a=1")[0] == ["Host: s3", "X-Forwarded-For: 10.0.0.1"]


def test_a_field_that_is_signed_stays_as_it_is() -> None:
    lines = (signed("traceparent"), MARKED, "tracestate: a=1")
    trace = traced(*lines)
    assert trace.trace_id == int(TRACE, 16)
    raw = head(*lines).raw
    assert trace.head(raw, trace.attempt(0.0, is_resume=False)) == raw


def test_a_field_that_is_signed_in_the_query_stays_as_it_is() -> None:
    target = "/b/k?X-Amz-SignedHeaders=host%3Btraceparent&X-Amz-Signature=0"
    raw = head(MARKED, target=target).raw
    trace = traced(MARKED, target=target)
    assert trace.head(raw, trace.attempt(0.0, is_resume=False)) == raw


def test_a_malformed_field_that_is_signed_stays_as_it_is() -> None:
    lines = (signed("traceparent"), "traceparent: nonsense")
    raw = head(*lines).raw
    trace = traced(*lines)
    assert trace.head(raw, trace.attempt(0.0, is_resume=False)) == raw


def test_a_state_that_is_signed_stays_although_its_parent_goes() -> None:
    lines, _ = sent(signed("tracestate"), "traceparent: nonsense", "tracestate: a=1")
    assert lines == ["Host: s3", signed("tracestate"), "tracestate: a=1", "X-Forwarded-For: 10.0.0.1"]


def test_each_attempt_is_a_parent_of_its_own() -> None:
    trace = traced()
    raw = head().raw
    heads = {trace.head(raw, trace.attempt(0.0, is_resume=False)) for _ in range(5)}
    assert len(heads) == 5
