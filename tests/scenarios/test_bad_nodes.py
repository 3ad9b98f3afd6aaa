"""Nodes that break the rules: 500 and a discarded connection, or a cut that no client can take for an end."""

import asyncio

import pytest

from tests.scenarios.scene import GET, fires, now, scene, turns
from tests.support.client import TruncatedError
from tests.support.node import NodeEnd, answers, ok
from tests.support.virtual_time import run

CHUNKED = b"Transfer-Encoding: chunked\r\n"
NO_ANSWERS = {
    "garbage": b"\x16\x03\x01\x02\x00 whatever this is\r\n\r\n",
    "HTTP/2": b"HTTP/2 200\r\n\r\n",
    "HTTP/0.9": b"<html></html>\r\n\r\n",
    "no status": b"HTTP/1.1 OK\r\n\r\n",
    "status 99": b"HTTP/1.1 099 Odd\r\n\r\n",
    "status 600": b"HTTP/1.1 600 Odd\r\n\r\n",
    "status 2000": b"HTTP/1.1 2000 Odd\r\nContent-Length: 0\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxy",
    "the same length twice": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
    "a list of lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\nx",
    "a negative length": b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    "an enormous length": b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
    "length and chunked": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n" + CHUNKED + b"\r\n1\r\nx\r\n0\r\n\r\n",
    "chunked and length": b"HTTP/1.1 200 OK\r\n" + CHUNKED + b"Content-Length: 1\r\n\r\n1\r\nx\r\n0\r\n\r\n",
    "gzip coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunked in HTTP/1.0": b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a folded field": b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 0\r\n\r\n",
    "a blank before the colon": b"HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n",
    "a bare LF": b"HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n",
    "a bare CR": b"HTTP/1.1 200 OK\r\nA: b\rc\r\nContent-Length: 0\r\n\r\n",
    "NUL": b"HTTP/1.1 200 OK\r\nA: b\0c\r\nContent-Length: 0\r\n\r\n",
    "a switch of protocols": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
    "101 without an upgrade": b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
}


@pytest.mark.parametrize("answer", NO_ANSWERS.values(), ids=NO_ANSWERS.keys())
@pytest.mark.parametrize("piece", [0, 1])
def test_what_is_no_answer_becomes_500_and_its_connection_is_discarded(answer: bytes, piece: int) -> None:
    async def node(end: NodeEnd) -> None:
        await end.read_request()
        await end.send(answer, piece)
        await end.lost()

    async def main() -> None:
        async with scene(node) as stage, stage.dial() as client:
            for count in (1, 2):
                await client.send(GET)
                response = await client.read_response()
                assert (response.status, response.header(b"connection"), now()) == (500, None, 0)
                assert b"<Code>BadGateway</Code>" in response.body
                assert (len(stage.node.connections), stage.idle) == (count, 0)
            assert stage.outcomes == {("GetObject", "500", "failed"): 2}
            assert stage.count("attempts_total") == {("node-0:9000", "garbage"): 2}

    run(main())


def test_a_head_without_end_becomes_500_before_it_fills_the_memory() -> None:
    async def node(end: NodeEnd) -> None:
        await end.read_request()
        end.transport.write(b"HTTP/1.1 200 OK\r\n" + b"X-Filler: abcdefghijklmnopq\r\n" * 1_000_000)
        await end.lost()

    async def main() -> None:
        async with scene(node) as stage:
            status, body = await stage.ask()
            assert (status, now()) == (500, 0)
            assert b"head does not end" in body
            assert stage.node.connections[0].is_lost

    run(main())


def test_a_head_that_trickles_costs_the_time_of_an_answer() -> None:
    async def node(end: NodeEnd) -> None:
        await end.read_request()
        await end.send(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000, piece=1, pause=1)

    async def main() -> None:
        async with scene(node, connections={"answer_timeout": "5s"}) as stage:
            status, _ = await stage.ask()
            assert (status, now()) == (500, fires(5))

    run(main())


def test_interim_answers_without_end_cost_the_time_of_an_answer() -> None:
    async def node(end: NodeEnd) -> None:
        await end.read_request()
        while not end.is_lost:
            await end.send(b"HTTP/1.1 102 Processing\r\n\r\n")
            await asyncio.sleep(1)

    async def main() -> None:
        async with scene(node, connections={"answer_timeout": "5s"}) as stage:
            status, _ = await stage.ask()
            assert (status, now()) == (500, fires(5))

    run(main())


@pytest.mark.parametrize("by_reset", [False, True])
@pytest.mark.parametrize("part", [b"", b"H", b"HTTP/1.1 200 OK\r\nContent-Le"])
def test_a_connection_that_ends_before_its_answer_becomes_500(part: bytes, by_reset: bool) -> None:
    async def node(end: NodeEnd) -> None:
        await end.read_request()
        await end.send(part)
        await asyncio.sleep(1)
        end.abort() if by_reset else end.transport.close()

    async def main() -> None:
        async with scene(node) as stage:
            status, body = await stage.ask()
            assert (status, now()) == (500, 1)
            assert b"<Code>BadGateway</Code>" in body

    run(main())


def test_a_chunked_answer_to_http_1_0_becomes_500() -> None:
    async def main() -> None:
        chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"
        async with scene(answers(chunked)) as stage, stage.dial() as client:
            await client.send(b"GET /bucket/key HTTP/1.0\r\n\r\n")
            assert (await client.read_to_end()).startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
            assert (client.error, stage.idle) == (None, 0)
            assert stage.count("attempts_total") == {("node-0:9000", "garbage"): 1}

    run(main())


CUT = {
    "length": ok(b"x" * 100)[:-1],
    "a long body": ok(b"x" * 1_000_000)[:-1],
    "no byte of a body": ok(b"x" * 100)[:-100],
    "within a chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nxxx",
    "between chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nxxxxx\r\n",
    "within the trailers": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nxxxxx\r\n0\r\nA: b\r\n",
}


@pytest.mark.parametrize("by_reset", [False, True])
@pytest.mark.parametrize("answer", CUT.values(), ids=CUT.keys())
def test_a_truncated_body_is_cut_and_never_ends(answer: bytes, by_reset: bool) -> None:
    async def node(end: NodeEnd) -> None:
        await end.read_request()
        await end.send(answer)
        await asyncio.sleep(1)
        end.abort() if by_reset else end.transport.close()

    async def main() -> None:
        async with scene(node) as stage, stage.dial() as client:
            await client.send(GET)
            with pytest.raises(TruncatedError):
                await client.read_response()
            assert (bytes(client.received), now()) == (answer, 1), "all that came is passed on"
            assert client.error is not None, "a reset, so that it cannot be taken for an end"
            assert stage.outcomes == {("GetObject", "200", "cut"): 1}
            assert stage.idle == 0

    run(main())


def test_a_body_until_close_that_is_reset_is_cut_and_never_ends() -> None:
    async def node(end: NodeEnd) -> None:
        await end.read_request()
        await end.send(b"HTTP/1.1 200 OK\r\n\r\npart of the body")
        await asyncio.sleep(1)
        end.abort()

    async def main() -> None:
        async with scene(node) as stage, stage.dial() as client:
            await client.send(GET)
            assert (await client.read_to_end()).endswith(b"part of the body")
            assert (client.error is None, now()) == (False, 1)
            assert stage.outcomes == {("GetObject", "200", "cut"): 1}

    run(main())


@pytest.mark.parametrize("chunks", [b"zz\r\n", b"5\r\nxxxxxyy", b"FFFFFFFFFFFFFFFF\r\n", b"0\r\nA\0: b\r\n\r\n"])
@pytest.mark.parametrize("with_head", [True, False])
def test_a_badly_chunked_body_is_cut(chunks: bytes, with_head: bool) -> None:
    async def node(end: NodeEnd) -> None:
        await end.read_request()
        await end.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + (chunks if with_head else b""))
        if not with_head:
            await turns()
            await end.send(chunks)
        await end.lost()

    async def main() -> None:
        async with scene(node) as stage, stage.dial() as client:
            await client.send(GET)
            with pytest.raises(TruncatedError):
                await client.read_response()
            assert (client.error is None, now()) == (False, 0)
            assert (stage.idle, stage.inflight) == (0, 0)

    run(main())
