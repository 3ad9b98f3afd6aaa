"""What is shown of retries and hedges: what is left of their budgets, who found none, and what was in vain."""

import asyncio

from tests.scenarios.reader import read_object
from tests.scenarios.scene import in_turn, scene, turns
from tests.support.faults import AnswersLate, Fails
from tests.support.storage import Storage
from tests.support.virtual_time import run

KEY = "/bucket/1000B"
# Half a hedge for each read; each connection is new, so that no tick rounds the delay.
GENEROUS = in_turn(hedge={"budget": "50%"})
NEW = {"idle": 0}


def test_retries_that_find_no_permit_are_counted_once_each_and_what_is_left_is_shown() -> None:
    async def main() -> None:
        sick, slow = Storage(Fails(500)), Storage(AnswersLate(0.125))
        policies = in_turn(hedge=False)
        async with scene(sick, slow, tiers=[0, 1], policies=policies, ejection={"failures": 100}) as stage:
            async with asyncio.TaskGroup() as group:
                for number in range(9):
                    group.create_task(read_object(stage, KEY), name=f"read {number}")
                await asyncio.sleep(0.0625)
                # Three of the nine are under way, and the others wait.
                assert stage.count("budget_left") == {("storage", "retry"): 0, ("storage", "hedge"): 0}
                assert stage.count("budget_denials_total") == {("storage", "retry"): 6}
            assert stage.count("budget_left")["storage", "retry"] == 3
            assert stage.count("budget_denials_total") == {("storage", "retry"): 6}

    run(main())


def test_hedges_are_saved_and_one_that_is_not_saved_is_denied() -> None:
    async def main() -> None:
        slow, other = Storage(), Storage()
        async with scene(slow, other, tiers=[0, 1], policies=GENEROUS, connections=NEW) as stage:
            for _ in range(3):
                await read_object(stage, KEY)
            assert stage.edge._attempts.budgets()["storage", "hedge"] == 1.5
            slow.set_fault(AnswersLate(0.375))
            async with asyncio.TaskGroup() as group:
                for number in range(4):
                    group.create_task(read_object(stage, KEY), name=f"read {number}")
            # Seven reads have earned three and a half.
            assert stage.count("hedges_total") == {("sent",): 3, ("won",): 3, ("wasted",): 0}
            assert stage.count("budget_denials_total") == {("storage", "hedge"): 1}

    run(main())


def test_a_policy_that_wants_no_hedges_is_not_denied_any() -> None:
    async def main() -> None:
        async with scene(Storage(AnswersLate(1)), Storage(), policies=in_turn(hedge=False)) as stage:
            await read_object(stage, KEY)
            assert stage.count("budget_denials_total") == {}
            assert stage.count("hedges_total")["sent",] == 0

    run(main())


def test_a_hedge_whose_answer_comes_second_is_wasted() -> None:
    async def main() -> None:
        first, second = Storage(), Storage()
        async with scene(first, second, tiers=[0, 1], policies=GENEROUS, connections=NEW) as stage:
            for _ in range(2):
                await read_object(stage, KEY)
            first.set_fault(AnswersLate(0.375))
            second.set_fault(AnswersLate(0.375))
            await read_object(stage, KEY)
            await turns()
            assert stage.count("hedges_total") == {("sent",): 1, ("won",): 0, ("wasted",): 1}

    run(main())


def test_what_had_come_from_an_attempt_that_was_beaten_is_counted() -> None:
    async def main() -> None:
        first, second = Storage(), Storage()
        async with scene(first, second, tiers=[0, 1], policies=GENEROUS, connections=NEW) as stage:
            for _ in range(2):
                await read_object(stage, KEY)
            assert stage.count("hedge_wasted_bytes_total") == {(): 0}
            # Both answers come in the same instant: one wins, and all of the other one is here.
            first.set_fault(AnswersLate(0.375))
            second.set_fault(AnswersLate(0.125))
            await read_object(stage, KEY)
            await turns()
            assert sum(count for (_, outcome), count in stage.attempts.items() if outcome == "beaten") == 1
            [wasted] = stage.count("hedge_wasted_bytes_total").values()
            assert wasted == 1000

    run(main())
