"""The connections to one node: which are kept, which is taken, how new ones are opened."""

import asyncio
import errno
import os
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from s3edge.config.model import Connections
from s3edge.errors import NodeError, Origin, Overloaded
from s3edge.routing.node import Node
from s3edge.telemetry.meter import Meter
from s3edge.upstream.connection import NodeConnection
from s3edge.upstream.pool import Connect, Pool
from tests.support.edge import MemoryConnect
from tests.support.memory import Link, Network
from tests.support.peer import Peer
from tests.support.virtual_time import VirtualTimeLoop, run
from tests.transport.ends import surroundings

PORT = 9000


def now() -> float:
    return asyncio.get_running_loop().time()


@dataclass
class Bench:
    """A pool, the network of its node, and the node's end of each connection in the order they came."""

    pool: Pool
    network: Network
    meter: Meter
    ends: list[Peer]

    def listen(self, address: str) -> None:
        """Accept connections to `address`."""
        self.network.listen((address, PORT), self._accept)

    def _accept(self) -> Peer:
        self.ends.append(Peer())
        return self.ends[-1]

    async def opened(self, count: int) -> list[NodeConnection]:
        """So many connections."""
        connections = [await self.pool.open() for _ in range(count)]
        await asyncio.sleep(0)
        return connections

    def count(self, event: str) -> float:
        """How often the meter heard of this event."""
        samples = self.meter.snapshot()["s3edge_node_connections_total"]
        return next((float(str(value)) for labels, value in samples if labels == ["node-1", event]), 0)


def bench(*addresses: str, connect: Connect | None = None, **limits: float) -> Bench:
    """A pool for a node that listens at each of `addresses`, or at its host name where there are none."""
    network, meter = Network(), Meter()
    node = Node("node-1", "storage", "storage.example", PORT, addresses=addresses)
    connections = Connections.model_validate({name: f"{value:g}s" for name, value in limits.items() if name != "idle"})
    if "idle" in limits:
        connections = connections.model_copy(update={"idle": int(limits["idle"])})
    pool = Pool(node, connections, connect or MemoryConnect(network), surroundings(), meter)
    made = Bench(pool, network, meter, [])
    for address in addresses or (node.host,):
        made.listen(address)
    return made


# Idle connections.


def test_the_connection_that_was_used_last_is_taken_first() -> None:
    async def main() -> None:
        made = bench()
        assert made.pool.take() is None
        connections = await made.opened(3)
        for connection in connections:
            made.pool.give_back(connection)
        assert made.pool.idle == 3
        assert [made.pool.take() for _ in range(4)] == [*reversed(connections), None]
        assert made.pool.idle == 0

    run(main())


def test_an_idle_connection_is_closed_when_its_time_is_over() -> None:
    async def main() -> None:
        made = bench(idle_timeout=30)
        (connection,) = await made.opened(1)
        made.pool.give_back(connection)
        await asyncio.sleep(30.2)
        assert made.pool.idle == 1
        assert await made.ends[0].read_to_end() == b""
        assert now() == 30.25
        assert (made.pool.idle, connection.is_lost, made.ends[0].error) == (0, True, None)

    run(main())


def test_each_use_begins_the_idle_time_anew() -> None:
    async def main() -> None:
        made = bench(idle_timeout=30)
        (connection,) = await made.opened(1)
        for _ in range(4):
            made.pool.give_back(connection)
            await asyncio.sleep(20)
            assert made.pool.take() is connection
        made.pool.give_back(connection)
        await made.ends[0].read_to_end()
        assert now() == 110.25

    run(main())


@pytest.mark.parametrize("limit", [0, 1, 2])
def test_more_connections_than_may_idle_are_closed(limit: int) -> None:
    async def main() -> None:
        made = bench(idle=limit)
        connections = await made.opened(3)
        for connection in connections:
            made.pool.give_back(connection)
        await asyncio.sleep(0)
        assert made.pool.idle == limit
        assert [connection.is_lost for connection in connections] == [number >= limit for number in range(3)]

    run(main())


@pytest.mark.parametrize("leave", [Peer.abort, lambda peer: peer.transport.close()])
def test_a_node_that_leaves_takes_its_idle_connection_with_it(leave: Callable[[Peer], None]) -> None:
    async def main() -> None:
        made = bench()
        first, second = await made.opened(2)
        made.pool.give_back(first)
        made.pool.give_back(second)
        leave(made.ends[1])
        await asyncio.sleep(1)
        assert second.is_lost
        assert made.pool.idle == 1
        assert made.pool.take() is first

    run(main())


def test_a_connection_that_is_just_closing_is_not_taken() -> None:
    async def main() -> None:
        made = bench()
        first, second = await made.opened(2)
        made.pool.give_back(first)
        made.pool.give_back(second)
        second.transport.close()
        assert not second.is_lost
        assert made.pool.take() is first
        await asyncio.sleep(1)
        assert made.pool.idle == 0

    run(main())


def test_a_node_that_speaks_unasked_is_not_listened_to() -> None:
    async def main() -> None:
        made = bench()
        (connection,) = await made.opened(1)
        made.pool.give_back(connection)
        await made.ends[0].send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await asyncio.sleep(1)
        assert made.pool.take() is None
        await made.ends[0].lost()
        assert isinstance(made.ends[0].error, ConnectionResetError)

    run(main())


@pytest.mark.parametrize("fault", ["unread bytes", "closing", "lost"])
def test_a_connection_that_cannot_serve_again_is_not_kept(fault: str) -> None:
    async def main() -> None:
        made = bench()
        (connection,) = await made.opened(1)
        if fault == "unread bytes":
            connection.unread = b"x"
        elif fault == "closing":
            connection.transport.close()
        else:
            made.ends[0].abort()
            await asyncio.sleep(1)
        made.pool.give_back(connection)
        assert made.pool.idle == 0
        await asyncio.sleep(1)
        assert connection.is_lost

    run(main())


def test_closing_the_pool_closes_what_is_idle_and_nothing_else() -> None:
    async def main() -> None:
        made = bench()
        idle, busy = await made.opened(2)
        made.pool.give_back(idle)
        made.pool.close()
        await asyncio.sleep(1)
        assert (idle.is_lost, busy.is_lost, made.pool.idle) == (True, False, 0)

    run(main())


# New connections.


def test_a_node_without_known_addresses_is_reached_by_its_name() -> None:
    async def main() -> None:
        made = bench()
        (connection,) = await made.opened(1)
        assert connection.transport.get_extra_info("peername") == ("storage.example", PORT)
        assert connection.node == "node-1"
        assert (made.count("opened"), made.count("failed")) == (1, 0)

    run(main())


def test_connections_take_the_addresses_in_turn_and_pass_over_those_that_refuse() -> None:
    async def main() -> list[str]:
        made = bench("10.0.0.1", "10.0.0.2", "10.0.0.3")
        made.network.refuse(("10.0.0.2", PORT))
        connections = await made.opened(6)
        assert (made.count("opened"), made.count("failed")) == (6, 0)
        return [connection.transport.get_extra_info("peername")[0][-1] for connection in connections]

    taken = run(main())
    assert set(taken[:3]) == {"1", "3"}
    assert taken[:3] == taken[3:]


def test_new_addresses_count_from_the_next_connection_on() -> None:
    async def main() -> None:
        made = bench("10.0.0.1")
        made.listen("10.0.0.9")
        made.pool.node.addresses = ("10.0.0.9",)
        (connection,) = await made.opened(1)
        assert connection.transport.get_extra_info("peername")[0] == "10.0.0.9"

    run(main())


def test_a_node_that_refuses_on_all_addresses_may_be_passed_over() -> None:
    async def main() -> NodeError:
        made = bench("10.0.0.1", "10.0.0.2")
        for address in ("10.0.0.1", "10.0.0.2"):
            made.network.refuse((address, PORT))
        with pytest.raises(NodeError) as caught:
            await made.pool.open()
        assert (made.count("opened"), made.count("failed")) == (0, 1)
        return caught.value

    error = run(main())
    assert (error.origin, error.status, error.code) == (Origin.NODE, 503, "ServiceUnavailable")
    assert error.message.startswith("Node node-1: Connect call failed")


def test_a_node_that_never_answers_is_given_up_at_the_connect_timeout() -> None:
    async def main() -> NodeError:
        made = bench("10.0.0.1", connect_timeout=2)
        made.network.silence(("10.0.0.1", PORT))
        with pytest.raises(NodeError) as caught:
            await made.pool.open()
        assert now() == 2.0
        assert made.count("failed") == 1
        return caught.value

    error = run(main())
    assert (error.origin, error.message) == (Origin.NODE, "Node node-1: no connection within 2 s.")


def test_an_address_that_never_answers_leaves_the_next_one_its_own_time() -> None:
    async def main() -> None:
        made = bench("10.0.0.1", "10.0.0.2", connect_timeout=2)
        made.network.silence(("10.0.0.1", PORT))
        times = []
        for _ in range(2):
            await made.pool.open()
            times.append(now())
        assert times == [0, 2]  # the second turn begins with the silent one
        assert made.count("failed") == 0

    run(main())


@pytest.mark.parametrize("is_there", [True, False])
def test_a_node_is_asked_once_more_when_the_loop_came_too_late_to_see_its_connection(is_there: bool) -> None:
    """Regression: all nodes were ejected when thousands of clients came at once to a machine that was too busy."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        made = bench("10.0.0.1", connect_timeout=2)
        made.network.silence(("10.0.0.1", PORT))
        opening = asyncio.create_task(made.pool.open(), name="open")
        await asyncio.sleep(1)
        loop.now = 3.5
        if is_there:
            made.listen("10.0.0.1")
            await opening
            assert (now(), made.count("failed")) == (3.5, 0)
        else:
            with pytest.raises(NodeError, match="no connection within 2 s"):
                await opening
            assert (now(), made.count("failed")) == (5.5, 1)

    run(main())


def test_a_connection_may_take_as_long_as_the_connect_timeout() -> None:
    async def main() -> None:
        made = bench(connect_timeout=2)
        made.network.listen(("storage.example", PORT), Peer, Link(latency=0.99))
        await made.pool.open()
        assert now() == 1.98

    run(main())


@dataclass
class Failing:
    """A way to connect that always fails."""

    error: OSError

    async def __call__(self, protocol: Callable[[], NodeConnection], node: Node, address: str) -> NodeConnection:
        raise self.error


@pytest.mark.parametrize(
    "number, advice",
    [
        (errno.EMFILE, "ulimit"),
        (errno.ENFILE, "fs.file-max"),
        (errno.EADDRNOTAVAIL, "ip_local_port_range"),
        (errno.ENOBUFS, "memory for sockets"),
        (errno.ENOMEM, "memory"),
    ],
)
def test_an_edge_out_of_resources_blames_no_node_tries_no_other_and_says_what_to_do(
    number: int, advice: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> Overloaded:
        made = bench(connect=Failing(OSError(number, os.strerror(number))))
        with pytest.raises(Overloaded) as caught:
            await made.pool.open()
        assert made.count("failed") == 0
        return caught.value

    error = run(main())
    assert (error.origin, error.status) == (Origin.EDGE, 503)
    assert os.strerror(number) in caplog.text
    assert advice in caplog.text


def test_a_shortage_is_told_once_a_second_however_many_requests_it_befalls(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        made = bench(connect=Failing(OSError(errno.EMFILE, "Too many open files")))
        for _ in range(30):
            with pytest.raises(Overloaded):
                await made.pool.open()
            await asyncio.sleep(0.1)

    run(main())
    assert len(caplog.messages) == 3


def test_an_opening_that_is_cancelled_is_no_failure_of_the_node() -> None:
    async def main() -> None:
        made = bench()
        made.network.silence(("storage.example", PORT))
        opening = asyncio.create_task(made.pool.open(), name="open")
        await asyncio.sleep(1)
        opening.cancel()
        await asyncio.wait([opening])
        assert opening.cancelled()
        assert (made.count("opened"), made.count("failed")) == (0, 0)

    run(main())
