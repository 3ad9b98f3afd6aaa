"""What happened to a request is told in its answer to who asks, in the words of events and metrics."""

import pytest

from tests.scenarios.reader import get, read, read_object, whole
from tests.scenarios.scene import in_turn, put, scene
from tests.support.faults import AnswersLate, DiesAfter, Fails, Fault, NeverAnswers, Resets
from tests.support.storage import Storage
from tests.support.virtual_time import run

KEY = "/bucket/1000B"
NAME = b"x-s3edge-trace"
ASKED = NAME + b": 1"


@pytest.mark.parametrize(
    "fault, trace",
    [
        ((), "node-0:9000 answered 200 after 0 ms"),
        ((AnswersLate(0.25),), "node-0:9000 answered 200 after 250 ms"),
        (
            (Fails(500),),
            "node-0:9000 error: answered 500; retried at node-1:9000; node-1:9000 answered 200 after 0 ms",
        ),
        (
            (Fails(503, "SlowDown"),),
            "node-0:9000 slow down: answered 503; retried at node-1:9000; node-1:9000 answered 200 after 0 ms",
        ),
        (
            (Resets(),),
            "node-0:9000 closed: closed the connection instead of an answer; retried at node-1:9000; "
            "node-1:9000 answered 200 after 0 ms",
        ),
        (
            (NeverAnswers(),),
            "node-0:9000 timeout: no first byte in 500 ms; retried at node-1:9000; "
            "node-1:9000 answered 200 after 500 ms",
        ),
    ],
)
def test_an_answer_tells_what_was_tried_for_it(fault: tuple[Fault, ...], trace: str) -> None:
    async def main() -> None:
        async with scene(Storage(*fault), Storage(), policies=in_turn()) as stage:
            seen = await read_object(stage, KEY, ASKED)
            assert seen.response.header(NAME) == trace.encode()

    run(main())


def test_a_hedge_is_told() -> None:
    async def main() -> None:
        first = Storage()
        policies = in_turn(hedge={"budget": "50%"})
        async with scene(first, Storage(), tiers=[0, 1], policies=policies, connections={"idle": 0}) as stage:
            for _ in range(2):
                await read_object(stage, KEY)
            first.set_fault(NeverAnswers())
            assert (await read_object(stage, KEY, ASKED)).response.header(NAME) == (
                b"hedged at node-1:9000 after 250 ms; the hedge at node-1:9000 won; "
                b"node-1:9000 answered 200 after 250 ms"
            )

    run(main())


def test_a_node_that_cannot_be_reached_is_told() -> None:
    async def main() -> None:
        async with scene(Storage(), Storage(), policies=in_turn()) as stage:
            stage.network.refuse(("node-0", 9000))
            trace = (await read_object(stage, KEY, ASKED)).response.header(NAME)
            assert trace is not None
            assert trace.startswith(b"node-0:9000 unreachable: Connect call failed")

    run(main())


def test_nobody_who_does_not_ask_is_told() -> None:
    async def main() -> None:
        async with scene(Storage(Fails(500)), Storage(), policies=in_turn()) as stage:
            assert (await read_object(stage, KEY)).response.header(NAME) is None

    run(main())


def test_the_configuration_can_have_all_answers_tell() -> None:
    async def main() -> None:
        async with scene(Storage(), listen={"trace": True}) as stage:
            assert (await read_object(stage, KEY)).response.header(NAME) == b"node-0:9000 answered 200 after 0 ms"
            assert (await read(stage, put(b"abc"))).response.header(NAME) == b"node-0:9000 answered 200 after 0 ms"

    run(main())


def test_an_answer_of_the_edge_tells_too() -> None:
    async def main() -> None:
        async with scene(Storage(Resets()), policies=in_turn()) as stage:
            seen = await read(stage, get(KEY, ASKED))
            assert seen.status == 500
            trace = seen.response.header(NAME)
            assert trace is not None
            assert trace.startswith(b"node-0:9000 closed")

    run(main())


def test_the_request_for_a_trace_goes_on_to_the_node_as_it_came() -> None:
    async def main() -> None:
        node = Storage()
        async with scene(node) as stage:
            await read_object(stage, KEY, ASKED)
            assert node.requests[0].header(NAME) == b"1"

    run(main())


def test_what_the_trace_cannot_tell_any_more_the_events_do() -> None:
    async def main() -> None:
        path = "/bucket/300KiB"
        async with scene(Storage(DiesAfter(1000)), Storage(), policies=in_turn()) as stage:
            seen = await read(stage, get(path, ASKED))
            assert seen.body == whole(path)
            assert seen.response.header(NAME) == b"node-0:9000 answered 200 after 0 ms"
            entries = stage.edge.journal.take()
            assert [entry.event for entry in entries][-2:] == ["Retried", "BodyResumed"]
            for entry in entries:
                assert entry.subject is not None
                assert (entry.subject.operation, entry.subject.bucket, entry.subject.key) == (
                    "GetObject",
                    "bucket",
                    "300KiB",
                )
            assert {entry.at for entry in entries} == {0.001}

    run(main())


def test_a_request_that_simply_works_makes_no_event() -> None:
    async def main() -> None:
        async with scene(Storage(), Storage()) as stage:
            await read_object(stage, KEY)
            assert (await read(stage, put(b"abc"))).status == 200
            assert stage.told() == []

    run(main())


def test_keys_of_any_bytes_do_not_get_into_the_answer() -> None:
    async def main() -> None:
        async with scene(Storage(Fails(500)), Storage(), policies=in_turn()) as stage:
            seen = await read(stage, get("/bucket/%0d%0aX-Evil:%20yes;", ASKED))
            assert seen.response.header(b"x-evil") is None
            trace = seen.response.header(NAME)
            assert trace is not None
            assert b"evil" not in trace.lower()

    run(main())
