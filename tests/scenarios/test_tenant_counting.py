"""What is counted for tenants, and shown of them and of nodes at any moment."""

import asyncio

from tests.scenarios.reader import get, read, read_object
from tests.scenarios.scene import scene, turns
from tests.scenarios.tenants import RAG, TENANTS, TRAINING, claim, crowd, policy
from tests.support.edge import config_for
from tests.support.faults import AnswersLate, Trickles
from tests.support.storage import Storage
from tests.support.virtual_time import run

KEY = "/bucket/1000B"


def test_the_requests_of_each_tenant_are_counted_with_their_bytes() -> None:
    async def main() -> None:
        async with scene(Storage(), tenants=TENANTS) as stage:
            for _ in range(3):
                await read_object(stage, KEY, claim(RAG))
            await read(stage, get("/bucket/other", claim(TRAINING), method=b"DELETE"))
            await read_object(stage, KEY)
            assert stage.count("tenant_exchanges_total") == {
                (RAG, "read", "200", "done"): 3,
                (TRAINING, "write", "204", "done"): 1,
                ("default", "read", "200", "done"): 1,
            }
            assert stage.count("tenant_sent_bytes_total")[RAG,] == 3000

    run(main())


def test_a_head_that_is_refused_is_of_no_tenant() -> None:
    async def main() -> None:
        async with scene(Storage(), tenants=TENANTS) as stage:
            assert (await read(stage, b"GET  HTTP/1.1\r\n\r\n")).status == 400
            assert stage.count("tenant_exchanges_total") == {("default", "write", "400", "refused"): 1}

    run(main())


def test_what_waits_for_limits_is_in_flight_and_waiting_until_it_starts() -> None:
    policies = [policy(TRAINING, limits={"concurrency": 2}, queue={"wait": "5s"})]

    async def main() -> None:
        async with scene(Storage(AnswersLate(1)), tenants=TENANTS, policies=policies) as stage:
            reads = asyncio.create_task(crowd(stage, [get(KEY, claim(TRAINING))] * 5), name="crowd")
            other = asyncio.create_task(read(stage, get(KEY, claim(RAG))), name="other")
            await asyncio.sleep(0.5)
            assert stage.count("tenant_inflight") == {(TRAINING,): 5, (RAG,): 1}
            assert stage.count("tenant_waiting") == {(TRAINING,): 3}
            await asyncio.sleep(1)
            assert stage.count("tenant_waiting") == {(TRAINING,): 1}
            await reads
            await other
            assert stage.count("tenant_inflight") == stage.count("tenant_waiting") == {}
            # Two waited for one second, and one for two.
            assert stage.count("tenant_waits_total") == {(TRAINING,): 3}
            assert stage.count("tenant_waiting_seconds_total") == {(TRAINING,): 4}

    run(main())


def test_what_is_shed_is_counted_by_tenant_and_cause() -> None:
    policies = [policy(TRAINING, limits={"concurrency": 1}, queue={"wait": 0})]

    async def main() -> None:
        async with scene(Storage(AnswersLate(1)), tenants=TENANTS, policies=policies) as stage:
            seen = await crowd(stage, [get(KEY, claim(TRAINING))] * 3)
            assert sorted(each.status for each in seen) == [200, 503, 503]
            assert stage.count("shed_total")[TRAINING, "limit"] == 2
            assert (TRAINING, "capacity") not in stage.count("shed_total")

    run(main())


def test_what_no_node_can_take_in_time_is_shed_by_capacity() -> None:
    async def main() -> None:
        policies = [policy(RAG, queue={"wait": "1s"})]
        capacity = {"node": {"concurrency": 1}}
        async with scene(Storage(AnswersLate(3)), tenants=TENANTS, policies=policies, capacity=capacity) as stage:
            await crowd(stage, [get(KEY, claim(RAG))] * 3)
            assert stage.count("shed_total")[RAG, "capacity"] == 2
            assert (RAG, "limit") not in stage.count("shed_total")

    run(main())


def test_the_limit_of_a_node_is_what_was_stated_or_zero() -> None:
    async def main() -> None:
        async with scene(Storage(), capacity={"node": {"concurrency": 7}}) as stage:
            assert stage.count("node_limit") == {("node-0:9000",): 7}
            stage.edge.configure(config_for(("node-0", 9000)))
            assert stage.count("node_limit") == {("node-0:9000",): 0}

    run(main())


def test_an_adaptive_limit_is_shown_as_it_is_found_out() -> None:
    async def main() -> None:
        async with scene(
            Storage(Trickles(size=100, seconds=0.01)), capacity={"node": {"concurrency": "adaptive"}}
        ) as stage:
            [before] = stage.count("node_limit").values()
            for _ in range(10):
                await crowd(stage, [get(KEY)] * 40)
            await turns()
            [after] = stage.count("node_limit").values()
            assert 0 < before != after

    run(main())
