"""The scripted client and node, against each other, in memory and on real sockets."""

import asyncio

import h11
import pytest
import uvloop

from tests.support.client import TruncatedError, dial
from tests.support.memory import Network
from tests.support.node import Node, NodeEnd, Script, answers, ok
from tests.support.peer import EndedError
from tests.support.virtual_time import run

ADDRESS = ("node", 9000)
GET = b"GET /bucket/key HTTP/1.1\r\nHost: s3\r\n\r\n"
PUT = b"PUT /bucket/key HTTP/1.1\r\nHost: s3\r\nContent-Length: 5\r\n\r\n"


def network_with(node: Node) -> Network:
    network = Network()
    network.listen(ADDRESS, node.accept)
    return network


def test_pipelined_requests_are_answered_one_by_one() -> None:
    async def main() -> None:
        async with (
            Node(answers(ok(b"one"), ok(), ok(b"two", b"ETag: x"))) as node,
            dial(network_with(node).connect, *ADDRESS) as client,
        ):
            await client.send(GET + PUT + b"12345" + GET)
            first, second, third = [await client.read_response() for _ in range(3)]
            assert (first.body, second.body, third.body) == (b"one", b"", b"two")
            assert (third.header(b"etag"), third.raw) == (b"x", ok(b"two", b"ETag: x"))
            assert [(r.method, r.body) for r in node.requests] == [(b"GET", b""), (b"PUT", b"12345"), (b"GET", b"")]
            assert (node.requests[1].raw_head, node.requests[1].header(b"host")) == (PUT, b"s3")
            assert node.received == GET + PUT + b"12345" + GET

    run(main())


@pytest.mark.parametrize("piece", [0, 1, 7])
def test_requests_and_answers_may_come_in_pieces_of_any_size(piece: int) -> None:
    async def script(end: NodeEnd) -> None:
        request = await end.read_request()
        await end.send(ok(request.body), piece)

    async def main() -> bytes:
        async with Node(script) as node, dial(network_with(node).connect, *ADDRESS) as client:
            await client.send(
                b"PUT /k HTTP/1.1\r\nHost: s3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
                piece,
            )
            return (await client.read_response()).body

    assert run(main()) == b"abcde"


def test_answers_that_arrive_together_are_read_one_by_one() -> None:
    async def main() -> list[bytes]:
        async with Node(answers(ok(b"one") + ok(b"two"))) as node, dial(network_with(node).connect, *ADDRESS) as client:
            await client.send(GET)
            return [(await client.read_response()).body for _ in range(2)]

    assert run(main()) == [b"one", b"two"]


def test_a_script_can_ask_for_the_body_with_100_continue() -> None:
    async def script(end: NodeEnd) -> None:
        await end.read_head()
        await end.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert await end.read_body(at_least=2) == b"ab"
        assert await end.read_body() == b"cde"
        await end.send(ok())

    async def main() -> None:
        async with Node(script) as node, dial(network_with(node).connect, *ADDRESS) as client:
            await client.send(PUT)
            assert await client.read_until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            await client.send(b"ab")
            await asyncio.sleep(1)
            await client.send(b"cde")
            assert (await client.read_response("PUT")).status == 200
            assert node.requests[0].body == b"abcde"

    run(main())


def test_interim_answers_are_told_apart_from_the_final_one() -> None:
    early = b"HTTP/1.1 103 Early Hints\r\n\r\n"

    async def main() -> None:
        async with Node(answers(early + ok(b"x"))) as node, dial(network_with(node).connect, *ADDRESS) as client:
            await client.send(GET)
            response = await client.read_response()
            assert (response.interim, response.status, response.raw) == ([103], 200, early + ok(b"x"))

    run(main())


def test_the_answer_to_head_has_a_length_and_no_body() -> None:
    async def main() -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
        async with Node(answers(head, ok(b"next"))) as node, dial(network_with(node).connect, *ADDRESS) as client:
            await client.send(GET.replace(b"GET", b"HEAD") + GET)
            response = await client.read_response("HEAD")
            assert (response.body, response.header(b"content-length")) == (b"", b"5")
            assert (await client.read_response()).body == b"next"

    run(main())


def ends(answer: bytes, *, by_reset: bool) -> Script:
    async def script(end: NodeEnd) -> None:
        await end.read_request()
        await end.send(answer)
        await asyncio.sleep(1)
        if by_reset:
            end.abort()
        else:
            await end.close()

    return script


def test_a_body_without_length_ends_with_the_connection() -> None:
    async def main() -> bytes:
        script = ends(b"HTTP/1.1 200 OK\r\n\r\nuntil close", by_reset=False)
        async with Node(script) as node, dial(network_with(node).connect, *ADDRESS) as client:
            await client.send(GET)
            return (await client.read_response()).body

    assert run(main()) == b"until close"


@pytest.mark.parametrize("by_reset", [False, True])
@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200", ok(b"12345")[:-1], ok(b"12345")[:-5]])
def test_a_truncated_answer_is_never_taken_for_a_whole_one(answer: bytes, by_reset: bool) -> None:
    async def main() -> None:
        async with Node(ends(answer, by_reset=by_reset)) as node, dial(network_with(node).connect, *ADDRESS) as client:
            await client.send(GET)
            with pytest.raises(TruncatedError) as caught:
                await client.read_response()
            assert caught.value.response.body == answer.partition(b"\r\n\r\n")[2]

    run(main())


def test_a_body_without_length_that_ends_by_a_reset_is_truncated() -> None:
    async def main() -> None:
        script = ends(b"HTTP/1.1 200 OK\r\n\r\nuntil", by_reset=True)
        async with Node(script) as node, dial(network_with(node).connect, *ADDRESS) as client:
            await client.send(GET)
            with pytest.raises(TruncatedError, match="ConnectionResetError"):
                await client.read_response()

    run(main())


def test_an_answer_that_is_not_http_is_the_oracles_error() -> None:
    async def main() -> None:
        async with Node(answers(b"garbage\r\n\r\n")) as node, dial(network_with(node).connect, *ADDRESS) as client:
            await client.send(GET)
            with pytest.raises(h11.RemoteProtocolError):
                await client.read_response()

    run(main())


def test_each_connection_plays_its_script_and_the_last_one_goes_on() -> None:
    async def main() -> list[bytes]:
        async with Node(answers(ok(b"1")), answers(ok(b"2"))) as node:
            bodies = []
            for _ in range(3):
                async with dial(network_with(node).connect, *ADDRESS) as client:
                    await client.send(GET)
                    bodies.append((await client.read_response()).body)
            return bodies

    assert run(main()) == [b"1", b"2", b"2"]


def test_a_script_that_fails_fails_the_test_at_once() -> None:
    ended: list[float] = []

    async def script(end: NodeEnd) -> None:
        request = await end.read_request()
        assert request.method == b"POST"

    async def main() -> None:
        async with Node(script) as node, dial(network_with(node).connect, *ADDRESS) as client:
            await client.send(GET)
            await client.read_to_end()
            ended.append(asyncio.get_running_loop().time())

    with pytest.raises(AssertionError, match="POST"):
        run(main())
    assert ended == [0.0]


def test_a_peer_tells_what_came_instead_of_what_it_waited_for() -> None:
    async def main() -> None:
        async with Node(ends(b"ab", by_reset=False)) as node, dial(network_with(node).connect, *ADDRESS) as client:
            await client.send(GET)
            with pytest.raises(EndedError, match=r"after b'ab', 3 bytes expected"):
                await client.read_exactly(3)
            with pytest.raises(EndedError, match=r"after b'ab', b'c' expected"):
                await client.read_until(b"c")

    run(main())


def test_a_wait_ends_when_patience_does() -> None:
    async def main() -> None:
        async with Node(answers(ok())) as node, dial(network_with(node).connect, *ADDRESS, patience=5) as client:
            with pytest.raises(AssertionError, match="no 1 bytes in 5 s"):
                await client.read_exactly(1)

    run(main())


def test_a_node_that_is_killed_resets_its_connections_and_leaves_nothing_open() -> None:
    async def main() -> None:
        async with Node(answers(ok())) as node:
            network = network_with(node)
            async with dial(network.connect, *ADDRESS) as client:
                await asyncio.sleep(1)
                node.reset_connections()
                await client.lost()
                assert isinstance(client.error, ConnectionResetError)
        assert network.open_connections == 0

    run(main())


def test_both_work_on_real_sockets_too() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        async with Node(answers(ok(b"x" * 1_000_000)), patience=10) as node:
            server = await loop.create_server(node.accept, "127.0.0.1", 0)
            async with server:
                port = server.sockets[0].getsockname()[1]
                async with dial(loop.create_connection, "127.0.0.1", port, patience=10) as client:
                    await client.send(PUT + b"12345", piece=20)
                    assert len((await client.read_response()).body) == 1_000_000
                    assert node.requests[0].body == b"12345"

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
