"""Nodes that live traffic speaks against are left out, tried again, and brought back; no client sees any of it."""

import asyncio
from collections import Counter

import pytest

from tests.scenarios.reader import get, read, read_object
from tests.scenarios.scene import Scene, in_turn, now, put, scene, turns
from tests.support.faults import AnswersLate, DiesAfter, Fails, Fault, NeverAnswers, Resets, SendsGarbage
from tests.support.storage import Storage
from tests.support.virtual_time import run

KEY = "/bucket/1000B"
NAME = "node-0:9000"


async def steady(stage: Scene, seconds: float, rate: int = 100, path: str = KEY) -> None:
    """Reads one after the other, `rate` a second; each must succeed."""
    end = now() + seconds
    while now() < end:
        await read_object(stage, path)
        await asyncio.sleep(1 / rate)


def ejections(told: list[str]) -> list[str]:
    return [text for text in told if "ejected" in text or "tried by" in text or "again" in text]


@pytest.mark.parametrize("fault", [Fails(500), Resets(), SendsGarbage(), Fails(503, "ServiceUnavailable")], ids=repr)
def test_a_node_that_fails_fast_gets_at_most_a_hundredth_of_the_attempts(fault: Fault) -> None:
    async def main() -> None:
        nodes = [Storage(fault), *(Storage(AnswersLate(0.005)) for _ in range(3))]
        async with scene(*nodes) as stage:
            await steady(stage, 1, 200)
            before = [node.attempts for node in nodes]
            await steady(stage, 20, 200)
            attempts = [node.attempts - earlier for node, earlier in zip(nodes, before, strict=True)]
            assert attempts[0] <= 0.01 * sum(attempts)
            assert {outcome for _, _, outcome in stage.outcomes} == {"done"}
            assert {status for _, status, _ in stage.outcomes} == {"200"}

    run(main())


def test_five_failures_in_a_row_eject_and_the_next_read_is_spared() -> None:
    async def main() -> None:
        nodes = Storage(Fails(500)), Storage(), Storage()
        async with scene(*nodes, tiers=[0, 1, 1]) as stage:
            for _ in range(8):
                await read_object(stage, KEY)
            assert nodes[0].attempts == 5
            assert ejections(stage.told()) == [f"{NAME} ejected for 1 s: 5 failures in a row, the last: answered 500"]
            assert stage.count("node_ejected")[NAME,] == 1
            assert stage.count("node_ejections_total") == {(NAME,): 1}

    run(main())


def test_each_further_ejection_lasts_twice_as_long_and_one_request_tries_the_node() -> None:
    async def main() -> None:
        first = Storage(Fails(500))
        async with scene(first, Storage(), Storage(), tiers=[0, 1, 1]) as stage:
            await steady(stage, 20, 50)
            trials = [request.at for request in list(first.requests)[5:]]
            waits = [after - before for before, after in zip([first.requests[4].at, *trials], trials, strict=False)]
            assert len(waits) == 4
            for wait, length in zip(waits, [1, 2, 4, 8], strict=True):
                # A look each 250 ms finds that the time is over, and the next read, 20 ms later at most, tries.
                assert length <= wait <= length + 0.28

    run(main())


def test_the_longest_ejection_is_the_configurations() -> None:
    async def main() -> None:
        first = Storage(Fails(500))
        ejection = {"failures": 1, "time": "1s", "longest": "2s"}
        async with scene(first, Storage(), Storage(), tiers=[0, 1, 1], ejection=ejection) as stage:
            await steady(stage, 15, 50)
            told = [text for text in stage.told() if "ejected" in text]
            assert [text.partition(" for ")[2].partition(":")[0] for text in told] == ["1 s"] + ["2 s"] * (
                len(told) - 1
            )
            assert len(told) >= 6

    run(main())


def test_a_node_that_has_recovered_comes_back_slowly() -> None:
    async def main() -> None:
        nodes = Storage(Fails(500)), Storage(), Storage(), Storage()
        async with scene(*nodes, policies=in_turn()) as stage:
            await steady(stage, 1)
            nodes[0].clear()
            await steady(stage, 1)
            assert ejections(stage.told())[-2:] == [f"{NAME} is tried by one request", f"{NAME} takes requests again"]
            assert 0.1 <= stage.edge.nodes[NAME].weight < 0.5
            before = [node.attempts for node in nodes]
            await steady(stage, 1)
            early = nodes[0].attempts - before[0]
            await steady(stage, 5)
            before = [node.attempts for node in nodes]
            await steady(stage, 1)
            late = nodes[0].attempts - before[0]
            assert stage.edge.nodes[NAME].weight == 1
            assert 0 < early < late
            assert 24 <= late <= 26, "a quarter of 100 again"

    run(main())


def test_a_write_is_not_risked_on_an_ejected_node_while_reads_can_try_it() -> None:
    async def main() -> None:
        first = Storage(Fails(500))
        async with scene(first, Storage(), Storage(), tiers=[0, 1, 1]) as stage:
            for _ in range(5):
                await read_object(stage, KEY)
            await asyncio.sleep(1.5)
            for _ in range(3):
                assert (await read(stage, put(b"abc"))).status == 200
            assert first.attempts == 5
            await read_object(stage, KEY)
            assert first.attempts == 6, "a read tries it"

    run(main())


def test_with_writes_alone_a_node_comes_back_a_second_later() -> None:
    async def main() -> None:
        first = Storage(Fails(500, next=5))
        async with scene(first, Storage(), tiers=[0, 1]) as stage:
            for _ in range(5):
                assert (await read(stage, put(b"abc"))).status == 200
            assert first.attempts == 5
            while first.attempts == 5:
                await asyncio.sleep(0.25)
                assert (await read(stage, put(b"abc"))).status == 200
            assert (now(), stage.edge.nodes["node-0:9000"].is_ejected) == (2.0, False)

    run(main())


def test_a_write_tries_an_ejected_node_at_once_if_there_is_no_other() -> None:
    async def main() -> None:
        first = Storage(Fails(500, next=5))
        async with scene(first, Storage(), tiers=[0, 1]) as stage:
            for _ in range(5):
                await read_object(stage, KEY)
            stage.edge.set_node_state("node-1:9000", is_up=False)
            await asyncio.sleep(1.25)
            assert (await read(stage, put(b"abc"))).status == 200
            assert first.attempts == 6

    run(main())


def test_only_one_request_at_once_tries_a_node() -> None:
    async def main() -> None:
        first = Storage(Fails(500))
        async with scene(first, Storage(), Storage(), tiers=[0, 1, 1], policies=in_turn(hedge=False)) as stage:
            for _ in range(5):
                await read_object(stage, KEY)
            await asyncio.sleep(2)
            first.set_fault(AnswersLate(0.25))
            async with asyncio.TaskGroup() as group:
                reads = [group.create_task(read_object(stage, KEY), name=f"read {n}") for n in range(20)]
            assert first.attempts == 6
            assert Counter(task.result().took for task in reads) == {0.0: 19, 0.25: 1}

    run(main())


def test_a_trial_whose_client_leaves_is_made_again_at_once() -> None:
    async def main() -> None:
        first = Storage(Fails(500))
        async with scene(first, Storage(), Storage(), tiers=[0, 1, 1]) as stage:
            for _ in range(5):
                await read_object(stage, KEY)
            await asyncio.sleep(2)
            first.set_fault(AnswersLate(0.25))
            async with stage.dial() as client:
                await client.send(get(KEY))
                await asyncio.sleep(0.125)
            await turns()
            first.clear()
            await asyncio.sleep(0.5)
            await read_object(stage, KEY)
            assert first.attempts == 7
            assert ejections(stage.told())[-1] == f"{NAME} takes requests again"

    run(main())


@pytest.mark.parametrize("fault", [NeverAnswers(), Fails(500), Fails(503, "SlowDown")], ids=repr)
def test_a_trial_that_fails_is_hidden_from_its_client(fault: Fault) -> None:
    async def main() -> None:
        first = Storage(Fails(500))
        async with scene(first, Storage(), Storage(), tiers=[0, 1, 1]) as stage:
            for _ in range(5):
                await read_object(stage, KEY)
            await asyncio.sleep(2)
            first.set_fault(fault)
            assert (await read_object(stage, KEY)).took <= 0.5
            assert first.attempts == 6

    run(main())


def test_no_more_than_half_of_a_cluster_is_ejected() -> None:
    async def main() -> None:
        nodes = [*(Storage(Fails(500)) for _ in range(3)), Storage()]
        async with scene(*nodes, policies=in_turn(failover={"attempts": 4})) as stage:
            for _ in range(100):
                await read_object(stage, KEY)
            assert sum(stage.count("node_ejected").values()) == 2
            stuck = [node for node in nodes[:3] if node.attempts > 5]
            assert len(stuck) == 1

    run(main())


def test_the_last_node_in_use_is_never_ejected() -> None:
    async def main() -> None:
        first, second = Storage(Fails(500)), Storage(Fails(500))
        async with scene(first, second, policies=in_turn(), ejection={"at_most": "100%"}) as stage:
            statuses = [(await read(stage, get(KEY))).status for _ in range(20)]
            assert statuses == [500] * 20, "what the node says, since there is no other"
            assert sum(stage.count("node_ejected").values()) == 1

    run(main())


def test_a_node_that_fails_now_and_then_is_found_by_its_peers() -> None:
    async def main() -> None:
        nodes = Storage(Fails(500, every=3)), Storage(), Storage(), Storage()
        async with scene(*nodes, policies=in_turn()) as stage:
            await steady(stage, 3)
            [told] = [text for text in stage.told() if "ejected" in text][:1]
            assert told.startswith(f"{NAME} ejected for 1 s: 3")
            assert told.endswith("% of its attempts failed, 0% of its peers'")

    run(main())


def test_a_node_whose_bodies_break_is_found_by_its_peers() -> None:
    async def main() -> None:
        nodes = Storage(DiesAfter(500)), Storage(), Storage(), Storage()
        async with scene(*nodes, policies=in_turn()) as stage:
            await steady(stage, 3)
            assert any(text.startswith(f"{NAME} ejected for 1 s: 50% of its attempts failed") for text in stage.told())

    run(main())


def test_a_node_much_slower_than_its_peers_is_found() -> None:
    async def main() -> None:
        nodes = Storage(AnswersLate(0.2)), *(Storage(AnswersLate(0.005)) for _ in range(3))
        async with scene(*nodes, policies=in_turn(hedge=False)) as stage:
            async with asyncio.TaskGroup() as group:
                for number in range(8):
                    group.create_task(steady(stage, 4, 20), name=f"client {number}")
            told = [text for text in stage.told() if "ejected" in text]
            assert told[0] == f"{NAME} ejected for 1 s: first byte after 200 ms, 5 ms at its peers"

    run(main())


def test_equal_nodes_are_not_ejected_however_slow_they_are() -> None:
    async def main() -> None:
        nodes = [Storage(AnswersLate(0.4)) for _ in range(4)]
        async with scene(*nodes, policies=in_turn(hedge=False)) as stage:
            async with asyncio.TaskGroup() as group:
                for number in range(16):
                    group.create_task(steady(stage, 4, 20), name=f"client {number}")
            assert stage.count("node_ejections_total") == {}

    run(main())


def test_a_fault_of_the_requests_ejects_no_node() -> None:
    async def main() -> None:
        nodes = [Storage(Fails(500, every=3)) for _ in range(4)]
        async with scene(*nodes, policies=in_turn()) as stage:
            for _ in range(400):
                await read(stage, get(KEY))
                await asyncio.sleep(0.01)
            assert stage.count("node_ejections_total") == {}

    run(main())


# What probes and operators say.


@pytest.mark.parametrize("when_none_is_up, status", [("refuse", 503), ("use_all", 200)])
def test_what_becomes_of_requests_without_a_node_that_is_up_is_configured(when_none_is_up: str, status: int) -> None:
    async def main() -> None:
        async with scene(Storage(), Storage(), health={"when_none_is_up": when_none_is_up}) as stage:
            for name in stage.edge.nodes:
                stage.edge.set_node_state(name, is_up=False)
            assert (await read(stage, get(KEY))).status == status

    run(main())


def test_a_drained_node_is_not_used_even_if_none_is_left() -> None:
    async def main() -> None:
        async with scene(Storage(), health={"when_none_is_up": "use_all"}) as stage:
            stage.edge.set_node_state(NAME, is_up=False, share=0)
            assert (await read(stage, get(KEY))).status == 503

    run(main())


def test_a_body_goes_on_from_a_node_that_is_drained_meanwhile() -> None:
    async def main() -> None:
        nodes = Storage(), Storage()
        async with scene(*nodes, tiers=[0, 1]) as stage, stage.dial() as client:
            await client.send(get("/bucket/4MiB"))
            await client.read_until(b"\r\n\r\n")
            stage.edge.set_node_state(NAME, is_up=False, share=0)
            assert len(await client.read_exactly(4 << 20)) == 4 << 20
            await read_object(stage, KEY)
            assert [node.attempts for node in nodes] == [1, 1]

    run(main())


def test_the_own_zone_serves_until_too_few_of_it_can() -> None:
    async def main() -> None:
        nodes = [Storage() for _ in range(4)]
        async with scene(*nodes, zone="a", zones=["a", "a", "b", "b"], ejection={"failures": 1}) as stage:
            await steady(stage, 1)
            assert [node.attempts for node in nodes[2:]] == [0, 0]
            nodes[0].set_fault(Fails(500))
            await steady(stage, 1)
            nodes[1].set_fault(Fails(500))
            await steady(stage, 1)
            before = [node.attempts for node in nodes]
            await steady(stage, 0.5)
            attempts = [node.attempts - earlier for node, earlier in zip(nodes, before, strict=True)]
            assert sum(attempts[2:]) >= 49

    run(main())
