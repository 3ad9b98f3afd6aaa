"""Answers of every shape reach the client as the node sent them."""

import asyncio

import pytest

from tests.scenarios.scene import GET, now, scene
from tests.support.memory import Link
from tests.support.node import NodeEnd, answers, ok
from tests.support.virtual_time import run

HEAD = GET.replace(b"GET", b"HEAD")
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNKS = b'4;ext="a;b"\r\nwiki\r\n05;x=y\r\npedia\r\n0;last\r\nx-amz-checksum-crc32: AAAAAA==\r\nX-B: c\r\n\r\n'


@pytest.mark.parametrize("size", [0, 1, 4096, 64 * 1024, 200_000, 5_000_000])
def test_an_object_of_any_size_arrives_whole_and_the_connection_goes_on(size: int) -> None:
    body = bytes(range(250)) * (size // 250) + b"x" * (size % 250)
    answer = ok(body, b'ETag: "1"', b"x-amz-request-id: 7", b"Last-Modified: yesterday")

    async def main() -> None:
        async with scene(answers(answer, answer)) as stage, stage.dial() as client:
            for _ in range(2):
                await client.send(GET)
                assert (await client.read_response()).raw == answer
            assert (len(stage.node.connections), stage.idle) == (1, 1)
            assert stage.outcomes == {("GetObject", "200", "done"): 2}

    run(main())


def test_a_round_trip_takes_the_time_of_its_two_hops() -> None:
    async def main() -> None:
        async with scene(answers(ok(b"x"), ok(b"y")), link=Link(latency=0.01)) as stage, stage.dial() as client:
            assert now() == 0.02
            await client.send(GET)
            await client.read_response()
            assert now() == 0.08, "one connect and two round trips"
            await client.send(GET)
            await client.read_response()
            assert now() == 0.12, "two round trips on kept connections"

    run(main())


@pytest.mark.parametrize(
    "request_head, answer",
    [
        (HEAD, b"HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\nETag: x\r\n\r\n"),
        (HEAD, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        (HEAD, b"HTTP/1.1 404 Not Found\r\n\r\n"),
        (GET.replace(b"GET", b"DELETE"), b"HTTP/1.1 204 No Content\r\nx-amz-version-id: 3\r\n\r\n"),
        (GET, b"HTTP/1.1 304 Not Modified\r\nETag: x\r\nContent-Length: 100\r\n\r\n"),
        (GET, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
        (GET, b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 2-4/9\r\nContent-Length: 3\r\n\r\nabc"),
        (GET, b"HTTP/1.1 403 Forbidden\r\nContent-Length: 7\r\n\r\n<Error>"),
        (GET, b"HTTP/1.1 503 Slow Down\r\nContent-Length: 7\r\nRetry-After: 3\r\n\r\n<Error>"),
        (GET, CHUNKED + CHUNKS),
        (GET, CHUNKED + b"0\r\n\r\n"),
    ],
)
@pytest.mark.parametrize("piece", [0, 1, 7])
def test_an_answer_passes_byte_for_byte_and_neither_connection_is_spoilt(
    request_head: bytes, answer: bytes, piece: int
) -> None:
    async def node(end: NodeEnd) -> None:
        for _ in range(2):
            await end.read_request()
            await end.send(answer, piece)
        await answers(ok(b"after"))(end)

    async def main() -> None:
        async with scene(node) as stage, stage.dial() as client:
            for _ in range(2):
                await client.send(request_head)
                assert await client.read_exactly(len(answer)) == answer
            await client.send(GET)
            assert (await client.read_response()).body == b"after"
            assert len(stage.node.connections) == 1

    run(main())


def test_an_interim_answer_is_passed_on_at_once() -> None:
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"

    async def node(end: NodeEnd) -> None:
        await end.read_request()
        await end.send(hints)
        await asyncio.sleep(3)
        await end.send(hints + ok(b"body"))

    async def main() -> None:
        async with scene(node) as stage, stage.dial() as client:
            await client.send(GET)
            assert await client.read_exactly(len(hints)) == hints
            assert now() == 0
            assert (await client.read_response()).raw == hints + ok(b"body")
            assert now() == 3

    run(main())


def test_a_client_of_http_1_0_is_spared_interim_answers() -> None:
    async def main() -> None:
        hints = b"HTTP/1.1 103 Early Hints\r\n\r\n"
        async with scene(answers(hints + ok(b"body"))) as stage, stage.dial() as client:
            await client.send(b"GET /b/k HTTP/1.0\r\n\r\n")
            answer = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody"
            assert await client.read_to_end() == answer
            assert client.error is None

    run(main())


@pytest.mark.parametrize("size", [0, 10, 1_000_000])
def test_a_body_without_length_ends_where_its_connection_ends(size: int) -> None:
    async def node(end: NodeEnd) -> None:
        await end.read_request()
        await end.send(b"HTTP/1.1 200 OK\r\nETag: x\r\n\r\n")
        await asyncio.sleep(1)
        await end.send(b"x" * size)
        await end.close()

    async def main() -> None:
        async with scene(node) as stage, stage.dial() as client:
            await client.send(GET)
            head = b"HTTP/1.1 200 OK\r\nETag: x\r\nConnection: close\r\n\r\n"
            assert await client.read_to_end() == head + b"x" * size
            assert client.error is None, "an orderly end"
            assert stage.idle == 0
            assert stage.outcomes == {("GetObject", "200", "done"): 1}

    run(main())


@pytest.mark.parametrize("size", [10, 300_000, 600_000])
def test_a_body_that_ends_with_the_connection_reaches_a_slow_reader_whole(size: int) -> None:
    async def node(end: NodeEnd) -> None:
        await end.read_request()
        await end.send(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * size)
        await end.close()

    async def main() -> None:
        async with scene(node) as stage, stage.dial() as client:
            client.pause()
            await client.send(GET)
            await asyncio.sleep(20)
            client.resume()
            assert (await client.read_response()).body == b"x" * size
            await client.read_to_end()
            assert client.error is None

    run(main())


def test_an_answer_that_closes_leaves_neither_connection_open() -> None:
    answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx"

    async def node(end: NodeEnd) -> None:
        await end.read_request()
        await end.send(answer)

    async def main() -> None:
        async with scene(node) as stage, stage.dial() as client:
            for _ in range(2):
                await client.send(GET)
                assert (await client.read_response()).raw == b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"
            assert (len(stage.node.connections), stage.idle) == (2, 0), "the node's wish concerns its own hop only"

    run(main())
