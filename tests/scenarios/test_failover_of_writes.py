"""Writes whose node fails: sent again only where a second sending does no harm, and the whole body is still there.

`node-0` misbehaves, and is asked first.
"""

import pytest

from tests.scenarios.reader import read
from tests.scenarios.scene import fires, in_turn, now, put, put_head, scene
from tests.support.faults import AnswersEarly, AnswersLate, DiesReceiving, Fails, Fault, NeverAnswers, Resets
from tests.support.storage import Storage
from tests.support.virtual_time import run

NODE_0 = ("node-0", 9000)
KIB = 1024
COPY = b"PUT /bucket/key HTTP/1.1\r\nHost: s3\r\nx-amz-copy-source: /a/b\r\nContent-Length: 0\r\n\r\n"
ONCE = {
    "conditional PUT": put(b"abc", b"If-None-Match: *"),
    "POST": b"POST /bucket?delete HTTP/1.1\r\nHost: s3\r\nContent-Length: 3\r\n\r\nabc",
    "CompleteMultipartUpload": b"POST /bucket/key?uploadId=7 HTTP/1.1\r\nHost: s3\r\nContent-Length: 3\r\n\r\nabc",
    "CreateMultipartUpload": b"POST /bucket/key?uploads HTTP/1.1\r\nHost: s3\r\nContent-Length: 0\r\n\r\n",
}


@pytest.mark.parametrize("fault", [DiesReceiving(1000), Resets(), Fails(500), Fails(503, "SlowDown")], ids=repr)
@pytest.mark.parametrize("part", ["", "?partNumber=2&uploadId=7"])
def test_a_small_body_is_kept_and_sent_to_another_node(fault: Fault, part: str) -> None:
    async def main() -> None:
        first, second = Storage(fault), Storage()
        async with scene(first, second, policies=in_turn()) as stage:
            body = bytes(range(256)) * 400
            seen = await read(stage, put(body).replace(b"/bucket/key", b"/bucket/key" + part.encode()))
            assert (seen.status, seen.took) == (200, 0)
            [upload] = second.uploads
            assert upload.body == body
            assert not first.uploads
            assert stage.count("replay_bytes") == {(): 0}

    run(main())


def test_a_body_in_chunks_is_kept_and_sent_with_its_chunks() -> None:
    async def main() -> None:
        first, second = Storage(DiesReceiving(4)), Storage()
        async with scene(first, second, policies=in_turn()) as stage, stage.dial() as client:
            head = b"PUT /bucket/key HTTP/1.1\r\nHost: s3\r\nTransfer-Encoding: chunked\r\n\r\n"
            await client.send(head + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", piece=1, pause=0.01)
            assert (await client.read_response("PUT")).status == 200
            assert [upload.body for upload in second.uploads] == [b"abcde"]

    run(main())


def test_a_body_that_is_still_coming_when_its_node_dies_goes_on_to_another() -> None:
    async def main() -> None:
        first, second = Storage(DiesReceiving(300)), Storage()
        async with scene(first, second, policies=in_turn()) as stage, stage.dial() as client:
            await client.send(put_head(1000))
            await client.send(bytes(1000), piece=100, pause=1)
            assert (await client.read_response("PUT")).status == 200
            assert [request.at for request in (*first.requests, *second.requests)] == [0, 2]
            assert [upload.body for upload in second.uploads] == [bytes(1000)]

    run(main())


@pytest.mark.parametrize("size, status", [(64 * KIB, 200), (64 * KIB + 1, 500)])
def test_a_body_above_the_buffer_is_not_kept(size: int, status: int) -> None:
    async def main() -> None:
        first, second = Storage(DiesReceiving(size // 2)), Storage()
        async with scene(first, second, policies=in_turn(failover={"buffer": "64KiB"})) as stage:
            assert (await read(stage, put(bytes(size)))).status == status
            assert second.attempts == (status == 200)

    run(main())


@pytest.mark.parametrize("request_bytes", ONCE.values(), ids=ONCE.keys())
@pytest.mark.parametrize("fault", [Resets(), Fails(500), NeverAnswers()], ids=repr)
def test_what_must_not_be_sent_twice_is_sent_once(request_bytes: bytes, fault: Fault) -> None:
    async def main() -> None:
        first, second = Storage(fault), Storage()
        limits = {"answer_timeout": "10s"}
        async with scene(first, second, policies=in_turn(), connections=limits) as stage:
            seen = await read(stage, request_bytes)
            assert seen.status == {Resets(): 500, Fails(500): 500, NeverAnswers(): 500}[fault]
            assert (first.attempts, second.attempts) == (1, 0)

    run(main())


@pytest.mark.parametrize("request_bytes", ONCE.values(), ids=ONCE.keys())
def test_what_must_not_be_sent_twice_still_goes_where_a_node_can_be_reached(request_bytes: bytes) -> None:
    async def main() -> None:
        async with scene(Storage(), Storage(), policies=in_turn()) as stage:
            stage.network.refuse(NODE_0)
            assert (await read(stage, request_bytes)).status == 200

    run(main())


@pytest.mark.parametrize(
    "fault", [Fails(500), AnswersEarly(503, "ServiceUnavailable", closes=True), Resets()], ids=repr
)
@pytest.mark.parametrize("size", [3, 4 * 1024 * KIB])
def test_a_refusal_before_the_100_costs_nothing_but_the_question(fault: Fault, size: int) -> None:
    async def main() -> None:
        first, second = Storage(fault), Storage()
        async with scene(first, second, policies=in_turn()) as stage, stage.dial() as client:
            await client.send(put_head(size, b"Expect: 100-continue"))
            await client.read_until(b"100 Continue\r\n\r\n")
            assert (first.requests[0].body_size, now()) == (0, 0)
            await client.send(bytes(size))
            response = await client.read_response("PUT")
            assert (response.status, response.interim) == (200, [])
            assert [upload.body_size for upload in second.uploads] == [size]

    run(main())


def test_a_conditional_write_that_is_refused_before_its_body_is_not_sent_again() -> None:
    """The node may have looked at the condition; only a body that no node needs makes that harmless."""

    async def main() -> None:
        first, second = Storage(Fails(500)), Storage()
        async with scene(first, second, policies=in_turn()) as stage, stage.dial() as client:
            await client.send(put_head(3, b"Expect: 100-continue", b"If-None-Match: *"))
            assert (await client.read_response("PUT")).status == 500
            assert second.attempts == 0

    run(main())


@pytest.mark.parametrize("fault, took, others", [(AnswersLate(29), 29, 0), (NeverAnswers(), fires(30), 1)], ids=repr)
def test_a_small_write_is_given_half_of_the_deadline_at_a_node_and_then_goes_to_another(
    fault: Fault, took: float, others: int
) -> None:
    async def main() -> None:
        second = Storage()
        async with scene(Storage(fault), second, policies=in_turn()) as stage:
            seen = await read(stage, put(b"abc"))
            assert (seen.status, seen.took, second.attempts) == (200, took, others)

    run(main())


@pytest.mark.parametrize("request_bytes", [put(bytes(2000)), put(b"abc", b"If-None-Match: *"), COPY, ONCE["POST"]])
def test_a_write_that_is_not_sent_again_or_may_take_long_is_given_its_whole_answer_time(request_bytes: bytes) -> None:
    async def main() -> None:
        first, second = Storage(AnswersLate(59)), Storage()
        async with scene(first, second, policies=in_turn(failover={"buffer": 1000})) as stage:
            seen = await read(stage, request_bytes)
            assert (seen.status, seen.took, second.attempts) == (200, 59, 0)

    run(main())
