"""Retries within their budget: a sick cluster is not trampled, and who may not retry yet waits.

`node-0` fails at once, and is asked first.
"""

import asyncio

from tests.scenarios.reader import get, read, read_object
from tests.scenarios.scene import in_turn, scene
from tests.support.faults import AnswersLate, Fails, NeverAnswers
from tests.support.storage import Storage
from tests.support.virtual_time import run

KEY = "/bucket/1000B"


def test_a_sick_cluster_gets_three_retries_at_once_and_the_others_wait_their_turn() -> None:
    async def main() -> None:
        sick, slow = Storage(Fails(500)), Storage(AnswersLate(0.125))
        policies = in_turn(hedge=False)
        async with scene(sick, slow, tiers=[0, 1], policies=policies, ejection={"failures": 100}) as stage:
            async with asyncio.TaskGroup() as group:
                reads = [group.create_task(read_object(stage, KEY), name=f"read {n}") for n in range(9)]
            # No more than 15 are under way, of which 20% are 3.
            assert sorted(task.result().took for task in reads) == [0.125] * 3 + [0.25] * 3 + [0.375] * 3
            assert [round(request.at, 9) for request in slow.requests] == [0] * 3 + [0.125] * 3 + [0.25] * 3
            assert sick.attempts == 9

    run(main())


def test_the_retry_budget_grows_with_the_load() -> None:
    async def main() -> None:
        sick, good = Storage(Fails(500)), Storage(AnswersLate(0.25))
        policies = in_turn(hedge=False)
        async with scene(sick, good, tiers=[0, 1], policies=policies, ejection={"failures": 100}) as stage:
            stage.edge.set_node_state("node-0:9000", is_up=False)
            async with asyncio.TaskGroup() as group:
                for number in range(95):
                    group.create_task(read_object(stage, KEY), name=f"load {number}")
                await asyncio.sleep(0.125)
                stage.edge.set_node_state("node-0:9000", is_up=True)
                for number in range(40):
                    group.create_task(read_object(stage, KEY), name=f"read {number}")
                await asyncio.sleep(0.0625)
                assert good.attempts - 95 == (95 + 40) // 5
                assert stage.count("retries_inflight") == {(): 27}

    run(main())


def test_a_retry_that_waits_for_its_permit_ends_with_the_deadline() -> None:
    async def main() -> None:
        sick, silent = Storage(Fails(500)), Storage(NeverAnswers())
        policies = in_turn(hedge=False, failover={"deadline": "2s", "attempts": 2})
        async with scene(sick, silent, tiers=[0, 1], policies=policies, ejection={"failures": 100}) as stage:
            async with asyncio.TaskGroup() as group:
                reads = [group.create_task(read(stage, get(KEY)), name=f"read {n}") for n in range(5)]
            assert [task.result().took for task in reads] == [2] * 5
            assert silent.attempts == 3
            assert stage.count("retries_inflight") == {(): 0}

    run(main())


def test_a_client_that_leaves_while_it_waits_gives_its_place_to_the_next() -> None:
    async def main() -> None:
        sick, slow = Storage(Fails(500)), Storage(AnswersLate(0.25))
        policies = in_turn(hedge=False)
        async with scene(sick, slow, tiers=[0, 1], policies=policies, ejection={"failures": 100}) as stage:
            async with asyncio.TaskGroup() as group:
                reads = [group.create_task(read_object(stage, KEY), name=f"read {n}") for n in range(3)]
                await asyncio.sleep(0.0625)
                async with stage.dial() as leaver:
                    await leaver.send(get(KEY))
                    await asyncio.sleep(0.0625)
                    reads.append(group.create_task(read_object(stage, KEY), name="read 3"))
                    await asyncio.sleep(0.0625)
            assert [task.result().took for task in reads] == [0.25, 0.25, 0.25, 0.375]
            assert slow.attempts == 4

    run(main())
