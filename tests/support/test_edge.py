"""The data path in memory: three scenarios to start from."""

import asyncio

import pytest

from s3edge.transport.wheel import TICK
from tests.support.client import TruncatedError, dial
from tests.support.edge import EDGE, config_for, running_edge
from tests.support.memory import Network
from tests.support.node import Node, NodeEnd, answers, ok
from tests.support.virtual_time import run

ADDRESS = ("node", 9000)
GET = b"GET /bucket/key HTTP/1.1\r\nHost: s3\r\n\r\n"


def test_a_kept_connection_carries_request_after_request_to_the_node() -> None:
    async def main() -> None:
        network = Network()
        async with Node(answers(ok(b"one"), ok(b"two"))) as node, running_edge(network, config_for(ADDRESS)):
            network.listen(ADDRESS, node.accept)
            async with dial(network.connect, *EDGE) as client:
                await client.send(GET + GET)
                assert [(await client.read_response()).body for _ in range(2)] == [b"one", b"two"]
            assert [request.target for request in node.requests] == [b"/bucket/key"] * 2
            assert len(node.connections) == 1
        await asyncio.sleep(0)
        assert network.open_connections == 0

    run(main())


def test_a_node_that_never_answers_costs_its_time_limit_and_is_told_to_the_client() -> None:
    async def says_nothing(end: NodeEnd) -> None:
        await end.read_request()

    async def main() -> None:
        network = Network()
        config = config_for(ADDRESS, connections={"answer_timeout": "5s"})
        async with Node(says_nothing) as node, running_edge(network, config):
            network.listen(ADDRESS, node.accept)
            async with dial(network.connect, *EDGE) as client:
                await client.send(GET)
                assert (await client.read_response()).status == 500
                assert 5 <= asyncio.get_running_loop().time() <= 5 + TICK

    run(main())


def test_a_node_that_dies_within_a_body_never_makes_a_short_body_look_whole() -> None:
    async def dies(end: NodeEnd) -> None:
        await end.read_request()
        await end.send(ok(b"x" * 1000)[:-600])
        await asyncio.sleep(1)
        end.abort()

    async def main() -> None:
        network = Network()
        async with Node(dies) as node, running_edge(network, config_for(ADDRESS)):
            network.listen(ADDRESS, node.accept)
            async with dial(network.connect, *EDGE) as client:
                await client.send(GET)
                with pytest.raises(TruncatedError) as caught:
                    await client.read_response()
                assert caught.value.response.body == b"x" * 400

    run(main())
