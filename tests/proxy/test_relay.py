"""What is decided when an answer is passed on: which connections go on, what the trace tells, and why a body is cut.

How bodies go on from another node is told in tests/scenarios.
"""

import asyncio

import pytest

from s3edge.events import BodyCut
from s3edge.resilience.resume import SIGNATURE_LIFE
from tests.scenarios.scene import GET, Scene, in_turn, now, put_head, scene
from tests.support.client import TruncatedError
from tests.support.node import Node, NodeEnd, Script, answers, ok
from tests.support.virtual_time import run

BODY = b"0123456789abcdefghij"
WHOLE = b'HTTP/1.1 200 OK\r\nContent-Length: 20\r\nETag: "e"\r\n\r\n'
CHUNKED = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nETag: "e"\r\n\r\n'
SIGNED = (
    GET[:-2]
    + b"Authorization: AWS4-HMAC-SHA256 Credential=AK/d/r/s3/aws4_request, SignedHeaders=host, Signature=0\r\n\r\n"
)


def breaks_off(part: bytes, pause: float = 0.125) -> Script:
    """Sends a part of an answer, and hangs up once that has arrived."""

    async def play(end: NodeEnd) -> None:
        await end.read_request()
        await end.send(part)
        await asyncio.sleep(pause)
        end.abort()

    return play


def rest_from(first: int, size: int | None = None) -> bytes:
    """The head of the answer to a range, and its body or the beginning of that."""
    head = b'HTTP/1.1 206 Partial Content\r\nContent-Length: %d\r\nContent-Range: bytes %d-19/20\r\nETag: "e"\r\n\r\n'
    return head % (20 - first, first) + BODY[first:][:size]


async def cut_by(stage: Scene, request: bytes = GET) -> tuple[bytes, str]:
    """The part of a body that came to the client before it was cut, and the reason."""
    async with stage.dial() as client:
        await client.send(request)
        with pytest.raises(TruncatedError) as caught:
            await client.read_response()
    [entry] = [entry for entry in stage.edge.journal.take() if entry.event == BodyCut.__name__]
    return caught.value.response.body, entry.text


# Which connections go on.


@pytest.mark.parametrize(
    "request_bytes, answer, client_stays, node_stays",
    [
        (GET, ok(b"x"), True, True),
        (GET[:-2] + b"Connection: close\r\n\r\n", ok(b"x"), False, True),
        (GET, ok(b"x", b"Connection: close"), True, False),
        (GET, b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", False, False),
        (b"GET /bucket/key HTTP/1.0\r\n\r\n", ok(b"x"), False, False),
        (b"GET /bucket/key HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", ok(b"x"), True, False),
        (put_head(5), ok(), False, False),
    ],
    ids=["both", "client closes", "node closes", "old node", "old client", "old client stays", "unfinished upload"],
)
def test_each_connection_goes_on_if_its_own_side_lets_it(
    request_bytes: bytes, answer: bytes, client_stays: bool, node_stays: bool
) -> None:
    async def node(end: NodeEnd) -> None:
        await end.read_head()
        await end.send(answer)
        await end.lost()

    async def main() -> None:
        async with scene(node) as stage, stage.dial() as client:
            await client.send(request_bytes)
            assert (await client.read_response()).status == 200
            await asyncio.sleep(1)
            assert (not client.has_ended, stage.idle == 1) == (client_stays, node_stays)

    run(main())


def test_the_node_that_ended_a_body_is_kept_and_the_one_that_broke_it_is_not() -> None:
    async def main() -> None:
        async with scene(breaks_off(WHOLE + BODY[:4]), answers(rest_from(4)), policies=in_turn()) as stage:
            assert await stage.ask() == (200, BODY)
            idle = {name: standing.pool.idle for name, standing in stage.edge.standings.items()}
            assert idle == {"node-0:9000": 0, "node-1:9000": 1}
            assert stage.attempts == {("0", "broke_off"): 1, ("1", "done"): 1}

    run(main())


def test_body_bytes_are_counted_once_over_all_nodes() -> None:
    async def main() -> None:
        scripts = breaks_off(WHOLE + BODY[:4]), breaks_off(rest_from(4, 3)), answers(rest_from(7))
        async with scene(*scripts, policies=in_turn()) as stage:
            assert await stage.ask() == (200, BODY)
            assert stage.count("sent_bytes_total") == {("GetObject",): 20}
            assert stage.outcomes == {("GetObject", "200", "done"): 1}

    run(main())


# Why a body is cut.


def test_a_body_is_resumed_as_often_as_the_policy_says() -> None:
    async def main() -> None:
        scripts = [
            breaks_off(WHOLE + BODY[:2]),
            breaks_off(rest_from(2, 2)),
            breaks_off(rest_from(4, 2)),
            answers(ok()),
        ]
        async with scene(*scripts, policies=in_turn(resume={"times": 2})) as stage:
            assert await cut_by(stage) == (BODY[:6], "cut after 6 bytes: the policy allows no more resumes")
            assert stage.nodes[3].connections == []

    run(main())


def test_without_resume_a_body_that_breaks_is_cut_at_once() -> None:
    async def main() -> None:
        async with scene(breaks_off(WHOLE + b"0"), answers(rest_from(1)), policies=in_turn(resume=False)) as stage:
            assert await cut_by(stage) == (b"0", "cut after 1 bytes: the policy allows no more resumes")
            assert (now(), stage.nodes[1].connections) == (0.125, [])

    run(main())


@pytest.mark.parametrize("request_bytes, is_resumed", [(GET, True), (SIGNED, False)], ids=["anonymous", "signed"])
def test_a_signature_that_nodes_do_not_accept_any_more_is_not_tried(request_bytes: bytes, is_resumed: bool) -> None:
    async def slowly(end: NodeEnd) -> None:
        await end.read_request()
        await end.send(WHOLE)
        await end.send(BODY[:19], piece=1, pause=SIGNATURE_LIFE / 19)
        end.abort()

    async def main() -> None:
        policies = in_turn(resume={"stall": "60s"}, failover={"patience": "60s"})
        async with scene(slowly, answers(rest_from(19)), policies=policies) as stage:
            if is_resumed:
                assert await stage.ask(request_bytes) == (200, BODY)
            else:
                text = "cut after 19 bytes: the client's signature has expired"
                assert await cut_by(stage, request_bytes) == (BODY[:19], text)

    run(main())


@pytest.mark.parametrize("part", [b"a", b"a\r\n0123456789\r\n", b"a\r\n0123456789\r\n0\r\nx: "])
def test_a_chunked_body_that_breaks_where_its_rest_is_not_known_is_cut(part: bytes) -> None:
    async def main() -> None:
        async with scene(breaks_off(CHUNKED + part), answers(ok()), policies=in_turn()) as stage:
            _, text = await cut_by(stage)
            assert text.startswith("cut after ")
            assert stage.outcomes == {("GetObject", "200", "cut"): 1}

    run(main())


def test_a_body_whose_coding_is_broken_is_cut_and_no_other_node_is_asked() -> None:
    async def main() -> None:
        async with scene(answers(CHUNKED + b"zz\r\n"), answers(ok()), policies=in_turn()) as stage:
            _, text = await cut_by(stage)
            assert "its coding is broken" in text
            assert stage.nodes[1].connections == []

    run(main())


# The trace.

TRACED = GET[:-2] + b"x-s3edge-trace: 1\r\n\r\n"


async def trace_of(stage: Scene, request: bytes) -> bytes | None:
    async with stage.dial() as client:
        await client.send(request)
        return (await client.read_response()).header(b"x-s3edge-trace")


@pytest.mark.parametrize("request_bytes, traces_all", [(TRACED, False), (GET, True), (TRACED, True)])
def test_an_answer_tells_its_story_where_one_is_asked_for(request_bytes: bytes, traces_all: bool) -> None:
    async def late(end: NodeEnd) -> None:
        await end.read_request()
        await asyncio.sleep(0.125)
        await end.send(ok(b"x"))

    async def main() -> None:
        failing = Node(answers(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"))
        async with scene(failing, late, policies=in_turn(), listen={"trace": traces_all}) as stage:
            trace = await trace_of(stage, request_bytes)
            assert trace is not None
            for part in (b"node-0:9000 error: answered 500", b"retried at node-1:9000"):
                assert part in trace
            assert trace.endswith(b"node-1:9000 answered 200 after 125 ms")

    run(main())


def test_nobody_who_does_not_ask_gets_a_trace() -> None:
    async def main() -> None:
        async with scene(answers(ok())) as stage:
            assert await trace_of(stage, GET) is None

    run(main())
