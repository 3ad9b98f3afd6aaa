"""Nodes that cannot be reached, or that closed a kept connection; what the client need not see of it."""

import asyncio

import pytest

from s3edge.config.resilience import ATTEMPTS, BUFFER, DEADLINE, PATIENCE
from tests.scenarios.scene import CONTINUE, GET, Scene, fires, in_turn, now, put, put_head, scene, turns
from tests.support.node import Node, NodeEnd, Script, answers, ok
from tests.support.virtual_time import run

LARGE = b"x" * (BUFFER + 1)  # more than is kept to be sent again
POST = b"POST /bucket?delete HTTP/1.1\r\nHost: s3\r\nContent-Length: 0\r\n\r\n"
CONDITIONAL = b"PUT /bucket/key HTTP/1.1\r\nHost: s3\r\nIf-None-Match: *\r\nContent-Length: 0\r\n\r\n"


async def dies_at_the_second_request(end: NodeEnd) -> None:
    await answers(ok(b"first"))(end)
    await end.read_head()
    end.abort()


async def ends_at_the_second_request(end: NodeEnd) -> None:
    await answers(ok(b"first"))(end)
    await end.read_head()
    await end.close()


@pytest.mark.parametrize("script", [dies_at_the_second_request, ends_at_the_second_request])
@pytest.mark.parametrize(
    "again",
    [
        GET,
        GET.replace(b"GET", b"HEAD"),
        GET.replace(b"GET", b"DELETE"),
        put(b""),
        GET[:-2] + b"If-None-Match: x\r\n\r\n",
    ],
)
def test_a_kept_connection_found_dead_is_replaced_unseen(script: Script, again: bytes) -> None:
    async def main() -> None:
        async with scene(Node(script, answers(ok()))) as stage, stage.dial() as client:
            await client.send(GET)
            assert (await client.read_response()).body == b"first"
            await client.send(again)
            assert (await client.read_response(again.partition(b" ")[0].decode())).status == 200
            assert (len(stage.node.connections), stage.idle, now()) == (2, 1, 0)
            received = [bytes(end.received) for end in stage.node.connections]
            assert received[0].endswith(received[1]), "the same bytes again"

    run(main())


def test_the_spare_time_of_a_kept_connection_does_not_count_against_a_slow_upload() -> None:
    async def main() -> None:
        limits = {"idle_timeout": "20s", "answer_timeout": "20s"}
        async with scene(answers(ok(), ok()), connections=limits) as stage, stage.dial() as client:
            await client.send(GET)
            await client.read_response()
            await client.send(put_head(3))
            await asyncio.sleep(50)
            await client.send(b"abc", piece=1, pause=50)
            assert (await client.read_response("PUT")).status == 200
            assert (len(stage.node.connections), stage.node.requests[1].body) == (1, b"abc")

    run(main())


def test_a_put_whose_body_was_not_asked_for_is_sent_again() -> None:
    async def invites(end: NodeEnd) -> None:
        await end.read_head()
        await end.send(CONTINUE)
        await end.read_body()
        await end.send(ok())

    async def main() -> None:
        async with scene(Node(dies_at_the_second_request, invites)) as stage, stage.dial() as client:
            await client.send(GET)
            await client.read_response()
            await client.send(put_head(3, b"Expect: 100-continue"))
            assert await client.read_exactly(len(CONTINUE)) == CONTINUE
            await client.send(b"abc")
            assert (await client.read_response("PUT")).status == 200
            assert stage.node.requests[-1].body == b"abc"

    run(main())


@pytest.mark.parametrize(
    "once",
    [
        POST,
        CONDITIONAL,
        put(b"12345", b"If-None-Match: *"),
        put_head(5, b"If-None-Match: *") + b"1",
        put(b"12345", b"If-None-Match: *", b"Expect: 100-continue"),
        put(LARGE),
        put_head(len(LARGE)) + b"1",
        put(LARGE, b"Expect: 100-continue"),
    ],
    ids=lambda request: repr(request[:120]),
)
def test_what_may_have_had_an_effect_is_not_sent_again(once: bytes) -> None:
    async def main() -> None:
        async with scene(Node(dies_at_the_second_request, answers(ok()))) as stage, stage.dial() as client:
            await client.send(GET)
            await client.read_response()
            await client.send(once)
            response = await client.read_response("PUT")
            assert (response.status, len(stage.node.connections)) == (500, 1)
            assert b"<Code>BadGateway</Code>" in response.body
            assert stage.count("attempts_total") == {("node-0:9000", "done"): 1, ("node-0:9000", "closed"): 1}

    run(main())


def test_a_connection_that_dies_after_a_byte_of_the_answer_is_not_replaced() -> None:
    async def node(end: NodeEnd) -> None:
        await answers(ok(b"first"))(end)
        await end.read_head()
        await end.send(b"H")
        await asyncio.sleep(1)
        end.abort()

    async def main() -> None:
        async with scene(Node(node, answers(ok()))) as stage, stage.dial() as client:
            await client.send(GET)
            await client.read_response()
            await client.send(GET)
            assert (await client.read_response()).status == 500
            assert len(stage.node.connections) == 1

    run(main())


def test_a_second_death_is_told_to_the_client() -> None:
    async def dies(end: NodeEnd) -> None:
        await end.read_head()
        end.abort()

    async def main() -> None:
        async with scene(Node(dies_at_the_second_request, dies)) as stage, stage.dial() as client:
            await client.send(GET)
            await client.read_response()
            await client.send(GET)
            response = await client.read_response()
            assert (response.status, response.header(b"connection")) == (500, None)
            assert len(stage.node.connections) == 2
            await client.send(GET)
            assert (await client.read_response()).status == 500, "the client's connection is in order"

    run(main())


@pytest.mark.parametrize("by_reset", [False, True])
def test_a_spare_connection_that_the_node_closes_is_dropped_at_once(by_reset: bool) -> None:
    async def node(end: NodeEnd) -> None:
        await answers(ok())(end)
        await asyncio.sleep(5)
        end.abort() if by_reset else end.transport.close()

    async def main() -> None:
        async with scene(node) as stage:
            await stage.ask()
            assert stage.idle == 1
            await asyncio.sleep(5)
            await turns()
            assert stage.idle == 0
            await stage.ask()
            assert len(stage.node.connections) == 2

    run(main())


def test_a_spare_connection_on_which_the_node_speaks_unasked_is_not_used() -> None:
    """Else the next client would get what is no answer to its request."""

    async def node(end: NodeEnd) -> None:
        await end.read_request()
        await end.send(ok(b"x"))
        await asyncio.sleep(1)
        await end.send(ok(b"stray"))

    async def main() -> None:
        async with scene(node) as stage:
            assert await stage.ask() == (200, b"x")
            await asyncio.sleep(2)
            assert await stage.ask() == (200, b"x")
            assert len(stage.node.connections) == 2

    run(main())


def test_what_a_node_says_beyond_its_answer_reaches_nobody() -> None:
    async def main() -> None:
        async with scene(answers(ok(b"x") + ok(b"stray"))) as stage, stage.dial() as client:
            for _ in range(2):
                await client.send(GET)
                assert (await client.read_response()).raw == ok(b"x")
            assert (len(stage.node.connections), stage.idle) == (2, 0)

    run(main())


async def ask_both_ways(stage: Scene) -> None:
    """A read and a write, as they are told apart elsewhere."""
    assert (await stage.ask())[0] == 200
    assert (await stage.ask(put(b"x" * 200_000)))[0] == 200


def test_a_node_that_refuses_connections_is_passed_over() -> None:
    async def main() -> None:
        async with scene(answers(ok()), answers(*[ok()] * 10)) as stage:
            stage.network.refuse(("node-0", 9000))
            for _ in range(5):
                await ask_both_ways(stage)
            assert now() == 0
            assert stage.node.connections == []
            attempts = stage.count("attempts_total")
            assert attempts["node-1:9000", "done"] == 10

    run(main())


@pytest.mark.parametrize(
    "request_bytes, instant",
    [(GET, PATIENCE), (put(b"12345"), 2.0), (POST, 2.0)],
    ids=["a read is tried elsewhere when it is late", "PUT", "POST"],
)
def test_a_node_that_does_not_take_a_connection_costs_a_time_limit_once(request_bytes: bytes, instant: float) -> None:
    async def main() -> None:
        limits = {"connect_timeout": "2s"}
        async with scene(answers(ok()), answers(ok()), connections=limits, policies=in_turn()) as stage:
            stage.network.silence(("node-0", 9000))
            assert (await stage.ask(request_bytes))[0] == 200
            assert now() == instant

    run(main())


@pytest.mark.parametrize("request_bytes", [GET, GET.replace(b"GET", b"HEAD"), put(b"12345"), POST])
def test_when_all_nodes_are_down_clients_are_told_at_once(request_bytes: bytes) -> None:
    async def main() -> None:
        async with scene(answers(ok()), answers(ok())) as stage, stage.dial() as client:
            for name in stage.edge.nodes:
                stage.edge.set_node_state(name, is_up=False)
            await client.send(request_bytes)
            response = await client.read_response(request_bytes.partition(b" ")[0].decode())
            assert (response.status, now()) == (503, 0)
            assert response.header(b"content-type") == b"application/xml"
            assert (response.header(b"retry-after"), response.header(b"x-amz-retry-after")) == (b"1", b"1000")
            identity = response.header(b"x-amz-request-id") or b""
            if not request_bytes.startswith(b"HEAD"):
                assert b"<Code>ServiceUnavailable</Code>" in response.body
                assert b"<RequestId>" + identity + b"</RequestId>" in response.body
            assert all(node.received == b"" for node in stage.nodes)

    run(main())


def test_a_503_of_the_edge_keeps_the_connection_unless_a_body_is_unread() -> None:
    async def main() -> None:
        async with scene(answers(ok(b"back"))) as stage, stage.dial() as client:
            stage.edge.set_node_state("node-0:9000", is_up=False)
            await client.send(GET)
            assert (await client.read_response()).header(b"connection") is None
            stage.edge.set_node_state("node-0:9000", is_up=True)
            await client.send(GET)
            assert (await client.read_response()).body == b"back"
            stage.edge.set_node_state("node-0:9000", is_up=False)
            await client.send(put(GET))
            assert (await client.read_response("PUT")).header(b"connection") == b"close"
            assert await client.read_to_end() == b""
            assert len(stage.node.requests) == 1

    run(main())


def test_when_no_node_can_be_connected_to_the_503_says_why() -> None:
    async def main() -> None:
        async with scene(answers(ok()), answers(ok())) as stage:
            stage.network.refuse(("node-0", 9000))
            stage.network.refuse(("node-1", 9000))
            status, body = await stage.ask()
            assert (status, now()) == (503, 0)
            assert b"<Code>ServiceUnavailable</Code>" in body
            assert b"2 tried" in body
            assert b"Connect call failed" in body

    run(main())


def test_a_node_that_goes_down_finishes_what_it_has_begun() -> None:
    async def node(end: NodeEnd) -> None:
        await end.read_request()
        await asyncio.sleep(5)
        await end.send(ok(b"late"))

    async def main() -> None:
        async with scene(node) as stage, stage.dial() as client:
            await client.send(GET)
            await asyncio.sleep(1)
            stage.edge.set_node_state("node-0:9000", is_up=False)
            assert (await client.read_response()).body == b"late"
            assert now() == 5

    run(main())


def test_the_next_address_of_a_node_is_dialled_when_the_first_refuses() -> None:
    async def main() -> None:
        async with scene(answers(ok(b"x"))) as stage:
            stage.edge.set_node_addresses("node-0:9000", ["192.0.2.66", "node-0", "192.0.2.77"])
            assert await stage.ask() == (200, b"x")
            assert now() == 0

    run(main())


async def never_answers(end: NodeEnd) -> None:
    await end.read_request()
    await end.lost()


def test_an_answer_that_never_comes_is_waited_for_while_other_nodes_are_asked() -> None:
    async def main() -> None:
        async with scene(*[never_answers] * 4) as stage:
            status, body = await stage.ask()
            assert (status, now()) == (500, DEADLINE)
            assert b"<Code>GatewayTimeout</Code>" in body
            assert sum(len(node.connections) for node in stage.nodes) == ATTEMPTS
            assert sorted(stage.count("attempts_total").values()) == [1] * ATTEMPTS
            assert {outcome for _, outcome in stage.attempts} == {"timeout"}
            assert stage.idle == 0

    run(main())


@pytest.mark.parametrize("once", [POST, CONDITIONAL, put(LARGE)], ids=["POST", "conditional", "large"])
def test_an_answer_to_what_is_sent_once_is_waited_for_at_the_node_that_has_it(once: bytes) -> None:
    async def main() -> None:
        async with scene(never_answers, never_answers, connections={"answer_timeout": "5s"}) as stage:
            status, body = await stage.ask(once)
            assert (status, now()) == (500, fires(5))
            assert b"<Code>GatewayTimeout</Code>" in body
            assert sum(len(node.connections) for node in stage.nodes) == 1
            assert stage.idle == 0

    run(main())
