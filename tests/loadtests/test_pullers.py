"""Greedy clients on real sockets, in front of a node that misbehaves."""

import asyncio
import socket

import pytest

from loadtests.clients import Clients, Got
from loadtests.pullers import pull
from tests.support.faults import DiesAfter, EndsAfter, Fails, Fault
from tests.support.serving import serving

SIZE = 65_536
PORTS = [9_101, 9_102]


async def pulled(clients: Clients, *faults: Fault, seconds: float = 0.3) -> tuple[Got, int]:
    """What `clients` got from a node with `faults`, and how many connections the node took."""
    async with serving(*faults) as service:
        (got,) = await pull([clients], [service.port], seconds)
        return got, service.storage.stats()["accepted"]


def test_a_greedy_client_asks_for_the_next_as_soon_as_one_is_there_on_one_connection() -> None:
    got, connections = asyncio.run(pulled(Clients("bulk", 1, {SIZE: 1})))
    assert connections == 1
    assert list(got.outcomes) == ["ok"]
    assert got.outcomes["ok"] == sum(got.answered) > 3
    assert got.outcomes["ok"] * SIZE <= sum(got.received) <= (got.outcomes["ok"] + 1) * SIZE


def test_nothing_is_asked_before_the_clients_begin() -> None:
    got, _ = asyncio.run(pulled(Clients("bulk", 2, {SIZE: 1}, begin=0.2)))
    assert got.received[:2] == [0, 0]
    assert sum(got.received[2:]) > 0


def test_a_polite_client_that_is_told_to_slow_down_waits() -> None:
    got, connections = asyncio.run(pulled(Clients("bulk", 3, {SIZE: 1}), Fails(503, "SlowDown")))
    assert got.outcomes == {"503": 3}
    assert (connections, got.failed, sum(got.received)) == (3, 3, 0)


def test_a_reckless_one_comes_back_at_once_on_a_new_connection() -> None:
    got, connections = asyncio.run(pulled(Clients("bulk", 3, {SIZE: 1}, is_reckless=True), Fails(503, "SlowDown")))
    assert got.outcomes["503"] > 6
    assert connections >= got.outcomes["503"]


@pytest.mark.parametrize("fault", [DiesAfter(1000), EndsAfter(1000)])
def test_an_answer_that_is_cut_is_a_failure_and_its_bytes_count(fault: Fault) -> None:
    got, _ = asyncio.run(pulled(Clients("bulk", 1, {SIZE: 1}), fault))
    assert got.outcomes == {"reset": 1}
    assert sum(got.received) == 1000


def test_who_finds_nobody_is_refused() -> None:
    with socket.socket() as bound:  # and never listening
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        (got,) = asyncio.run(pull([Clients("bulk", 2, {SIZE: 1})], [port], 0.2))
    assert got.outcomes == {"refused": 2}


def test_connections_take_the_ports_in_turn() -> None:
    async def accepted() -> list[int]:
        async with serving() as first, serving() as second:
            await pull([Clients("bulk", 3, {SIZE: 1})], [first.port, second.port], 0.2)
            return [service.storage.stats()["accepted"] for service in (first, second)]

    assert asyncio.run(accepted()) == [2, 1]


def test_connections_come_from_the_ports_that_they_are_told() -> None:
    async def sources() -> list[int]:
        seen: list[int] = []

        def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            seen.append(writer.get_extra_info("peername")[1])
            writer.close()

        async with await asyncio.start_server(take, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            await pull([Clients("bulk", 2, {SIZE: 1}, source_ports=PORTS)], [port], 0.2)
        return seen

    assert sorted(asyncio.run(sources())) == PORTS
