"""Bodies of requests reach the node as the client sent them, and what goes wrong on the way is never hidden."""

import asyncio

import pytest

from s3edge.config.resilience import BUFFER
from s3edge.transport.transfer import LOOKS
from s3edge.transport.wheel import TICK
from tests.scenarios.scene import FORWARDED, GET, fires, look, now, put, put_head, scene, turns
from tests.support.node import NodeEnd, answers, ok
from tests.support.virtual_time import run

CHUNKED = b"PUT /bucket/key HTTP/1.1\r\nHost: s3\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNKS = (
    b"6;chunk-signature=0123abcd\r\nabc\r\nd\r\n"
    b'000A;a;b="c;d"\r\n0123456789\r\n'
    b"0;chunk-signature=ef\r\nx-amz-checksum-crc32c:AAAAAA==\r\nx-amz-trailer-signature: 00\r\n\r\n"
)
FORBIDDEN = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 7\r\n\r\n<Error>"


@pytest.mark.parametrize("size", [1, 4096, 64 * 1024, 200_000, 5_000_000])
def test_a_body_of_any_size_arrives_whole_and_the_connections_go_on(size: int) -> None:
    body = bytes(range(250)) * (size // 250) + b"x" * (size % 250)

    async def main() -> None:
        async with scene(answers(ok(), ok())) as stage, stage.dial() as client:
            for _ in range(2):
                await client.send(put(body))
                assert (await client.read_response("PUT")).raw == ok()
            assert [request.body for request in stage.node.requests] == [body, body]
            assert (len(stage.node.connections), stage.idle) == (1, 1)
            assert stage.outcomes == {("PutObject", "200", "done"): 2}
            assert stage.count("received_bytes_total") == {("PutObject",): 2 * size}

    run(main())


@pytest.mark.parametrize("piece", [0, 1, 7])
def test_a_chunked_body_passes_byte_for_byte(piece: int) -> None:
    async def main() -> None:
        async with scene(answers(ok(), ok(b"next"))) as stage, stage.dial() as client:
            await client.send(CHUNKED + CHUNKS + GET, piece)
            assert (await client.read_response("PUT")).status == 200
            assert (await client.read_response()).body == b"next"
            assert stage.node.received == CHUNKED[:-2] + FORWARDED + CHUNKS + GET[:-2] + FORWARDED
            assert stage.node.requests[0].body == b"abc\r\nd0123456789"

    run(main())


@pytest.mark.parametrize(
    "chunks",
    [
        b"zz\r\n",
        b"-1\r\n",
        b"0x5\r\n",
        b"FFFFFFFFFFFFFFFF\r\n",
        b"10000000000000005\r\nabcde\r\n",
        b"5 5\r\nabcde\r\n",
        b"\r\n",
        b"5\nabcde\r\n",
        b"5;a\rb\r\nabcde\r\n",
        b"3\r\nabcde\r\n",
        b"5;" + b"x" * 5000 + b"\r\nabcde\r\n",
        b"0\r\n" + b"A: b\r\n" * 5000 + b"\r\n",
        b"0\r\nno field\r\n\r\n",
        b"0\r\nA : b\r\n\r\n",
        b"0\r\nA: b\r\n folded\r\n\r\n",
        b"0\r\nA: \x01\r\n\r\n",
    ],
)
@pytest.mark.parametrize("with_head", [True, False])
def test_a_badly_chunked_body_is_refused_and_its_node_never_sees_an_end(chunks: bytes, with_head: bool) -> None:
    async def node(end: NodeEnd) -> None:
        await end.read_head()
        await end.read_to_end()

    async def main() -> None:
        async with scene(node) as stage, stage.dial() as client:
            await client.send(CHUNKED + chunks if with_head else CHUNKED)
            if not with_head:
                await turns()
                await client.send(chunks)
            response = await client.read_response("PUT")
            assert (response.status, response.header(b"connection")) == (400, b"close")
            assert b"<Code>InvalidRequest</Code>" in response.body
            assert await client.read_to_end() == b""
            assert all(end.error is not None for end in stage.node.connections), "reset, not ended"
            assert stage.idle == 0
            if with_head:
                assert stage.node.received == b""
            assert stage.outcomes == {("PutObject", "400", "refused"): 1}

    run(main())


def test_an_answer_in_mid_upload_is_passed_on_at_once_and_closes_both_connections() -> None:
    async def node(end: NodeEnd) -> None:
        await end.read_head()
        await end.read_body(at_least=1000)
        await end.send(FORBIDDEN)
        await end.lost()

    async def main() -> None:
        async with scene(node) as stage, stage.dial() as client:
            await client.send(put_head(5000) + b"x" * 1000)
            response = await client.read_response("PUT")
            assert (response.status, response.header(b"connection")) == (403, b"close")
            await client.send(b"x" * 4000 + GET)
            assert await client.read_to_end() == b""
            assert (len(stage.node.connections), stage.idle) == (1, 0)
            assert b"GET" not in stage.node.received
            assert stage.outcomes == {("PutObject", "403", "done"): 1}

    run(main())


def test_an_answer_in_mid_upload_reaches_a_client_that_reads_only_after_it_has_sent_all() -> None:
    async def node(end: NodeEnd) -> None:
        await end.read_head()
        end.pause()
        await end.send(FORBIDDEN)
        await end.lost()

    async def main() -> None:
        async with scene(node) as stage, stage.dial() as client:
            await client.send(put(b"x" * 5_000_000))
            assert (await client.read_response("PUT")).status == 403
            assert now() == 0
            assert stage.idle == 0

    run(main())


def test_an_answer_that_comes_with_the_end_of_the_upload_keeps_the_connections() -> None:
    async def node(end: NodeEnd) -> None:
        await end.read_head()
        await end.read_body(at_least=5)
        await end.send(FORBIDDEN)
        await answers(ok(b"next"))(end)

    async def main() -> None:
        async with scene(node) as stage, stage.dial() as client:
            await client.send(put(b"12345"))
            response = await client.read_response("PUT")
            assert (response.status, response.header(b"connection")) == (403, None)
            await client.send(GET)
            assert (await client.read_response()).body == b"next"

    run(main())


def test_a_node_that_dies_in_mid_upload_is_told_to_the_client_and_no_other_node_is_asked() -> None:
    async def node(end: NodeEnd) -> None:
        await end.read_head()
        await end.read_body(at_least=1000)
        end.abort()

    async def main() -> None:
        async with scene(node, node) as stage, stage.dial() as client:
            await client.send(put_head(BUFFER + 1) + b"x" * 1000)
            response = await client.read_response("PUT")
            assert (response.status, response.header(b"connection")) == (500, b"close")
            assert sum(len(node.connections) for node in stage.nodes) == 1
            assert stage.outcomes == {("PutObject", "500", "failed"): 1}

    run(main())


def test_an_upload_that_stands_still_is_given_up_after_a_minute() -> None:
    async def main() -> None:
        async with scene(answers(ok())) as stage, stage.dial() as client:
            await client.send(put_head(5000) + b"x" * 1000)
            await asyncio.sleep(40)
            await client.send(b"x" * 1000)
            response = await client.read_response("PUT")
            # The third look finds the second part.
            assert (response.status, now()) == (400, look(3 + LOOKS, 60, tick=TICK))
            assert b"<Code>RequestTimeout</Code>" in response.body
            assert stage.idle == 0

    run(main())


def test_an_upload_may_take_hours_as_long_as_it_moves() -> None:
    async def main() -> None:
        async with scene(answers(ok())) as stage, stage.dial() as client:
            await client.send(put_head(200))
            await client.send(b"x" * 200, piece=2, pause=50)
            assert (await client.read_response("PUT")).status == 200
            assert now() > 4900
            assert stage.node.requests[0].body == b"x" * 200

    run(main())


def test_a_node_has_its_time_to_answer_after_the_last_byte_of_the_body() -> None:
    async def node(end: NodeEnd) -> None:
        await end.read_request()
        await end.lost()

    async def main() -> None:
        async with (
            scene(node, connections={"answer_timeout": "5s"}) as stage,
            stage.dial() as client,
        ):
            await client.send(put_head(200))
            await client.send(b"x" * 200, piece=20, pause=1)
            assert (await client.read_response("PUT")).status == 500
            assert now() == fires(9 + 5)

    run(main())
