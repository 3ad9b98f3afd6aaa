"""Connections that carry more than one request, and those that may not."""

import asyncio

import pytest

from tests.scenarios.scene import FORWARDED, GET, fires, now, put, scene, turns
from tests.support.node import NodeEnd, answers, ok
from tests.support.virtual_time import run

OLD_GET = b"GET /bucket/key HTTP/1.0\r\nHost: s3\r\n\r\n"
OLD_KEPT = b"GET /bucket/key HTTP/1.0\r\nHost: s3\r\nConnection: Keep-Alive\r\n\r\n"


def numbered(*sizes: int) -> list[bytes]:
    """An answer for each size, each with another letter."""
    return [ok(b"%c" % (97 + number) * size) for number, size in enumerate(sizes)]


@pytest.mark.parametrize("piece", [0, 1, 100])
def test_pipelined_requests_are_answered_in_order(piece: int) -> None:
    expected = numbered(1, 0, 70_000, 3)
    requests = GET + put(b"12345") + GET + put(GET)

    async def main() -> None:
        async with scene(answers(*expected)) as stage, stage.dial() as client:
            await client.send(requests, piece)
            assert await client.read_exactly(sum(map(len, expected))) == b"".join(expected)
            assert [request.body for request in stage.node.requests] == [b"", b"12345", b"", GET]
            assert len(stage.node.connections) == 1

    run(main())


def test_requests_behind_a_large_answer_wait_for_their_turn() -> None:
    async def main() -> None:
        expected = numbered(3_000_000, 10, 3_000_000, 1)
        async with scene(answers(*expected)) as stage, stage.dial() as client:
            client.pause()
            await client.send(4 * GET)
            await asyncio.sleep(10)
            assert len(stage.node.requests) == 1, "no node works ahead"
            client.resume()
            assert await client.read_exactly(sum(map(len, expected))) == b"".join(expected)
            assert now() == 10

    run(main())


def test_a_client_that_pipelines_without_end_and_reads_nothing_is_not_listened_to() -> None:
    async def node(end: NodeEnd) -> None:
        while True:
            await end.read_request()
            await end.send(ok(b"x" * 100_000))

    async def main() -> None:
        async with scene(node) as stage, stage.dial() as client:
            client.pause()
            client.transport.write(GET * 100_000)
            await asyncio.sleep(10)
            taken = len(GET) * 100_000 - client.transport.get_write_buffer_size()
            assert taken < 64 * 1024 + 72 * 1024 + 64 * 1024, "the link, what is kept unread and one read"
            assert len(stage.node.requests) < 10

    run(main())


def test_a_large_upload_behind_a_get_is_not_read_before_its_turn() -> None:
    body = b"x" * 1_000_000

    async def main() -> None:
        async with scene(answers(ok(b"one"), ok(b"two"))) as stage, stage.dial() as client:
            await client.send(GET + put(body) + GET.replace(b"GET", b"HEAD"))
            assert (await client.read_response()).body == b"one"
            assert (await client.read_response("PUT")).body == b"two"
            assert stage.node.requests[1].body == body

    run(main())


def test_http_1_0_closes_after_its_answer() -> None:
    async def main() -> None:
        async with scene(answers(ok(b"x"), ok(b"y"))) as stage, stage.dial() as client:
            await client.send(OLD_GET + OLD_GET)
            assert await client.read_to_end() == b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx"
            assert (client.error, now()) == (None, 0)
            assert stage.node.received == OLD_GET[:-2] + FORWARDED
            assert stage.idle == 0, "the node was asked by HTTP/1.0, too, and will close"

    run(main())


def test_http_1_0_stays_when_it_asks_to_and_is_told_so() -> None:
    async def main() -> None:
        async with scene(answers(ok(b"x"))) as stage, stage.dial() as client:
            for _ in range(2):
                await client.send(OLD_KEPT)
                response = await client.read_response()
                assert (response.body, response.header(b"connection")) == (b"x", b"keep-alive")
            assert stage.node.received == 2 * (OLD_GET[:-2] + FORWARDED), "the wish concerns the client's hop only"
            assert (len(stage.node.connections), stage.idle) == (2, 0)

    run(main())


@pytest.mark.parametrize("wish", [b"close", b"Close", b"foo, close", b"close , foo"])
def test_a_client_that_wants_to_close_is_told_so_and_let_go(wish: bytes) -> None:
    async def main() -> None:
        async with scene(answers(ok(b"x"))) as stage, stage.dial() as client:
            await client.send(GET[:-2] + b"Connection: " + wish + b"\r\n\r\n" + GET)
            response = await client.read_response()
            assert (response.body, response.header(b"connection")) == (b"x", b"close")
            assert await client.read_to_end() == b""
            assert (client.error, now()) == (None, 0)
            assert stage.node.received == GET[:-2] + FORWARDED
            assert stage.idle == 1, "the wish concerns the client's hop only"

    run(main())


def test_an_answer_of_http_1_0_leaves_no_connection_to_reuse() -> None:
    async def main() -> None:
        answer = b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx"
        async with scene(answers(answer)) as stage, stage.dial() as client:
            await client.send(GET)
            assert await client.read_to_end() == answer[:-3] + b"Connection: close\r\n\r\nx"
            assert stage.idle == 0

    run(main())


def test_a_silent_client_is_closed_without_a_word() -> None:
    async def main() -> None:
        async with scene(answers(ok())) as stage, stage.dial() as client:
            assert await client.read_to_end() == b""
            assert (client.error, now()) == (None, fires(75))
            assert stage.outcomes == {}

    run(main())


def test_an_idle_client_is_closed_without_a_word_and_each_request_starts_its_time_anew() -> None:
    async def main() -> None:
        async with (
            scene(answers(ok(b"1"), ok(b"2")), listen={"idle_timeout": "20s"}) as stage,
            stage.dial() as client,
        ):
            for _ in range(2):
                await asyncio.sleep(15)
                await client.send(GET)
                await client.read_response()
            assert await client.read_to_end() == b""
            assert (client.error, now()) == (None, fires(30 + 20))

    run(main())


def test_a_spare_connection_to_a_node_is_closed_after_its_time() -> None:
    async def main() -> None:
        async with scene(answers(ok()), connections={"idle_timeout": "20s"}) as stage:
            await stage.ask()
            assert stage.idle == 1
            await stage.node.connections[0].read_to_end()
            assert (now(), stage.idle, stage.node.connections[0].error) == (fires(20), 0, None)

    run(main())


def test_no_more_spare_connections_are_kept_than_allowed() -> None:
    async def node(end: NodeEnd) -> None:
        await end.read_request()
        await asyncio.sleep(1)
        await end.send(ok())

    async def main() -> None:
        async with scene(node, connections={"idle": 2}) as stage:
            await asyncio.gather(*(stage.ask() for _ in range(5)))
            await turns()
            assert (len(stage.node.connections), stage.idle) == (5, 2)
            assert sum(not end.has_ended for end in stage.node.connections) == 2

    run(main())
