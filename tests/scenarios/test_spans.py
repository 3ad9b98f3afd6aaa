"""What a trace tells of an exchange: its spans, their times and who is whose child. Off, there is nothing of it."""

import asyncio

import pytest
from opentelemetry.trace import SpanKind

from s3edge.telemetry.traceparent import parse_traceparent
from tests.scenarios.reader import get, read, read_object, whole
from tests.scenarios.scene import in_turn, put, scene, turns
from tests.support.edge import config_for
from tests.support.faults import AnswersLate, EndsAfter, Fails, Fault, NeverAnswers, Resets, StallsAfter
from tests.support.storage import Storage
from tests.support.traced import Kept, seconds, tracing_to
from tests.support.virtual_time import run

KEY = "/bucket/1000B"
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
MARKED = f"traceparent: 00-{TRACE}-{SPAN}-01".encode()


@pytest.mark.parametrize(
    "fault, lines",
    [
        ((), ["GetObject 0-0 done 200", "  attempt 0-0 node-0 first done 200"]),
        ((AnswersLate(0.25),), ["GetObject 0-0.25 done 200", "  attempt 0-0.25 node-0 first done 200"]),
        (
            (Fails(500),),
            [
                "GetObject 0-0 done 200",
                "  attempt 0-0 node-0 first error 500 !",
                "  attempt 0-0 node-1 retry done 200",
            ],
        ),
        (
            (Fails(503, "SlowDown"),),
            [
                "GetObject 0-0 done 200",
                "  attempt 0-0 node-0 first slow_down 503 !",
                "  attempt 0-0 node-1 retry done 200",
            ],
        ),
        (
            (Resets(),),
            ["GetObject 0-0 done 200", "  attempt 0-0 node-0 first closed !", "  attempt 0-0 node-1 retry done 200"],
        ),
        (
            (NeverAnswers(),),
            [
                "GetObject 0-0.5 done 200",
                "  attempt 0-0.5 node-0 first beaten",
                "  attempt 0.5-0.5 node-1 retry done 200",
            ],
        ),
    ],
)
def test_each_attempt_is_a_span_with_its_reason_and_its_end(fault: tuple[Fault, ...], lines: list[str]) -> None:
    async def main() -> None:
        kept = Kept()
        async with scene(Storage(*fault), Storage(), policies=in_turn(), tracing=tracing_to(kept)) as stage:
            await read_object(stage, KEY)
            assert kept.lines == lines

    run(main())


def test_attributes_say_whose_it_was_and_what_and_how_much_and_never_a_query() -> None:
    async def main() -> None:
        kept = Kept()
        tenants = [{"name": "rag", "access_keys": ["AK"]}]
        async with scene(Storage(), Storage(), policies=in_turn(), tenants=tenants, tracing=tracing_to(kept)) as stage:
            secret = "X-Amz-Credential=AK/d/r/s3/aws4_request&X-Amz-SignedHeaders=host&X-Amz-Signature=5ec4e7"
            await read(stage, get(f"{KEY}?{secret}"))
            await read(stage, put(b"abc"))
            own, attempt, written, _ = kept.spans
            assert (own.kind, attempt.kind) == (SpanKind.SERVER, SpanKind.CLIENT)
            assert own.attributes == {
                "http.request.method": "GET",
                "http.response.status_code": 200,
                "http.request.body.size": 0,
                "http.response.body.size": 1000,
                "client.address": "192.0.2.1",
                "aws.s3.bucket": "bucket",
                "aws.s3.key": "1000B",
                "s3edge.tenant": "rag",
                "s3edge.outcome": "done",
            }
            assert attempt.attributes == {
                "http.request.method": "GET",
                "http.response.status_code": 200,
                "server.address": "node-0",
                "server.port": 9000,
                "s3edge.cluster": "storage",
                "s3edge.attempt.reason": "first",
                "s3edge.attempt.outcome": "done",
                "s3edge.attempt.on_kept_connection": False,
            }
            assert written.attributes is not None
            assert (written.name, written.attributes["http.request.body.size"]) == ("PutObject", 3)
            assert "5ec4e7" not in "".join(span.to_json() for span in kept.spans)

    run(main())


def test_keys_of_any_bytes_are_shown() -> None:
    async def main() -> None:
        kept = Kept()
        async with scene(Storage(), tracing=tracing_to(kept)) as stage:
            await read(stage, get("/bucket/%ff%00%c3%bc"))
            assert (kept.spans[0].attributes or {})["aws.s3.key"] == "\\udcff\0ü"

    run(main())


def test_the_trace_of_the_client_goes_on_here_and_at_the_node() -> None:
    async def main() -> None:
        kept, node = Kept(), Storage()
        async with scene(node, tracing=tracing_to(kept, share=0.0)) as stage:
            await read_object(stage, KEY, MARKED, b"tracestate: rojo=1")
            await read_object(stage, KEY)
            own, attempt = kept.spans
            assert (f"{own.context.trace_id:032x}", dict(own.context.trace_state)) == (TRACE, {"rojo": "1"})
            assert own.parent is not None
            assert (f"{own.parent.span_id:016x}", own.parent.is_remote) == (SPAN, True)
            assert attempt.parent == own.context
            told = parse_traceparent(node.requests[0].header(b"traceparent") or b"")
            assert told is not None
            assert (told.trace_id, told.span_id) == (own.context.trace_id, attempt.context.span_id)
            assert node.requests[0].header(b"tracestate") == b"rojo=1"
            assert node.requests[1].header(b"traceparent") is None

    run(main())


def test_a_wait_for_room_under_limits_is_a_span() -> None:
    async def main() -> None:
        kept = Kept()
        policies = in_turn(limits={"concurrency": 1})
        async with scene(Storage(AnswersLate(0.25)), policies=policies, tracing=tracing_to(kept)) as stage:
            await asyncio.gather(read_object(stage, KEY), read_object(stage, KEY))
            assert kept.lines == [
                "GetObject 0-0.25 done 200",
                "  attempt 0-0.25 node-0 first done 200",
                "GetObject 0-0.5 done 200",
                "  admit 0-0.25",
                "  attempt 0.25-0.5 node-0 first done 200",
            ]

    run(main())


def test_a_wait_for_a_place_at_a_node_is_a_span() -> None:
    async def main() -> None:
        kept = Kept()
        async with scene(
            Storage(AnswersLate(0.25)), capacity={"concurrency": 1}, policies=in_turn(), tracing=tracing_to(kept)
        ) as stage:
            await asyncio.gather(read_object(stage, KEY), read_object(stage, KEY))
            assert kept.lines == [
                "GetObject 0-0.25 done 200",
                "  attempt 0-0.25 node-0 first done 200",
                "GetObject 0-0.5 done 200",
                "  queue 0-0.25",
                "  attempt 0.25-0.5 node-0 first done 200",
            ]

    run(main())


def test_a_request_that_is_shed_has_no_attempt() -> None:
    async def main() -> None:
        kept = Kept()
        policies = in_turn(limits={"concurrency": 1}, queue={"length": 8, "wait": "100ms"})
        async with scene(Storage(AnswersLate(0.25)), policies=policies, tracing=tracing_to(kept)) as stage:
            answers = await asyncio.gather(read(stage, get(KEY)), read(stage, get(KEY)))
            assert [answer.status for answer in answers] == [200, 503]
            span = kept.spans[0]
            assert [event.name for event in span.events] == ["RequestShed"]
            assert (span.attributes or {})["error.type"] == "503"
            lines = kept.lines
            assert lines[:2] == [f"GetObject 0-{answers[1].took:g} failed 503 !", f"  admit 0-{answers[1].took:g}"]
            assert lines[2:] == ["GetObject 0-0.25 done 200", "  attempt 0-0.25 node-0 first done 200"]

    run(main())


def test_a_hedge_is_a_span_beside_the_attempt_that_it_beat() -> None:
    async def main() -> None:
        kept, first = Kept(), Storage()
        policies = in_turn(hedge={"budget": "50%"})
        async with scene(
            first, Storage(), tiers=[0, 1], policies=policies, connections={"idle": 0}, tracing=tracing_to(kept)
        ) as stage:
            for _ in range(2):
                await read_object(stage, KEY)
            kept.spans.clear()
            first.set_fault(NeverAnswers())
            await read_object(stage, KEY)
            assert [(event.name, seconds(event.timestamp)) for event in kept.spans[0].events] == [
                ("Hedged", 0.25),
                ("HedgeWon", 0.25),
            ]
            assert kept.lines == [
                "GetObject 0-0.25 done 200",
                "  attempt 0-0.25 node-0 first beaten",
                "  attempt 0.25-0.25 node-1 hedge done 200",
            ]

    run(main())


def test_a_resume_in_the_middle_of_a_body_is_a_span_from_its_last_byte_to_the_next() -> None:
    async def main() -> None:
        kept, path = Kept(), "/bucket/300KiB"
        async with scene(
            Storage(EndsAfter(100_000)), Storage(AnswersLate(0.25)), policies=in_turn(), tracing=tracing_to(kept)
        ) as stage:
            assert (await read(stage, get(path))).body == whole(path)
            own, resume = kept.spans[0], kept.spans[-1]
            assert (own.attributes or {})["s3edge.resumes"] == 1
            assert resume.attributes == {"s3edge.resume.offset": 100_000, "s3edge.resume.skipped": 0}
            assert [(event.name, seconds(event.timestamp)) for event in own.events] == [
                ("BodyBroken", 0),
                ("Retried", 0),
                ("BodyResumed", 0.25),
            ]
            assert kept.lines == [
                "GetObject 0-0.25 done 200",
                "  attempt 0-0 node-0 first broke_off 200 !",
                "  attempt 0-0.25 node-1 resume done 206",
                "  relay 0-0.25",
                "  resume 0-0.25",
            ]

    run(main())


def test_the_time_in_which_a_body_stood_still_belongs_to_its_resume() -> None:
    async def main() -> None:
        kept, path = Kept(), "/bucket/300KiB"
        async with scene(
            Storage(StallsAfter(100_000)), Storage(AnswersLate(0.25)), policies=in_turn(), tracing=tracing_to(kept)
        ) as stage:
            assert (await read(stage, get(path))).body == whole(path)
            found = next(seconds(event.timestamp) for event in kept.spans[0].events if event.name == "BodyBroken")
            resume = kept.spans[-1]
            assert stage.told()[-1] == "resumed from node-1:9000 at byte 100000 after 1019 ms"
            assert seconds(resume.end_time) - seconds(resume.start_time) == pytest.approx(1.01875)
            assert kept.lines[:-1] == [
                f"GetObject 0-{found + 0.25:g} done 200",
                f"  attempt 0-{found:g} node-0 first stalled 200 !",
                f"  attempt {found:g}-{found + 0.25:g} node-1 resume done 206",
                f"  relay 0-{found + 0.25:g}",
            ]

    run(main())


@pytest.mark.parametrize(
    "times, lines",
    [
        (0, ["GetObject 0-0 cut 200 !", "  attempt 0-0 node-0 first broke_off 200 !", "  resume 0-0 !"]),
        (
            1,
            [
                "GetObject 0-0.25 cut 200 !",
                "  attempt 0-0.25 node-1 resume error 500 !",
                "  attempt 0-0.25 node-0 first broke_off 200 !",
                "  relay 0-0.25 !",
                "  resume 0-0.25 !",
            ],
        ),
    ],
)
def test_a_body_that_is_cut_fails_its_relay_and_its_resume(times: int, lines: list[str]) -> None:
    async def main() -> None:
        kept = Kept()
        policies = in_turn(resume={"times": times}, failover={"attempts": 1})
        async with scene(
            Storage(EndsAfter(100_000)),
            Storage(AnswersLate(0.25), Fails(500)),
            policies=policies,
            tracing=tracing_to(kept),
        ) as stage:
            assert (await read(stage, get("/bucket/300KiB"))).is_cut
            assert (kept.spans[0].attributes or {})["error.type"] == "cut"
            assert kept.lines == lines

    run(main())


def test_a_client_that_leaves_ends_its_attempt() -> None:
    async def main() -> None:
        kept = Kept()
        async with scene(Storage(NeverAnswers()), policies=in_turn(), tracing=tracing_to(kept)) as stage:
            async with stage.dial() as client:
                await client.send(get(KEY))
                await asyncio.sleep(0.125)
            await turns()
            assert kept.lines == ["GetObject 0-0.125 client_gone", "  attempt 0-0.125 node-0 first client_gone"]

    run(main())


def test_a_node_that_cannot_be_reached_has_a_span_too() -> None:
    async def main() -> None:
        kept = Kept()
        async with scene(Storage(), policies=in_turn(), tracing=tracing_to(kept)) as stage:
            stage.network.refuse(("node-0", 9000))
            assert (await read(stage, get(KEY))).status == 503
            assert kept.lines == ["GetObject 0-0 failed 503 !", "  attempt 0-0 node-0 first unreachable !"]

    run(main())


def test_the_share_changes_while_requests_are_served() -> None:
    async def main() -> None:
        kept = Kept()
        async with scene(Storage(), tracing=tracing_to(kept, share=0.0)) as stage:
            await read_object(stage, KEY)
            assert kept.spans == []
            stage.edge.configure(config_for(("node-0", 9000), tracing={"sample": "100%"}))
            await read_object(stage, KEY)
            assert len(kept.spans) == 2

    run(main())


def test_spans_are_counted_and_sent_away_at_the_end() -> None:
    async def main() -> None:
        kept = Kept()
        async with scene(Storage(), tracing=tracing_to(kept)) as stage:
            await read_object(stage, KEY)
            assert stage.count("spans_total") == {("exported",): 2, ("failed",): 0, ("dropped",): 0}
        assert kept.is_closed

    run(main())


def test_without_a_collector_nothing_is_kept_and_nothing_is_added() -> None:
    async def main() -> None:
        node = Storage(AnswersLate(0.25))
        async with scene(node) as stage:
            await read_object(stage, KEY)
            reading = asyncio.create_task(read_object(stage, KEY, MARKED), name="read")
            await asyncio.sleep(0.125)
            (progress,) = [client.progress for client in stage.edge.listener.clients if client.progress is not None]
            assert progress.trace is None
            assert progress.attempt is not None
            assert progress.attempt.traced is None
            await reading
            assert stage.count("spans_total") == {}
            assert (stage.edge._exchanges.sampler, stage.edge._exchanges.readers) == (None, ())
            assert [request.header(b"traceparent") for request in node.requests] == [None, MARKED.partition(b" ")[2]]

    run(main())
