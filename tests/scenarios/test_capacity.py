"""Nodes are never sent more than is said that they can take: the others wait, by priority, and are shed in the end."""

import asyncio
from typing import Any

import pytest

from tests.scenarios.reader import get, read, read_object, whole
from tests.scenarios.scene import in_turn, now, put, scene, turns
from tests.scenarios.tenants import Watched, crowd, for_all
from tests.support.faults import AnswersLate, Closes, DiesAfter, DiesReceiving, Fails, NeverAnswers, StallsAfter
from tests.support.storage import Storage
from tests.support.virtual_time import run

KIB, MIB = 1024, 1024 * 1024
KEY = "/bucket/1B"
READ = get(KEY)
PATIENT = for_all(queue={"wait": "60s", "length": 1000}, hedge=False)
# Of requests of the normal class nine tenths of a capacity may be under way.
MOST, NORMAL = 10, 9


def rounds(requests: int, places: int, seconds: float) -> list[float]:
    """When requests are answered that take `seconds` each, so many at a time."""
    return [(number // places + 1) * seconds for number in range(requests)]


@pytest.mark.parametrize(
    "capacity, nodes, places",
    [
        ({"concurrency": MOST}, 2, NORMAL),
        ({"node": {"concurrency": MOST}}, 2, 2 * NORMAL),
        ({"concurrency": MOST, "node": {"concurrency": MOST}}, 2, NORMAL),
        ({"concurrency": 1}, 2, 1),
        ({"node": {"concurrency": 1}}, 2, 2),
    ],
    ids=["cluster", "nodes", "both", "one", "one each"],
)
def test_never_more_are_under_way(capacity: dict[str, Any], nodes: int, places: int) -> None:
    async def main() -> None:
        storages = [Watched(AnswersLate(0.125)) for _ in range(nodes)]
        async with scene(*storages, capacity=capacity, policies=PATIENT) as stage:
            requests = 8 * places  # a line that stands for longer sheds
            seen = await crowd(stage, [READ] * requests)
            assert sorted(each.took for each in seen) == rounds(requests, places, 0.125)
            assert {each.status for each in seen} == {200}
            if "node" in capacity:
                assert max(node.most for node in storages) <= min(NORMAL, capacity["node"]["concurrency"])

    run(main())


def test_writes_and_listings_count_too() -> None:
    async def main() -> None:
        node = Watched(AnswersLate(0.125))
        async with scene(node, capacity={"concurrency": 1}, policies=PATIENT) as stage:
            requests = [READ, put(b"x" * 100), get("/bucket?list-type=2"), get(KEY, method=b"HEAD"), put(b"y")]
            assert sorted(each.took for each in await crowd(stage, requests)) == rounds(5, 1, 0.125)
            assert node.most == 1

    run(main())


def test_a_body_holds_its_place_until_its_end() -> None:
    async def main() -> None:
        policies = for_all(limits={"bandwidth": {"sent": "1MiB/s"}}, queue={"wait": "60s"})
        async with scene(Storage(), capacity={"concurrency": 1}, policies=policies) as stage:
            long = asyncio.create_task(read_object(stage, "/bucket/1088KiB"), name="long")
            await turns()
            await read_object(stage, KEY)
            assert long.done()
            assert long.result().took == 0.8125

    run(main())


def test_who_waits_too_long_is_told_to_slow_down_and_costs_the_node_nothing() -> None:
    async def main() -> None:
        node = Storage(NeverAnswers())
        policies = for_all(queue={"wait": "500ms"}, failover={"attempts": 1, "deadline": "5s"}, hedge=False)
        async with scene(node, capacity={"concurrency": 1}, policies=policies) as stage:
            first = asyncio.create_task(read(stage, READ), name="first")
            await turns()
            refused = await read(stage, READ)
            assert (refused.status, refused.took) == (503, 0.5)
            assert b"<Code>SlowDown</Code>" in refused.body
            assert refused.response.header(b"x-amz-retry-after") == b"1000"
            assert (await first).status == 500
            assert node.attempts == 1

    run(main())


def test_a_full_line_refuses_at_once() -> None:
    async def main() -> None:
        node = Storage(AnswersLate(0.125))
        policies = for_all(queue={"length": 2}, hedge=False)
        async with scene(node, capacity={"concurrency": 1}, policies=policies) as stage:
            seen = await crowd(stage, [READ] * 5)
            assert sorted((each.status, each.took) for each in seen) == [
                *((200, 0.125), (200, 0.25), (200, 0.375), (503, 0), (503, 0))
            ]
            assert node.attempts == 3

    run(main())


def test_a_line_that_stands_for_a_second_sheds_the_newest() -> None:
    async def main() -> None:
        policies = for_all(hedge=False, failover={"patience": "60s"})
        async with scene(Storage(AnswersLate(4)), capacity={"concurrency": 1}, policies=policies) as stage:
            reads = []
            async with asyncio.TaskGroup() as group:
                for number in range(4):
                    reads.append(group.create_task(read(stage, READ), name=f"client {number}"))
                    await turns()
            seen = [task.result() for task in reads]
            assert [each.status for each in seen] == [200, 503, 503, 503]
            assert [each.took for each in seen[1:]] == sorted((each.took for each in seen[1:]), reverse=True)
            assert 1 <= seen[-1].took <= 1.25

    run(main())


def test_those_who_may_wait_for_long_are_not_shed_because_their_line_stands() -> None:
    """Regression: however long `queue.wait` was, a line in which nobody was served for a second shed."""

    async def main() -> None:
        policies = for_all(queue={"wait": "10s"}, hedge=False, failover={"patience": "60s"})
        async with scene(Storage(AnswersLate(4)), capacity={"concurrency": 1}, policies=policies) as stage:
            seen = await crowd(stage, [READ] * 4)
            assert sorted((each.status, each.took) for each in seen) == [(200, 4), (200, 8), (200, 12), (503, 10)]

    run(main())


def test_a_client_that_leaves_while_it_waits_or_is_served_leaks_no_place() -> None:
    async def main() -> None:
        node = Watched(AnswersLate(0.125))
        async with scene(node, capacity={"concurrency": 1}, policies=PATIENT) as stage:
            async with stage.dial() as served, stage.dial() as waiting:
                await served.send(READ)
                await turns()
                await waiting.send(READ)
                await turns()
                assert (stage.inflight, stage.count("queued")) == (1, {("storage",): 1})
            await stage.rests()
            assert [each.took for each in await crowd(stage, [READ] * 3)] == [0.125, 0.25, 0.375]

    run(main())


@pytest.mark.parametrize("delay", [0, 1, 2, 3, 4, 6, 8])
def test_clients_that_leave_around_the_moment_of_their_turn_leak_no_place(delay: int) -> None:
    async def main() -> None:
        async with scene(Storage(AnswersLate(0.125)), capacity={"concurrency": 1}, policies=PATIENT) as stage:
            first = asyncio.create_task(read(stage, READ), name="first")
            await turns()
            leavers = [asyncio.create_task(read(stage, READ), name=f"leaver {number}") for number in range(3)]
            await turns()
            last = asyncio.create_task(read(stage, READ), name="last")
            await asyncio.sleep(0.125)
            await turns(delay)
            for task in leavers:
                task.cancel()
            await asyncio.gather(*leavers, return_exceptions=True)
            assert (await first).took == 0.125
            assert (await last).took == 0.25
            await stage.rests()

    run(main())


@pytest.mark.parametrize("fault", [Fails(500, next=3), Closes(next=3), Fails(503, "SlowDown", next=1)])
def test_retries_take_places_like_all_attempts(fault: Fails | Closes) -> None:
    async def main() -> None:
        first, second = Storage(fault), Watched(AnswersLate(0.0625))
        policies = in_turn(queue={"wait": "60s"}, hedge=False, failover={"budget": "100%"})
        async with scene(first, second, capacity={"node": {"concurrency": 2}}, policies=policies) as stage:
            seen = await crowd(stage, [READ] * 12)
            assert {each.status for each in seen} == {200}
            assert second.most == 2

    run(main())


def test_a_hedge_is_sent_only_where_there_is_room() -> None:
    async def main() -> None:
        late, other = Storage(AnswersLate(0.4)), Storage()
        policies = in_turn(hedge={"budget": "50%"})
        sections: dict[str, Any] = {"tiers": [0, 1], "policies": policies, "connections": {"idle": 0}}
        async with scene(late, other, capacity={"concurrency": 1}, **sections) as stage:
            assert [(await read_object(stage, KEY)).took for _ in range(3)] == [0.4] * 3
            assert stage.count("hedges_total")[("sent",)] == 0
        async with scene(late, other, capacity={"concurrency": 3}, **sections) as stage:
            assert [(await read_object(stage, KEY)).took for _ in range(3)] == [0.4, 0.25, 0.4]
            assert stage.count("hedges_total")[("sent",)] == 1

    run(main())


@pytest.mark.parametrize("capacity", [{"concurrency": 1}, {"node": {"concurrency": 1}}])
@pytest.mark.parametrize("nodes", [1, 2])
def test_a_body_that_breaks_off_goes_on_in_the_same_place(capacity: dict[str, Any], nodes: int) -> None:
    """Regression: the broken attempt kept the place that the rest of its body waited for."""

    async def main() -> None:
        storages = [Storage(DiesAfter(100 * KIB, next=1)), *(Storage() for _ in range(nodes - 1))]
        async with scene(*storages, capacity=capacity, policies=in_turn()) as stage:
            seen = await read_object(stage, "/bucket/1MiB")
            assert seen.took < 0.1

    run(main())


def test_a_broken_body_goes_before_those_who_wait() -> None:
    async def main() -> None:
        broken, other = Storage(DiesAfter(100 * KIB, delay=0.0625, next=1)), Storage(AnswersLate(0.125))
        policies = in_turn(priority="background", queue={"wait": "60s"}, hedge=False)
        async with scene(broken, other, capacity={"concurrency": 1}, policies=policies, tiers=[0, 1]) as stage:
            body = asyncio.create_task(read_object(stage, "/bucket/1MiB"), name="body")
            await turns()
            others = asyncio.create_task(crowd(stage, [READ] * 4), name="others")
            took = (await body).took
            assert took < 0.25
            assert all(each.took > took - 0.0625 for each in (await others)[1:])

    run(main())


def test_a_body_that_stalls_without_room_elsewhere_is_waited_for() -> None:
    async def main() -> None:
        storages = Storage(StallsAfter(100 * KIB, seconds=10, next=1)), Storage()
        async with scene(*storages, capacity={"concurrency": 1}, policies=in_turn()) as stage:
            seen = await read_object(stage, "/bucket/1MiB")
            assert 10 <= seen.took < 10.1

    run(main())


@pytest.mark.parametrize("capacity", [{"bandwidth": "1MiB/s"}, {"node": {"bandwidth": "512KiB/s"}}])
def test_a_broken_body_keeps_its_pace_on_another_node(capacity: dict[str, Any]) -> None:
    async def main() -> None:
        storages = Storage(DiesAfter(512 * KIB, next=1)), Storage()
        async with scene(*storages, capacity=capacity, policies=in_turn()) as stage:
            seen = await read_object(stage, "/bucket/2MiB")
            slowest = 2.0 if "bandwidth" in capacity else 4.0
            assert 0.9 * slowest <= seen.took <= 1.02 * slowest

    run(main())


@pytest.mark.parametrize(
    "capacity, rate",
    [
        ({"bandwidth": "4MiB/s"}, 4),
        ({"node": {"bandwidth": "2MiB/s"}}, 4),
        ({"bandwidth": "3MiB/s", "node": {"bandwidth": "2MiB/s"}}, 3),
    ],
    ids=["cluster", "nodes", "both"],
)
def test_stated_bandwidth_is_kept_and_used_up_in_both_directions(capacity: dict[str, Any], rate: int) -> None:
    async def main() -> None:
        policies = for_all(queue={"wait": "60s"}, balance="round_robin")
        async with scene(Storage(), Storage(), capacity=capacity, policies=policies) as stage:
            seen = await crowd(stage, [get("/bucket/3MiB")] * 8)
            assert all(each.body == whole("/bucket/3MiB") for each in seen)
            assert 24 / rate * 0.96 <= now() <= 24 / rate * 1.01
            began = now()
            body = whole("/bucket/3MiB")
            assert {each.status for each in await crowd(stage, [put(body)] * 8)} == {200}
            if "bandwidth" in capacity:  # of uploads only the cluster's is kept: any node may get them
                assert 24 / rate * 0.96 <= now() - began <= 24 / rate * 1.01

    run(main())


def test_an_upload_that_dies_at_one_node_goes_on_at_its_pace_at_another() -> None:
    async def main() -> None:
        storages = Storage(DiesReceiving(300_000, next=1)), Storage()
        async with scene(*storages, capacity={"bandwidth": "1MiB/s"}, policies=in_turn()) as stage:
            assert (await read(stage, put(whole("/bucket/1MiB")))).status == 200
            assert storages[1].uploads[0].body_size == MIB
            assert 0.9 <= now() <= 1.1

    run(main())


@pytest.mark.parametrize("capacity", [{"bandwidth": "1MiB/s"}, {"node": {"bandwidth": "1MiB/s"}}])
def test_a_client_that_leaves_a_paced_body_leaves_no_debt_but_its_own(capacity: dict[str, Any]) -> None:
    async def main() -> None:
        async with scene(Storage(), capacity=capacity) as stage:
            async with stage.dial() as leaver:
                await leaver.send(get("/bucket/64MiB"))
                await asyncio.sleep(2)
            await stage.rests()
            assert (await read_object(stage, "/bucket/64KiB")).took <= 0.0703125

    run(main())
