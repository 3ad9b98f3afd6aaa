"""Nodes that fail before the first byte: another one answers, and the client sees nothing but time.

`node-0` misbehaves, and is asked first.
"""

import asyncio
from itertools import pairwise

import pytest

from tests.scenarios.reader import get, read, read_object
from tests.scenarios.scene import in_turn, scene
from tests.support.faults import (
    GARBAGE,
    AnswersLate,
    Closes,
    DiesAfter,
    Fails,
    Fault,
    NeverAnswers,
    Resets,
    SendsGarbage,
)
from tests.support.storage import Storage
from tests.support.virtual_time import run

KEY = "/bucket/1000B"
NODE_0 = ("node-0", 9000)
KIB = 1024


@pytest.mark.parametrize(
    "fault, end, reason",
    [
        (Resets(), "closed", "closed: closed the connection instead of an answer"),
        (Closes(), "closed", "closed: closed the connection instead of an answer"),
        (DiesAfter(0, delay=0), "broke_off", "broke off after 0 bytes of the body"),
        (Fails(500), "error", "error: answered 500"),
        (Fails(502, "BadGateway"), "error", "error: answered 502"),
        (Fails(503, "ServiceUnavailable"), "error", "error: answered 503"),
        (Fails(504, "GatewayTimeout"), "error", "error: answered 504"),
        (Fails(503, "SlowDown"), "slow_down", "slow down: answered 503"),
        *((SendsGarbage(kind), "garbage", "garbage: ") for kind in GARBAGE),
    ],
    ids=repr,
)
def test_a_read_that_fails_at_one_node_is_answered_by_another_at_once(fault: Fault, end: str, reason: str) -> None:
    async def main() -> None:
        first, second = Storage(fault), Storage()
        async with scene(first, second, policies=in_turn()) as stage:
            seen = await read_object(stage, KEY)
            assert (seen.first_byte, seen.took) == (0, 0)
            assert stage.attempts == {("0", end): 1, ("1", "done"): 1}
            assert (first.attempts, second.attempts) == (1, 1)
            told = stage.told()
            assert any(text.startswith(f"node-0:9000 {reason}") for text in told)
            assert "retried at node-1:9000" in told
            assert stage.outcomes == {("GetObject", "200", "done"): 1}
            assert stage.count("retries_total") == {("node-1:9000",): 1}
            assert stage.count("retries_inflight") == {(): 0}

    run(main())


@pytest.mark.parametrize("method", [b"HEAD", b"DELETE"])
def test_what_has_no_body_goes_to_another_node_too(method: bytes) -> None:
    async def main() -> None:
        async with scene(Storage(Resets()), Storage(), policies=in_turn()) as stage:
            seen = await read(stage, get(KEY, method=method))
            assert (seen.status, seen.took) == (200 if method == b"HEAD" else 204, 0)
            assert stage.attempts == {("0", "closed"): 1, ("1", "done"): 1}

    run(main())


def test_a_node_that_refuses_connections_costs_nothing_and_counts_for_nothing() -> None:
    async def main() -> None:
        # A single attempt is allowed: an unreachable node has seen none of it.
        policies = in_turn(failover={"attempts": 1})
        async with scene(Storage(), Storage(), Storage(), policies=policies) as stage:
            stage.network.refuse(NODE_0)
            stage.network.refuse(("node-1", 9000))
            assert (await read_object(stage, KEY)).took == 0
            assert stage.attempts == {("0", "unreachable"): 1, ("1", "unreachable"): 1, ("2", "done"): 1}
            assert stage.count("retries_total") == {}

    run(main())


@pytest.mark.parametrize("is_silent", [True, False], ids=["drops connects", "never answers"])
def test_a_read_waits_half_a_second_for_a_node_that_says_nothing(is_silent: bool) -> None:
    async def main() -> None:
        first = Storage(*(() if is_silent else (NeverAnswers(),)))
        async with scene(first, Storage(), policies=in_turn()) as stage:
            if is_silent:
                stage.network.silence(NODE_0)
            seen = await read_object(stage, KEY)
            assert (seen.first_byte, seen.took) == (0.5, 0.5)
            assert stage.attempts == {("0", "beaten"): 1, ("1", "done"): 1}
            assert stage.told() == ["node-0:9000 timeout: no first byte in 500 ms", "retried at node-1:9000"]

    run(main())


def test_the_patience_with_a_first_byte_is_the_policys() -> None:
    async def main() -> None:
        policies = in_turn(failover={"patience": "2s"})
        async with scene(Storage(NeverAnswers()), Storage(), policies=policies) as stage:
            assert (await read_object(stage, KEY)).first_byte == 2

    run(main())


def test_a_node_that_is_back_is_asked_while_another_one_says_nothing() -> None:
    """A request whose other nodes were down at the moment of its retry once waited for the silent one for a minute."""

    async def main() -> None:
        first, second = Storage(), Storage(NeverAnswers())
        async with scene(first, second, policies=in_turn()) as stage:
            stage.network.refuse(NODE_0)
            asyncio.get_running_loop().call_later(0.75, stage.network.listen, NODE_0, first.accept)
            seen = await read_object(stage, KEY)
            assert seen.first_byte == 1
            assert stage.attempts == {("0", "unreachable"): 1, ("1", "beaten"): 1, ("0", "done"): 1}

    run(main())


def test_a_late_answer_that_is_still_the_first_is_taken() -> None:
    async def main() -> None:
        async with scene(Storage(AnswersLate(0.75)), Storage(AnswersLate(0.5)), policies=in_turn()) as stage:
            seen = await read_object(stage, KEY)
            assert seen.first_byte == 0.75, "asked at 0, while the other one was asked at 0.5"
            assert stage.attempts == {("0", "done"): 1, ("1", "beaten"): 1}

    run(main())


def test_a_kept_connection_whose_node_falls_silent_costs_no_more_than_a_new_one() -> None:
    async def main() -> None:
        first = Storage()
        async with scene(first, Storage(), tiers=[0, 1]) as stage:
            await read_object(stage, KEY)
            first.set_fault(NeverAnswers())
            seen = await read_object(stage, KEY)
            # Without a budget for a hedge the fine wheel's slot after 250 ms finds nothing to do.
            assert seen.first_byte == 0.5
            assert len(first.connections) == 1

    run(main())


def test_each_retry_goes_to_another_node_until_the_attempts_are_used_up() -> None:
    async def main() -> None:
        nodes = [Storage(Fails(500)) for _ in range(5)]
        async with scene(*nodes, policies=in_turn()) as stage:
            seen = await read(stage, get(KEY))
            assert (seen.status, b"InternalError" in seen.body) == (500, True), "a node's own words"
            assert [node.attempts for node in nodes] == [1, 1, 1, 0, 0]
            assert stage.attempts == {(str(number), "error"): 1 for number in range(3)}
            assert stage.outcomes == {("GetObject", "500", "done"): 1}

    run(main())


def test_the_first_retry_goes_at_once_and_the_later_ones_after_a_short_pause() -> None:
    async def main() -> None:
        nodes = [Storage(Fails(500)) for _ in range(5)]
        async with scene(*nodes, policies=in_turn(failover={"attempts": 5})) as stage:
            await read(stage, get(KEY))
            instants = [node.requests[0].at for node in nodes]
            pauses = [after - before for before, after in pairwise(instants)]
            assert pauses[0] == 0
            for pause, most in zip(pauses[1:], [0.025, 0.05, 0.1], strict=True):
                assert 0 < pause <= most

    run(main())


def test_of_several_bad_answers_the_last_is_passed_on() -> None:
    async def main() -> None:
        async with scene(
            Storage(Fails(500)), Storage(Fails(502, "BadGateway")), Storage(Resets()), policies=in_turn()
        ) as stage:
            seen = await read(stage, get(KEY))
            assert (seen.status, b"<Code>BadGateway<" in seen.body) == (502, True)
            assert stage.attempts == {("0", "error"): 1, ("1", "error"): 1, ("2", "closed"): 1}

    run(main())


def test_without_failover_a_failure_is_passed_on() -> None:
    async def main() -> None:
        first, second = Storage(Fails(500)), Storage()
        async with scene(first, second, policies=in_turn(failover=False)) as stage:
            assert (await read(stage, get(KEY))).status == 500
            assert second.attempts == 0

    run(main())


@pytest.mark.parametrize("status", [400, 403, 404, 409, 412, 416])
def test_an_answer_that_is_true_on_every_node_is_not_asked_for_again(status: int) -> None:
    async def main() -> None:
        first, second = Storage(Fails(status, "AccessDenied")), Storage()
        async with scene(first, second, policies=in_turn()) as stage:
            assert (await read(stage, get(KEY))).status == status
            assert (second.attempts, stage.attempts) == (0, {("0", "done"): 1})

    run(main())


# The deadline.


def test_the_deadline_ends_all_attempts() -> None:
    async def main() -> None:
        nodes = [Storage(NeverAnswers()) for _ in range(4)]
        async with scene(*nodes, policies=in_turn(failover={"deadline": "3s"})) as stage:
            seen = await read(stage, get(KEY))
            assert (seen.status, seen.took) == (500, 3)
            assert b"within 3 s" in seen.body
            assert [node.requests[0].at for node in nodes[:3]] == [0, 0.5, 1]
            assert nodes[3].attempts == 0

    run(main())
