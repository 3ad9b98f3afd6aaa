"""Tenants share a stated bandwidth by their weights, by bytes and not by requests, and what one leaves another gets."""

import asyncio
from collections import Counter
from functools import partial
from typing import Any

import pytest

from tests.scenarios.reader import get
from tests.scenarios.scene import Scene, scene
from tests.scenarios.tenants import RAG, TENANTS, TRAINING, claim, policy
from tests.support.client import Client
from tests.support.edge import EDGE
from tests.support.faults import AnswersLate
from tests.support.storage import Storage
from tests.support.virtual_time import run

MIB = 1024 * 1024
RATE = 8 * MIB
CAPACITIES = [{"bandwidth": "8MiB/s"}, {"node": {"bandwidth": "4MiB/s"}}]
# Seconds until what all took at first, when nothing was owed yet, is evened out.
WARM_UP = 3
# So long that the 64 KiB which each body may have moved in advance do not count.
SECONDS = 8
PATIENT = {"wait": "60s", "length": 1000}


def weights(rag: float, training: float) -> list[dict[str, object]]:
    return [
        policy(RAG, weight=rag, queue=PATIENT, balance="round_robin"),
        policy(TRAINING, weight=training, queue=PATIENT, balance="round_robin"),
    ]


class CountingClient(Client):
    """Counts the bytes that it gets, for its tenant."""

    def __init__(self, got: Counter[str], tenant: str) -> None:
        super().__init__()
        self._got = got
        self._tenant = tenant

    def data_received(self, data: bytes) -> None:
        self._got[self._tenant] += len(data)
        super().data_received(data)

    async def read_greedily(self, path: str) -> None:
        while True:
            await self.send(get(path, claim(self._tenant)))
            response = await self.read_response()
            assert response.status == 200
            self._got[self._tenant] -= len(response.raw) - len(response.body)


async def shares(stage: Scene, sizes: dict[str, str], clients: dict[str, int]) -> Counter[str]:
    """The body bytes that greedy readers get in so many `SECONDS`.

    Of each tenant there are so many `clients`, whose objects have this size.
    """
    got: Counter[str] = Counter()
    connected, tasks = [], []
    for tenant, count in clients.items():
        for _ in range(count):
            _, client = await stage.network.connect(partial(CountingClient, got, tenant), *EDGE)
            connected.append(client)
            tasks.append(asyncio.create_task(client.read_greedily(f"/bucket/{sizes[tenant]}"), name=tenant))
    await asyncio.sleep(WARM_UP)
    before = got.copy()
    await asyncio.sleep(SECONDS)
    after = got - before
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for client in connected:
        client.abort()
        await client.lost()
    return after


def share_of_all(got: Counter[str]) -> float:
    """What was moved, as a part of what could have been."""
    return got.total() / (SECONDS * RATE)


@pytest.mark.parametrize("capacity", CAPACITIES, ids=["cluster", "nodes"])
@pytest.mark.parametrize(
    "rag, training", [("1MiB", "1MiB"), ("64KiB", "8MiB"), ("8MiB", "64KiB"), ("16KiB", "1MiB"), ("1MiB", "8KiB")]
)
def test_weights_of_3_to_1_are_shares_of_bytes_whatever_the_sizes(
    capacity: dict[str, Any], rag: str, training: str
) -> None:
    async def main() -> None:
        async with scene(Storage(), Storage(), tenants=TENANTS, capacity=capacity, policies=weights(3, 1)) as stage:
            got = await shares(stage, {RAG: rag, TRAINING: training}, {RAG: 8, TRAINING: 8})
            assert 2.85 <= got[RAG] / got[TRAINING] <= 3.15
            assert 0.98 <= share_of_all(got) <= 1.02

    run(main())


@pytest.mark.parametrize("capacity", CAPACITIES, ids=["cluster", "nodes"])
def test_the_share_of_an_idle_tenant_is_lent(capacity: dict[str, Any]) -> None:
    async def main() -> None:
        async with scene(Storage(), Storage(), tenants=TENANTS, capacity=capacity, policies=weights(9, 1)) as stage:
            got = await shares(stage, {TRAINING: "1MiB"}, {TRAINING: 8})
            assert 0.99 <= share_of_all(got) <= 1.01

    run(main())


@pytest.mark.parametrize("clients", [1, 4, 16])
def test_more_connections_are_no_larger_share(clients: int) -> None:
    async def main() -> None:
        capacity = {"bandwidth": "8MiB/s"}
        async with scene(Storage(), tenants=TENANTS, capacity=capacity, policies=weights(1, 1)) as stage:
            got = await shares(stage, {RAG: "1MiB", TRAINING: "256KiB"}, {RAG: 2, TRAINING: clients})
            assert 0.95 <= got[RAG] / got[TRAINING] <= 1.05
            assert 0.99 <= share_of_all(got) <= 1.01

    run(main())


@pytest.mark.parametrize("places", [{"concurrency": 10}, {"node": {"concurrency": 5}}], ids=["cluster", "nodes"])
def test_shares_hold_where_places_are_short_too(places: dict[str, Any]) -> None:
    async def main() -> None:
        capacity = {"bandwidth": "8MiB/s", **places}
        async with scene(Storage(), Storage(), tenants=TENANTS, capacity=capacity, policies=weights(3, 1)) as stage:
            got = await shares(stage, {RAG: "64KiB", TRAINING: "256KiB"}, {RAG: 10, TRAINING: 10})
            # Larger bodies hold their places for longer while they wait for bytes: that costs their tenant some turns.
            assert 2.85 <= got[RAG] / got[TRAINING] <= 3.3
            assert 0.98 <= share_of_all(got) <= 1.02

    run(main())


def test_places_alone_are_shared_by_bytes_too() -> None:
    async def main() -> None:
        nodes = [Storage(AnswersLate(0.03)) for _ in range(2)]
        async with scene(*nodes, tenants=TENANTS, capacity={"concurrency": 10}, policies=weights(3, 1)) as stage:
            got = await shares(stage, {RAG: "64KiB", TRAINING: "64KiB"}, {RAG: 20, TRAINING: 20})
            assert 2.95 <= got[RAG] / got[TRAINING] <= 3.05

    run(main())
