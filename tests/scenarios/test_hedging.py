"""Reads whose first byte is late: a second node is asked, the first good head wins, and nobody pays twice too often.

`node-0` is asked first as long as it can be used.
"""

import asyncio
from typing import Any

import pytest

from s3edge.resilience.hedge import FLOOR
from tests.scenarios.reader import get, read, read_object
from tests.scenarios.scene import Scene, in_turn, now, put, scene, turns
from tests.support.faults import AnswersLate, Chunked, Closes, Fails, Fault, NeverAnswers
from tests.support.storage import Storage
from tests.support.virtual_time import run

KEY = "/bucket/1000B"
# Each connection is new, so that no slot of the fine wheel rounds the delay.
NEW = {"idle": 0}
# As many first bytes as must be seen before the pace is theirs.
KNOWN = 64
# Half a hedge for each read: after two reads there is one.
GENEROUS = in_turn(hedge={"budget": "50%"})


async def warm(stage: Scene, count: int, path: str = KEY) -> None:
    """So many reads, one after the other, not all in the same instant."""
    for _ in range(count):
        await read_object(stage, path)
        await asyncio.sleep(0.001)


def first_then(*others: Storage, **sections: Any) -> dict[str, Any]:
    """Sections by which the first node has a tier of its own."""
    return {"tiers": [0] + [1] * len(others), "policies": GENEROUS, "connections": NEW, **sections}


def test_while_nothing_is_known_a_first_byte_is_late_after_250_ms() -> None:
    async def main() -> None:
        first, second = Storage(), Storage()
        async with scene(first, second, **first_then(second)) as stage:
            await warm(stage, 2)
            stage.told()
            first.set_fault(AnswersLate(1))
            seen = await read_object(stage, KEY)
            assert seen.first_byte == 0.25
            assert stage.told() == ["hedged at node-1:9000 after 250 ms", "the hedge at node-1:9000 won"]
            assert stage.attempts == {("0", "done"): 2, ("0", "beaten"): 1, ("1", "done"): 1}
            assert stage.count("hedges_total") == {("sent",): 1, ("won",): 1, ("wasted",): 0}
            assert stage.count("retries_total") == {}
            await turns()
            assert first.connections[-1].is_lost, "the loser's connection is closed, whatever is under way there"

    run(main())


def test_on_a_kept_connection_lateness_is_noticed_at_the_next_tick() -> None:
    async def main() -> None:
        first, second = Storage(), Storage()
        async with scene(first, second, tiers=[0, 1], policies=GENEROUS) as stage:
            await read_object(stage, KEY)
            await read_object(stage, KEY)
            first.set_fault(NeverAnswers())
            assert (await read_object(stage, KEY)).first_byte == 33 / 128
            assert (len(first.connections), len(second.connections), stage.idle) == (1, 1, 1)

    run(main())


@pytest.mark.parametrize("late, first_byte", [(0.2499, 0.2499), (0.251, 0.251), (0.375, 0.375)])
def test_a_first_node_that_answers_before_the_hedge_wins(late: float, first_byte: float) -> None:
    async def main() -> None:
        first, second = Storage(), Storage(AnswersLate(0.2))
        async with scene(first, second, **first_then(second)) as stage:
            await warm(stage, 2)
            first.set_fault(AnswersLate(late))
            assert (await read_object(stage, KEY)).first_byte == first_byte
            sent = int(late > 0.25)
            assert stage.count("hedges_total") == {("sent",): sent, ("won",): 0, ("wasted",): sent}
            beaten = {("1", "beaten"): 1} if sent else {}
            assert stage.attempts == {("0", "done"): 3} | beaten
            await turns()
            assert all(connection.is_lost for connection in second.connections)

    run(main())


def test_the_delay_follows_what_first_bytes_took_lately() -> None:
    async def main() -> None:
        first, second = Storage(AnswersLate(0.03)), Storage()
        async with scene(first, second, **first_then(second)) as stage:
            await warm(stage, KNOWN)
            first.set_fault(AnswersLate(1))
            seen = await read_object(stage, KEY)
            assert 0.06 < seen.first_byte <= 0.06 * 1.09

    run(main())


def test_the_delay_is_never_shorter_than_20_ms() -> None:
    async def main() -> None:
        first, second = Storage(), Storage()
        async with scene(first, second, **first_then(second)) as stage:
            await warm(stage, KNOWN)
            first.set_fault(AnswersLate(1))
            assert (await read_object(stage, KEY)).first_byte == FLOOR

    run(main())


def test_small_ranges_and_whole_objects_are_late_at_different_times() -> None:
    async def main() -> None:
        first, second = Storage(AnswersLate(0.1)), Storage()
        async with scene(first, second, **first_then(second)) as stage:
            await warm(stage, KNOWN)
            first.set_fault()
            for _ in range(KNOWN):
                await read(stage, get(KEY, b"Range: bytes=0-99"))
                await asyncio.sleep(0.001)
            first.set_fault(AnswersLate(1))
            assert (await read(stage, get(KEY, b"Range: bytes=0-99"))).first_byte == FLOOR
            assert 0.2 < (await read_object(stage, KEY)).first_byte <= 0.218

    run(main())


def test_a_delay_above_the_patience_is_no_hedge_but_a_retry() -> None:
    async def main() -> None:
        first, second = Storage(), Storage()
        policies = in_turn(hedge={"budget": "50%"}, failover={"patience": "100ms"})
        async with scene(first, second, tiers=[0, 1], policies=policies, connections=NEW) as stage:
            await warm(stage, 2)
            first.set_fault(NeverAnswers())
            assert (await read_object(stage, KEY)).first_byte == 0.1

    run(main())


# The budget.


def test_hedges_are_never_more_than_the_budgets_share_of_the_reads() -> None:
    async def main() -> None:
        first, second = Storage(AnswersLate(0.375)), Storage(AnswersLate(0.375))
        async with scene(first, second, policies=in_turn(), connections=NEW, ejection={"failures": 100}) as stage:
            # The slowest quantile is then what all take; a patience that grows with them keeps retries away.
            for number in range(1, 202):
                await read_object(stage, KEY)
                assert stage.count("hedges_total")["sent",] <= 0.05 * number
            assert stage.count("hedges_total")["sent",] >= 1
            assert stage.count("retries_total") == {}

    run(main())


def test_a_burst_of_late_reads_is_hedged_only_within_the_budget() -> None:
    async def main() -> None:
        first, second = Storage(), Storage()
        sections = first_then(second, policies=in_turn(), ejection={"failures": 100})
        async with scene(first, second, **sections) as stage:
            await warm(stage, 100)
            first.set_fault(AnswersLate(0.2))
            async with asyncio.TaskGroup() as group:
                reads = [group.create_task(read_object(stage, KEY), name=f"read {n}") for n in range(60)]
            # 5% of 160.
            assert sorted(task.result().first_byte for task in reads) == [FLOOR] * 8 + [0.2] * 52
            assert stage.count("hedges_total") == {("sent",): 8, ("won",): 8, ("wasted",): 0}

    run(main())


@pytest.mark.parametrize("other, hedges", [({"limits": {"requests": "1000/s"}}, 1), ({"hedge": {"budget": "40%"}}, 0)])
def test_policies_that_hedge_alike_learn_and_spend_as_one(other: dict[str, object], hedges: int) -> None:
    async def main() -> None:
        first, second = Storage(), Storage()
        generous = {"hedge": {"budget": "50%"}}
        policies = [
            {"policy": "other", "match": {"buckets": ["bucket"]}, "balance": "round_robin", **generous, **other},
            *in_turn(**generous),
        ]
        async with scene(first, second, **first_then(second, policies=policies)) as stage:
            await warm(stage, KNOWN, "/second/1000B")
            first.set_fault(AnswersLate(0.2))
            assert (await read_object(stage, KEY)).first_byte == (FLOOR if hedges else 0.2)
            assert stage.count("hedges_total") == {("sent",): hedges, ("won",): hedges, ("wasted",): 0}

    run(main())


@pytest.mark.parametrize("hedge", [False, {"budget": "0%"}])
def test_without_a_budget_nothing_is_hedged(hedge: object) -> None:
    async def main() -> None:
        first, second = Storage(), Storage()
        async with scene(first, second, **first_then(second, policies=in_turn(hedge=hedge))) as stage:
            await warm(stage, 20)
            first.set_fault(AnswersLate(0.4))
            assert (await read_object(stage, KEY)).first_byte == 0.4
            assert second.attempts == 0

    run(main())


# What is hedged.


@pytest.mark.parametrize(
    "request_bytes, is_hedged",
    [
        (get(KEY), True),
        (get(KEY, b"Range: bytes=0-9"), True),
        (get(KEY, method=b"HEAD"), True),
        (get("/bucket?list-type=2"), True),
        (get(KEY, method=b"DELETE"), False),
        (put(b"abc"), False),
        (put(b"abc", b"x-amz-copy-source: /bucket/other"), False),
        (b"POST /bucket/key?uploads HTTP/1.1\r\nHost: s3\r\nContent-Length: 0\r\n\r\n", False),
    ],
)
def test_only_reads_are_hedged(request_bytes: bytes, is_hedged: bool) -> None:
    async def main() -> None:
        first, second = Storage(), Storage()
        async with scene(first, second, **first_then(second)) as stage:
            await warm(stage, 4)
            first.set_fault(AnswersLate(0.4))
            seen = await read(stage, request_bytes)
            assert (seen.first_byte, second.attempts) == ((0.25, 1) if is_hedged else (0.4, 0))

    run(main())


def test_nothing_is_sent_twice_for_speed_while_a_node_is_throttled() -> None:
    async def main() -> None:
        first, second = Storage(), Storage()
        async with scene(first, second, **first_then(second)) as stage:
            await warm(stage, 4)
            first.set_fault(Fails(503, "SlowDown", next=1))
            await read_object(stage, KEY)
            first.set_fault(AnswersLate(0.4))
            second.set_fault(AnswersLate(0.4))
            assert (await read_object(stage, KEY)).first_byte == 0.4
            assert stage.count("hedges_total") == {("sent",): 0, ("won",): 0, ("wasted",): 0}

    run(main())


def test_an_only_node_is_not_asked_twice() -> None:
    async def main() -> None:
        first = Storage()
        async with scene(first, policies=GENEROUS) as stage:
            await warm(stage, 4)
            first.set_fault(AnswersLate(3))
            assert (await read_object(stage, KEY)).first_byte == 3
            assert first.attempts == 5

    run(main())


def test_the_body_of_a_hedge_that_won_is_relayed_to_its_end() -> None:
    async def main() -> None:
        first, second = Storage(), Storage(Chunked(1000))
        async with scene(first, second, **first_then(second)) as stage:
            await warm(stage, 2)
            first.set_fault(AnswersLate(1))
            seen = await read_object(stage, "/bucket/300KiB")
            assert seen.response.header(b"transfer-encoding") == b"chunked"

    run(main())


# Hedges that fail, and firsts that do.


@pytest.mark.parametrize("fault", [Fails(500), Closes()], ids=repr)
def test_a_hedge_that_fails_leaves_the_first_to_answer(fault: Fault) -> None:
    async def main() -> None:
        first, second = Storage(), Storage(fault)
        async with scene(first, second, **first_then(second)) as stage:
            await warm(stage, 2)
            first.set_fault(AnswersLate(0.4))
            assert (await read_object(stage, KEY)).first_byte == 0.4
            assert stage.count("hedges_total") == {("sent",): 1, ("won",): 0, ("wasted",): 1}

    run(main())


def test_a_first_that_fails_late_leaves_the_hedge_to_answer() -> None:
    async def main() -> None:
        first, second = Storage(), Storage(AnswersLate(0.2))
        async with scene(first, second, **first_then(second)) as stage:
            await warm(stage, 2)
            first.set_fault(AnswersLate(0.375), Fails(500))
            assert (await read_object(stage, KEY)).first_byte == 0.45
            assert stage.attempts == {("0", "done"): 2, ("0", "error"): 1, ("1", "done"): 1}

    run(main())


def test_when_both_fail_a_third_node_answers() -> None:
    async def main() -> None:
        first, second, third = Storage(), Storage(Fails(500)), Storage()
        async with scene(first, second, third, tiers=[0, 1, 2], policies=GENEROUS, connections=NEW) as stage:
            await warm(stage, 2)
            first.set_fault(AnswersLate(0.3), Fails(500))
            seen = await read_object(stage, KEY)
            assert 0.3 <= seen.first_byte <= 0.3 + 0.025, "at once, or after the pause of a second retry"
            assert third.attempts == 1

    run(main())


def test_a_client_that_leaves_ends_both_attempts() -> None:
    async def main() -> None:
        first, second = Storage(), Storage(NeverAnswers())
        async with scene(first, second, **first_then(second)) as stage:
            await warm(stage, 2)
            first.set_fault(NeverAnswers())
            async with stage.dial() as client:
                await client.send(get(KEY))
                await asyncio.sleep(0.3)
                assert stage.inflight == 2
            await turns()
            await stage.rests()
            assert all(connection.is_lost for connection in (*first.connections, *second.connections))
            assert stage.attempts == {("0", "done"): 2, ("0", "client_gone"): 1, ("1", "client_gone"): 1}

    run(main())


def test_a_late_hedge_is_followed_by_a_retry_at_a_third_node() -> None:
    async def main() -> None:
        first, second, third = Storage(), Storage(NeverAnswers()), Storage()
        async with scene(first, second, third, tiers=[0, 1, 2], policies=GENEROUS, connections=NEW) as stage:
            await warm(stage, 2)
            first.set_fault(NeverAnswers())
            seen = await read_object(stage, KEY)
            assert seen.first_byte == 0.5
            assert [text for text in stage.told() if "timeout" in text] == [
                "node-0:9000 timeout: no first byte in 500 ms"
            ], "nothing is held against a hedge that had no time yet"
            assert stage.attempts == {("0", "done"): 2, ("0", "beaten"): 1, ("1", "beaten"): 1, ("2", "done"): 1}

    run(main())


# Lateness as evidence.


def test_a_node_that_is_late_beyond_patience_is_ejected_after_five_times() -> None:
    async def main() -> None:
        first, second = Storage(NeverAnswers()), Storage()
        async with scene(first, second, **first_then(second, policies=in_turn(hedge=False))) as stage:
            waits = [(await read_object(stage, KEY)).first_byte for _ in range(7)]
            assert waits == [0.5] * 5 + [0] * 2
            assert any(text.startswith("node-0:9000 ejected for 1 s: 5 failures in a row") for text in stage.told())
            assert first.attempts == 5

    run(main())


def test_a_hedge_alone_is_no_evidence() -> None:
    async def main() -> None:
        first, second = Storage(), Storage()
        async with scene(first, second, **first_then(second)) as stage:
            await warm(stage, 40)
            first.set_fault(AnswersLate(0.2))
            for _ in range(10):
                await read_object(stage, KEY)
            assert stage.count("hedges_total")["won",] == 10
            assert stage.count("node_ejections_total") == {}
            assert now() < 5

    run(main())
