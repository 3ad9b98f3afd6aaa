"""Resumes that fail, or are needed again, or that somebody else ends.

`node-0` is asked first, and breaks.
"""

import asyncio

import pytest

from tests.scenarios.reader import get, read, read_object, whole
from tests.scenarios.scene import in_turn, now, scene, turns
from tests.scenarios.test_resume import KEY, SIGNED, STILL, sent_again
from tests.support.faults import (
    LAST_BYTES,
    AnswersLate,
    DiesAfter,
    Fails,
    Fault,
    NeverAnswers,
    Resets,
    StallsAfter,
    Trickles,
)
from tests.support.storage import Storage
from tests.support.virtual_time import run


def test_a_body_goes_on_as_often_as_nodes_die() -> None:
    async def main() -> None:
        nodes = Storage(DiesAfter(50_000)), Storage(DiesAfter(50_000))
        async with scene(*nodes, policies=in_turn(), ejection={"failures": 100}) as stage:
            seen = await read_object(stage, KEY)
            assert seen.took == round(6 * LAST_BYTES, 9)
            assert [node.attempts for node in nodes] == [4, 3]
            asked = [*sent_again(nodes[0]), *sent_again(nodes[1])]
            assert {span for span, _ in asked} == {None} | {b"bytes=%d00000-307199" % n for n in (1, 2, 3)} | {
                b"bytes=%d-307199" % n for n in (50_000, 150_000, 250_000)
            }

    run(main())


def test_a_body_goes_on_no_more_often_than_the_policy_says() -> None:
    async def main() -> None:
        nodes = Storage(DiesAfter(50_000)), Storage(DiesAfter(50_000))
        policies = in_turn(resume={"times": 2})
        async with scene(*nodes, policies=policies, ejection={"failures": 100}) as stage:
            seen = await read(stage, get(KEY))
            assert (seen.is_cut, seen.body) == (True, whole(KEY)[:150_000])
            assert "cut after 150000 bytes: the policy allows no more resumes" in stage.told()
            assert stage.count("bodies_cut_total") == {(): 1}
            assert stage.outcomes == {("GetObject", "200", "cut"): 1}

    run(main())


def test_without_resume_a_broken_body_is_cut() -> None:
    async def main() -> None:
        second = Storage()
        async with scene(Storage(DiesAfter(50_000)), second, policies=in_turn(resume=False)) as stage:
            seen = await read(stage, get(KEY))
            assert (seen.is_cut, seen.body) == (True, whole(KEY)[:50_000])
            assert second.attempts == 0

    run(main())


@pytest.mark.parametrize(
    "fault, gap",
    [
        (Resets(), LAST_BYTES),
        (Fails(500), LAST_BYTES),
        (Fails(503, "SlowDown"), LAST_BYTES),
        (NeverAnswers(), LAST_BYTES + 0.5),
        (AnswersLate(5), LAST_BYTES + 0.5),
    ],
    ids=repr,
)
def test_a_third_node_helps_when_the_second_fails_too(fault: Fault, gap: float) -> None:
    async def main() -> None:
        nodes = Storage(DiesAfter(50_000)), Storage(fault), Storage()
        async with scene(*nodes, policies=in_turn()) as stage:
            seen = await read_object(stage, KEY)
            assert (seen.gap, nodes[2].attempts) == (gap, 1)

    run(main())


def test_a_node_that_broke_a_body_off_is_asked_again_when_there_is_no_other() -> None:
    async def main() -> None:
        node = Storage(DiesAfter(100_000))
        async with scene(node, ejection={"failures": 100}) as stage:
            seen = await read_object(stage, KEY)
            assert LAST_BYTES < seen.gap <= LAST_BYTES + 0.025, "after a short pause"
            assert [span for span, _ in sent_again(node)] == [None, *(b"bytes=%d00000-307199" % n for n in (1, 2, 3))]

    run(main())


def test_a_body_that_no_node_goes_on_with_is_cut_for_a_reason_that_is_told() -> None:
    async def main() -> None:
        first = Storage(DiesAfter(50_000))
        async with scene(first, Storage(Fails(500)), policies=in_turn()) as stage:
            asyncio.get_running_loop().call_later(LAST_BYTES / 2, first.set_fault, Fails(500))
            seen = await read(stage, get(KEY))
            assert (seen.is_cut, seen.body) == (True, whole(KEY)[:50_000])
            assert seen.took <= LAST_BYTES + 0.05
            assert stage.told()[-1] == "cut after 50000 bytes: Node node-0:9000: answered 500."

    run(main())


@pytest.mark.parametrize("seconds", [1.5, 5, 50])
def test_a_stall_is_waited_for_when_no_node_can_go_on(seconds: float) -> None:
    async def main() -> None:
        first = Storage(StallsAfter(100_000, seconds))
        async with scene(first, Storage(Fails(500)), policies=in_turn()) as stage:
            asyncio.get_running_loop().call_later(0.5, first.set_fault, Fails(500))
            seen = await read_object(stage, KEY)
            assert (seen.gap, seen.took) == (seconds, seconds)
            assert stage.idle >= 1

    run(main())


def test_a_stalled_node_is_asked_again_when_there_is_no_other() -> None:
    async def main() -> None:
        node = Storage(StallsAfter(100_000, next=1))
        async with scene(node) as stage:
            seen = await read_object(stage, KEY)
            assert STILL < seen.gap <= STILL + 0.025
            assert (len(node.connections), node.connections[0].is_lost) == (2, True)

    run(main())


def test_a_stall_that_ends_while_another_node_is_asked_is_not_taken_for_its_answer() -> None:
    async def main() -> None:
        first, second = Storage(StallsAfter(100_000, STILL + 0.125)), Storage(AnswersLate(0.25))
        async with scene(first, second, policies=in_turn()) as stage:
            seen = await read_object(stage, KEY)
            assert seen.gap == STILL + 0.25
            assert stage.idle == 1

    run(main())


def test_a_stall_that_never_ends_is_cut_after_a_minute() -> None:
    async def main() -> None:
        node = Storage(StallsAfter(100_000))
        async with scene(node) as stage:
            asyncio.get_running_loop().call_later(0.5, node.set_fault, Fails(500))
            seen = await read(stage, get(KEY))
            assert (seen.is_cut, seen.body) == (True, whole(KEY)[:100_000])
            assert 60 < seen.took < 62

    run(main())


def test_a_node_that_dies_after_it_was_waited_for_is_cut() -> None:
    async def main() -> None:
        node = Storage(StallsAfter(100_000, 5), DiesAfter(200_000))
        async with scene(node) as stage:
            asyncio.get_running_loop().call_later(0.5, node.set_fault, Fails(500))
            seen = await read(stage, get(KEY))
            assert (seen.is_cut, seen.body) == (True, whole(KEY)[:200_000])
            assert 5 + LAST_BYTES <= seen.took <= 5.1

    run(main())


# Who else may end it.


def test_a_client_that_leaves_during_a_resume_leaves_nothing_behind() -> None:
    async def main() -> None:
        second = Storage(NeverAnswers())
        async with scene(Storage(DiesAfter(100_000)), second, policies=in_turn()) as stage, stage.dial() as client:
            await client.send(get(KEY))
            await asyncio.sleep(0.25)
            assert second.attempts == 1
            client.abort()
            await turns()
            await stage.rests()
            assert stage.idle == 0
            assert all(connection.is_lost for connection in second.connections)
            assert stage.outcomes == {("GetObject", "200", "client_gone"): 1}
            assert stage.count("retries_inflight") == {(): 0}

    run(main())


def test_a_drain_lets_a_resume_come_to_its_end() -> None:
    async def main() -> None:
        second = Storage(AnswersLate(0.25))
        async with scene(Storage(DiesAfter(100_000)), second, policies=in_turn()) as stage:
            reading = asyncio.create_task(read_object(stage, KEY), name="read")
            await asyncio.sleep(0.125)
            await stage.edge.drain(10)
            assert now() == 0.25 + LAST_BYTES
            assert (await reading).gap == 0.25 + LAST_BYTES

    run(main())


def test_a_drain_that_is_over_cuts_a_resume() -> None:
    async def main() -> None:
        second = Storage(NeverAnswers())
        async with scene(Storage(DiesAfter(100_000)), second, policies=in_turn()) as stage:
            reading = asyncio.create_task(read(stage, get(KEY)), name="read")
            await asyncio.sleep(0.125)
            await stage.edge.drain(0.25)
            seen = await reading
            assert (seen.is_cut, seen.body) == (True, whole(KEY)[:100_000])

    run(main())


def test_a_pipelined_request_is_answered_after_the_body_that_was_mended() -> None:
    async def main() -> None:
        nodes = Storage(DiesAfter(100_000, next=1)), Storage()
        async with scene(*nodes, policies=in_turn()) as stage, stage.dial() as client:
            await client.send(get(KEY) + get("/bucket/1000B"))
            assert (await client.read_response()).body == whole(KEY)
            assert (await client.read_response()).body == whole("/bucket/1000B")

    run(main())


def test_a_resume_waits_no_longer_than_the_deadline() -> None:
    async def main() -> None:
        nodes = Storage(DiesAfter(100_000)), *(Storage(NeverAnswers()) for _ in range(9))
        async with scene(*nodes, policies=in_turn(failover={"deadline": "2s", "attempts": 9})) as stage:
            seen = await read(stage, get(KEY))
            assert (seen.is_cut, seen.took) == (True, 2 + LAST_BYTES)
            assert stage.told()[-1] == "cut after 100000 bytes: No storage node gave a good answer within 2 s."

    run(main())


def test_time_in_the_body_does_not_count_against_the_deadline_of_its_resume() -> None:
    async def main() -> None:
        nodes = Storage(Trickles(30_000, 0.5), DiesAfter(200_000)), Storage(AnswersLate(0.25))
        async with scene(*nodes, policies=in_turn(failover={"deadline": "2s"})) as stage:
            seen = await read_object(stage, KEY)
            assert (seen.took, stage.attempts) == (3.25 + LAST_BYTES, {("0", "broke_off"): 1, ("1", "done"): 1})

    run(main())


@pytest.mark.parametrize("minutes, is_cut", [(13, False), (15, True)])
def test_a_signature_is_not_used_again_when_it_has_expired(minutes: int, is_cut: bool) -> None:
    async def main() -> None:
        step = minutes * 60 / 2000
        nodes = Storage(Trickles(100, step), DiesAfter(200_000)), Storage()
        policies = in_turn(resume={"stall": "5s"}, failover={"patience": "5s"})
        async with scene(*nodes, policies=policies) as stage:
            assert (await read(stage, get(KEY, SIGNED))).is_cut is is_cut

    run(main())
