"""`Expect: 100-continue`: the client holds its body back until the node wants it."""

import asyncio

import pytest

from s3edge.transport.transfer import LOOKS
from s3edge.transport.wheel import TICK
from tests.scenarios.scene import CONTINUE, FORWARDED, GET, fires, look, now, put_head, scene, turns
from tests.support.node import NodeEnd, Script, answers, ok
from tests.support.virtual_time import run

HEAD = put_head(3, b"Expect: 100-continue")
REFUSALS = {
    403: b"HTTP/1.1 403 Forbidden\r\nContent-Length: 7\r\n\r\n<Error>",
    417: b"HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n",
    200: ok(),
}


async def wants_the_body(end: NodeEnd) -> None:
    await end.read_head()
    await asyncio.sleep(2)
    await end.send(CONTINUE)
    await end.read_body()
    await end.send(ok())


def refuses(status: int) -> Script:
    async def node(end: NodeEnd) -> None:
        await end.read_head()
        await end.send(REFUSALS[status])
        await end.lost()

    return node


def test_the_nodes_100_is_what_the_client_gets() -> None:
    async def main() -> None:
        async with scene(wants_the_body) as stage, stage.dial() as client:
            await client.send(HEAD)
            assert await client.read_exactly(len(CONTINUE)) == CONTINUE
            assert now() == 2
            assert stage.node.received == HEAD[:-2] + FORWARDED
            await asyncio.sleep(3)
            await client.send(b"abc")
            assert (await client.read_response("PUT")).raw == ok()
            assert now() == 5
            assert (stage.node.requests[0].body, stage.idle) == (b"abc", 1)

    run(main())


@pytest.mark.parametrize("status", REFUSALS)
def test_after_a_refusal_what_comes_next_is_never_taken_for_a_request(status: int) -> None:
    """HAProxy 2.6 took the next request's first bytes for the body and forwarded the rest as a request."""

    async def main() -> None:
        async with scene(refuses(status)) as stage, stage.dial() as client:
            await client.send(HEAD)
            response = await client.read_response("PUT")
            assert (response.status, response.header(b"connection")) == (status, b"close")
            assert now() == 0
            await client.send(GET + GET)
            assert await client.read_to_end() == b""
            assert stage.node.received == HEAD[:-2] + FORWARDED
            assert (len(stage.node.connections), stage.idle) == (1, 0)
            assert stage.node.connections[0].is_lost
            assert stage.outcomes == {("PutObject", str(status), "done"): 1}

    run(main())


@pytest.mark.parametrize("rest", [b"ab", b"abc", GET])
@pytest.mark.parametrize("pause", [0, 1])
def test_a_refusal_and_a_body_that_cross_each_other_do_no_harm(rest: bytes, pause: float) -> None:
    async def node(end: NodeEnd) -> None:
        await end.read_head()
        await asyncio.sleep(1)
        await end.send(REFUSALS[403])
        await end.lost()

    async def main() -> None:
        async with scene(node) as stage, stage.dial() as client:
            await client.send(HEAD)
            await asyncio.sleep(pause)
            await client.send(rest)
            assert (await client.read_response("PUT")).status == 403
            assert len(stage.node.received.removeprefix(HEAD[:-2] + FORWARDED)) <= 3
            assert len(stage.node.requests) == 1

    run(main())


def test_a_client_that_does_not_wait_is_not_held_up() -> None:
    async def main() -> None:
        async with scene(wants_the_body) as stage, stage.dial() as client:
            await client.send(HEAD + b"abc")
            await turns()
            assert stage.node.received == HEAD[:-2] + FORWARDED + b"abc"
            response = await client.read_response("PUT")
            assert (response.interim, response.status) == ([100], 200)
            assert (stage.idle, now()) == (1, 2)

    run(main())


def test_a_node_may_leave_the_100_out_once_the_body_comes() -> None:
    """RFC 9110, section 10.1.1. A large body then takes longer than a node may take for its answer."""

    async def main() -> None:
        async with scene(answers(ok()), connections={"answer_timeout": "5s"}) as stage, stage.dial() as client:
            await client.send(put_head(20, b"Expect: 100-continue"))
            await asyncio.sleep(1)
            await client.send(b"x" * 20, piece=1, pause=1)
            assert (await client.read_response("PUT")).status == 200
            assert stage.node.requests[0].body == b"x" * 20

    run(main())


def test_a_node_that_says_nothing_costs_its_time_limit() -> None:
    async def node(end: NodeEnd) -> None:
        await end.read_head()
        await end.lost()

    async def main() -> None:
        async with scene(node, connections={"answer_timeout": "5s"}) as stage, stage.dial() as client:
            await client.send(HEAD)
            response = await client.read_response("PUT")
            assert (response.status, response.header(b"connection"), now()) == (500, b"close", fires(5))
            assert stage.node.connections[0].is_lost
            assert stage.outcomes == {("PutObject", "500", "failed"): 1}

    run(main())


def test_after_the_100_the_clients_pace_counts() -> None:
    async def main() -> None:
        async with (
            scene(wants_the_body, connections={"answer_timeout": "5s"}) as stage,
            stage.dial() as client,
        ):
            await client.send(HEAD)
            await client.read_until(b"\r\n\r\n")
            await asyncio.sleep(50)
            await client.send(b"abc")
            assert (await client.read_response("PUT")).status == 200

    run(main())


def test_a_client_that_never_brings_the_body_is_given_up() -> None:
    async def main() -> None:
        async with scene(wants_the_body) as stage, stage.dial() as client:
            await client.send(HEAD)
            response = await client.read_response("PUT")
            assert (response.interim, response.status, now()) == ([100], 400, look(LOOKS, 60, tick=TICK))
            assert stage.idle == 0

    run(main())


def test_a_chunked_upload_can_be_held_back_too() -> None:
    head = b"PUT /bucket/key HTTP/1.1\r\nHost: s3\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"

    async def main() -> None:
        async with scene(wants_the_body) as stage, stage.dial() as client:
            await client.send(head)
            await client.read_until(b"\r\n\r\n")
            await client.send(b"3\r\nabc\r\n0\r\n\r\n")
            assert (await client.read_response("PUT")).status == 200
            assert stage.node.requests[0].body == b"abc"

    run(main())


def test_a_client_of_http_1_0_gets_no_100() -> None:
    async def main() -> None:
        async with scene(wants_the_body) as stage, stage.dial() as client:
            await client.send(b"PUT /b/k HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc")
            assert (await client.read_to_end()).startswith(b"HTTP/1.1 200 OK\r\n")

    run(main())
