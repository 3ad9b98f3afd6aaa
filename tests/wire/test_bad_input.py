"""Bad input by raw sockets against a real process, and requests that chance has spoilt."""

import asyncio
import random
import re
from collections.abc import Iterator

import h11
import pytest

from tests.scenarios.bad_input import BAD_HEADS, Bad, spoilt
from tests.support.node import Node, NodeEnd, answers, ok
from tests.support.peer import EndedError
from tests.wire.service import NodeSocket, Service, service

pytestmark = pytest.mark.wire

GET = b"GET /bucket/key HTTP/1.1\r\nHost: s3\r\n\r\n"
FORWARDED = b"\r\nX-Forwarded-For: 127.0.0.1\r\n\r\n"
HEAD_TIMEOUT = 0.5
SMALL = {name: bad for name, bad in BAD_HEADS.items() if len(bad.data) < 1000}


@pytest.fixture(scope="module")
def socket_of_node() -> Iterator[NodeSocket]:
    sock = NodeSocket()
    yield sock
    sock.close()


@pytest.fixture(scope="module")
def edge(socket_of_node: NodeSocket, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    node = f"http://127.0.0.1:{socket_of_node.port}"
    folder = tmp_path_factory.mktemp("edge")
    with service(folder, node, listen={"head_timeout": HEAD_TIMEOUT, "idle_timeout": "5s"}) as edge:
        worker = edge.worker
        yield edge
        assert edge.worker == worker, "the worker went on"


async def is_served(edge: Service) -> None:
    async with edge.dial() as client:
        await client.send(GET)
        assert (await client.read_response()).body == b"good"


async def is_refused(edge: Service, bad: Bad, piece: int = 0) -> None:
    async with edge.dial() as client:
        await client.send(bad.data, piece)
        response = await client.read_response()
        assert (response.status, response.header(b"connection")) == (bad.status, b"close")
        assert f"<Code>{bad.code}</Code>".encode() in response.body
        assert await client.read_to_end() == b""
        assert client.error is None, "an orderly end, so that the answer is not lost"


@pytest.mark.parametrize("bad", BAD_HEADS.values(), ids=BAD_HEADS.keys())
def test_a_bad_head_is_refused_and_nothing_of_it_is_forwarded(
    bad: Bad, edge: Service, socket_of_node: NodeSocket
) -> None:
    async def main() -> None:
        async with socket_of_node.played_by(Node(answers(ok(b"good")))) as node:
            await is_refused(edge, bad)
            assert node.received == b""
            await is_served(edge)

    asyncio.run(main())


def test_bad_heads_byte_by_byte_are_refused_all_the_same(edge: Service, socket_of_node: NodeSocket) -> None:
    async def main() -> None:
        async with socket_of_node.played_by(Node(answers(ok(b"good")))) as node:
            await asyncio.gather(*(is_refused(edge, bad, piece=1) for bad in SMALL.values()))
            assert node.received == b""
            await is_served(edge)

    asyncio.run(main())


def test_a_head_slower_than_its_time_is_refused_when_that_is_over(edge: Service, socket_of_node: NodeSocket) -> None:
    async def main() -> None:
        async with socket_of_node.played_by(Node(answers(ok(b"good")))) as node, edge.dial() as client:
            begun = asyncio.get_running_loop().time()
            sending = asyncio.create_task(client.send(GET * 10, piece=1, pause=0.1), name="slow loris")
            response = await client.read_response()
            assert response.status == 408
            assert HEAD_TIMEOUT <= asyncio.get_running_loop().time() - begun < 5
            await client.read_to_end()
            sending.cancel()
            assert node.received == b""
            await is_served(edge)

    asyncio.run(main())


@pytest.mark.parametrize("chunks", [b"zz\r\n", b"FFFFFFFFFFFFFFFF\r\n", b"10000000000000005\r\n12345\r\n", b"-1\r\n"])
def test_of_a_body_that_is_bad_from_its_first_byte_nothing_is_forwarded(
    chunks: bytes, edge: Service, socket_of_node: NodeSocket
) -> None:
    head = b"PUT /bucket/key HTTP/1.1\r\nHost: s3\r\nTransfer-Encoding: chunked\r\n\r\n"

    async def main() -> None:
        async with socket_of_node.played_by(Node(answers(ok(b"good")))) as node:
            await is_refused(edge, Bad(head + chunks + GET, 400))
            assert node.received == b""
            await is_served(edge)

    asyncio.run(main())


LOOPS = 24
FUZZ_SECONDS = 5.0


class Judge:
    """A node that answers whatever is well-formed, and remembers what is not."""

    def __init__(self) -> None:
        self.requests = 0
        self.faults: list[str] = []

    async def judge(self, end: NodeEnd) -> None:
        try:
            while True:
                request = await end.read_head()
                # What the edge took for a body and the node takes for a request has no such end.
                if not request.raw_head.endswith(FORWARDED):
                    self.faults.append(f"smuggled: {request.raw_head!r}")
                await end.read_body()
                self.requests += 1
                await end.send(ok(b"good") if request.method != b"HEAD" else ok())
        except h11.RemoteProtocolError as error:
            self.faults.append(f"{error}: {bytes(end.received)!r}")
            end.abort()
        except EndedError:
            pass


async def survives(edge: Service, rng: random.Random) -> None:
    """Send something spoilt and leave; the edge answers what it can and lets go of the client."""
    data = spoilt(rng)
    async with edge.dial() as client:
        await client.send(data, piece=rng.choice([0, 0, 1 + rng.randrange(20)]))
        try:
            async with asyncio.timeout(rng.choice([0.05, 2 * HEAD_TIMEOUT])):
                await client.read_to_end()
        except TimeoutError:
            client.finish()
        await client.read_to_end()
        statuses = {int(status) for status in re.findall(rb"HTTP/1\.[01] (\d+) ", bytes(client.received))}
        assert statuses <= {100, 200, 400, 408, 417, 431, 501, 505}, f"{statuses} for {data!r}"


def test_spoilt_requests_neither_hang_nor_get_past_the_edge(edge: Service, socket_of_node: NodeSocket) -> None:
    """The seed is new in each run; a failure shows the request that caused it."""
    sent = 0

    async def keeps_spoiling(until: float) -> None:
        nonlocal sent
        rng = random.Random()
        while asyncio.get_running_loop().time() < until:
            await survives(edge, rng)
            sent += 1

    async def main() -> None:
        judge = Judge()
        async with socket_of_node.played_by(Node(judge.judge)):
            until = asyncio.get_running_loop().time() + FUZZ_SECONDS
            await asyncio.gather(*(keeps_spoiling(until) for _ in range(LOOPS)))
            assert judge.faults == []
            assert judge.requests > 0
            assert sent > LOOPS
            await is_served(edge)
            assert await edge.metric("s3edge_exchanges_inflight") == 0
            assert await edge.metric("s3edge_node_inflight") == 0

    asyncio.run(main())
