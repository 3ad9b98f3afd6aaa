"""Nodes of which nobody says what they can take: it is found out, and then kept to."""

import asyncio

import pytest

from s3edge.qos.concurrency import LEAST, MOST_FALL
from tests.scenarios.reader import get, read, read_object
from tests.scenarios.scene import Scene, now, scene
from tests.scenarios.tenants import RAG, TENANTS, TRAINING, claim, keep_asking, policy
from tests.support.faults import Fails, ServesAtOnce
from tests.support.storage import Storage
from tests.support.virtual_time import run

READ = get("/bucket/1KiB")
ADAPTIVE = {"node": {"concurrency": "adaptive"}}
QUEUE = {"wait": "60s", "length": 1000}
POLICIES = [
    policy(RAG, priority="interactive", queue=QUEUE, hedge=False),
    policy(TRAINING, priority="background", queue=QUEUE, hedge=False),
]


def limits(stage: Scene) -> list[float]:
    return [standing.most for standing in stage.edge.standings.values()]


@pytest.mark.parametrize("slots", [8, 16])
def test_the_limit_settles_near_what_the_nodes_can_work_on_and_wastes_little(slots: int) -> None:
    async def main() -> None:
        nodes = [Storage(ServesAtOnce(slots, 0.02)) for _ in range(2)]
        async with scene(*nodes, capacity=ADAPTIVE) as stage:
            assert limits(stage) == [LEAST, LEAST]
            await keep_asking(stage, READ, 4 * slots, 5)
            assert all(slots <= limit <= 2 * slots for limit in limits(stage))
            seen = await keep_asking(stage, READ, 4 * slots, 10)
            assert {each.status for each in seen} == {200}
            assert len(seen) >= 0.98 * 2 * slots / 0.02 * 5

    run(main())


def test_an_interactive_read_waits_hardly_longer_than_alone_beside_a_runaway() -> None:
    async def main() -> None:
        nodes = [Storage(ServesAtOnce(8, 0.01)) for _ in range(2)]
        async with scene(*nodes, tenants=TENANTS, capacity=ADAPTIVE, policies=POLICIES) as stage:
            runaway = asyncio.create_task(
                keep_asking(stage, get("/bucket/1KiB", claim(TRAINING)), 100, 10), name="runaway"
            )
            await asyncio.sleep(5)
            took = []
            while now() < 9.5:
                took.append((await read_object(stage, "/bucket/1KiB", claim(RAG))).took)
                await asyncio.sleep(0.007)
            took.sort()
            assert took[len(took) * 99 // 100] <= 0.03
            assert len(await runaway) >= 0.7 * 16 / 0.01 * 10

    run(main())


def test_a_node_that_asks_for_less_gets_less() -> None:
    async def main() -> None:
        node = Storage(ServesAtOnce(16, 0.02))
        async with scene(node, capacity=ADAPTIVE) as stage:
            await keep_asking(stage, READ, 64, 5)
            (before,) = limits(stage)
            node.set_fault(Fails(503, "SlowDown", next=1))
            await read(stage, READ)
            assert limits(stage) == [pytest.approx(MOST_FALL * before)]

    run(main())


def test_who_leaves_leaks_no_place() -> None:
    async def main() -> None:
        async with scene(Storage(ServesAtOnce(2, 0.1)), capacity=ADAPTIVE) as stage:
            tasks = [asyncio.create_task(read(stage, READ), name=f"client {number}") for number in range(40)]
            for task in tasks:
                await asyncio.sleep(0.013)
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await stage.rests()

    run(main())
