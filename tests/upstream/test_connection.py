"""One connection to a node: its answers, their limits, and the answer behind a reset."""

import asyncio
import socket

import pytest

from s3edge.errors import NodeError
from s3edge.http1.body import LengthBody
from s3edge.transport.connection import ConnectionGoneError
from s3edge.transport.transfer import Relay, StalledError
from s3edge.upstream.connection import NodeConnection
from tests.support.memory import Network
from tests.support.peer import Peer
from tests.support.virtual_time import run
from tests.transport.ends import LineConnection, surroundings
from tests.transport.sockets import Loops, attach, on_both_loops, tcp_pair, until
from tests.transport.sockets import run as run_on_sockets

ANSWER_TIMEOUT = 60.0
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"


async def pair(method: bytes = b"GET") -> tuple[NodeConnection, Peer]:
    """A connection with a request by `method` under way, and the node's end of it."""
    network, node = Network(), Peer()
    network.listen(("node", 9000), lambda: node)
    shared = surroundings()
    _, connection = await network.connect(lambda: NodeConnection(shared, "node-1", ANSWER_TIMEOUT), "node", 9000)
    await asyncio.sleep(0)
    connection.method = method
    return connection, node


@pytest.mark.parametrize("piece", [0, 7, 1])
@pytest.mark.parametrize("method, length", [(b"GET", 3), (b"HEAD", 0)])
def test_an_answer_is_understood_with_the_method_it_answers(piece: int, method: bytes, length: int) -> None:
    async def main() -> None:
        connection, node = await pair(method)
        sending = asyncio.create_task(node.send(OK, piece=piece), name="node")
        head = await connection.head()
        assert (head.status, head.length) == (200, length)
        await sending
        connection.go_on()
        await asyncio.sleep(1)
        assert connection.unread == b"abc"

    run(main())


async def failure_of(answer: bytes) -> NodeError:
    """What becomes of a node that sends this."""
    connection, node = await pair()
    node.transport.write(answer)
    with pytest.raises(NodeError) as caught:
        await connection.head()
    return caught.value


@pytest.mark.parametrize(
    "answer",
    [
        b"220 mail.example ESMTP\r\n\r\n",
        b"\x16\x03\x01\x02\x00\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n",
    ],
)
def test_an_answer_that_is_not_well_formed_is_the_nodes_fault(answer: bytes) -> None:
    error = run(failure_of(answer))
    assert (error.status, error.code) == (500, "BadGateway")


def test_an_answer_whose_head_never_ends_is_given_up() -> None:
    error = run(failure_of(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20_000))
    assert (error.status, error.code) == (500, "BadGateway")
    assert error.message == "Node node-1 sent an answer whose head does not end."


@pytest.mark.parametrize("part", [b"", b"HTTP/1.1 200 O"])
def test_a_node_that_does_not_answer_in_time_is_given_up(part: bytes) -> None:
    async def main() -> NodeError:
        connection, node = await pair()
        connection.timer.set(connection.answer_timeout)
        await node.send(part)
        with pytest.raises(NodeError) as caught:
            await connection.head()
        assert asyncio.get_running_loop().time() == 60.25
        return caught.value

    error = run(main())
    assert (error.status, error.code) == (500, "GatewayTimeout")
    assert error.message == "Node node-1 gave no answer within 60 s."


@pytest.mark.parametrize("has_begun", [False, True])
def test_a_client_that_sends_its_body_without_waiting_for_a_100_has_its_own_pace(has_begun: bool) -> None:
    async def main() -> None:
        connection, _ = await pair(b"PUT")
        network, client_end = Network(), Peer()
        network.listen(("client", 1), lambda: client_end)
        shared = surroundings()
        _, client = await network.connect(lambda: LineConnection(shared, 1000), "client", 1)
        await asyncio.sleep(0)
        upload = Relay(client, connection, LengthBody(1000), 1000.0)
        connection.timer.set(connection.answer_timeout)
        upload.start(b"HEAD")
        waiting = asyncio.create_task(connection.head(), name="head")
        await client_end.send(b"x" if has_begun else b"")
        await asyncio.sleep(900)
        assert waiting.done() is not has_begun
        if has_begun:
            with pytest.raises(StalledError):
                await upload.finished()
        upload.cancel()
        waiting.cancel()
        await asyncio.wait([waiting])

    run(main())


@pytest.mark.parametrize("is_reset", [True, False])
def test_a_node_that_leaves_without_an_answer_is_gone(is_reset: bool) -> None:
    async def main() -> None:
        connection, node = await pair()
        waiting = asyncio.create_task(connection.head(), name="head")
        await asyncio.sleep(0)
        node.abort() if is_reset else node.transport.close()
        with pytest.raises(ConnectionGoneError):
            await waiting

    run(main())


# A node that refuses an upload answers and resets the connection under it; the answer must not be lost.


async def refused(answer: bytes) -> tuple[NodeConnection, asyncio.Task[object], socket.socket]:
    """A connection whose first write fails, because the node has answered and reset it."""
    near, node = tcp_pair()
    connection = await attach(near, NodeConnection(surroundings(), "node-1", ANSWER_TIMEOUT))
    connection.method = b"PUT"
    connection.transport.write(b"a part of the body that the node never reads")
    await asyncio.sleep(0.01)
    waiting: asyncio.Task[object] = asyncio.create_task(connection.head(), name="head")
    await asyncio.sleep(0)
    # Without a turn of the loop between, so that the failed write is the first that it sees.
    if answer:
        node.send(answer)
    node.close()
    connection.transport.write(b"more of the body")
    return connection, waiting, node


@on_both_loops
def test_the_answer_of_a_node_that_reset_the_upload_is_read(loops: Loops) -> None:
    answer = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 5\r\nConnection: close\r\n\r\nno no"

    async def main() -> None:
        connection, waiting, _ = await refused(answer)
        head = await waiting
        assert getattr(head, "status", None) == 403
        await until(lambda: connection.is_lost)
        assert connection.unread == b"no no"

    run_on_sockets(loops, main())


@on_both_loops
def test_a_reset_without_an_answer_behind_it_is_a_loss(loops: Loops) -> None:
    async def main() -> None:
        for part in (b"", b"HTTP/1.1 403 Forb"):
            connection, waiting, _ = await refused(part)
            with pytest.raises(ConnectionGoneError):
                await waiting
            assert connection.is_lost

    run_on_sockets(loops, main())
