"""What the runaway guard is told of tenants and client addresses."""

import asyncio
from typing import Any

import pytest

from s3edge.qos.activity import Activity, Source, read_report
from tests.scenarios.reader import get, read, read_object
from tests.scenarios.scene import Scene, put, put_head, scene, turns
from tests.scenarios.tenants import RAG, TENANTS, TRAINING, claim, for_all, policy
from tests.support.faults import Fails, NeverAnswers, Trickles
from tests.support.memory import SOURCE
from tests.support.storage import Storage
from tests.support.virtual_time import run

KIB, MIB = 1024, 1024 * 1024
KEY = "/bucket/1000B"
CLIENT = Source("client", SOURCE)
DEFAULT = Source("tenant", "default")
# A node that by itself gives 2 MiB/s to each body.
STEADY = Trickles(size=64 * KIB, seconds=1 / 32)
GUARDED = for_all(guard={})


def told(stage: Scene, of: str = "all") -> dict[Source, Activity]:
    """What the guard of a policy is told since the last call; no other one is told anything."""
    activity = stage.edge.activity()
    assert activity.keys() <= {of}
    return dict(read_report(activity.get(of, [])))


def test_a_request_counts_for_its_tenant_and_for_its_client_address() -> None:
    async def main() -> None:
        async with scene(Storage(), tenants=TENANTS, policies=GUARDED) as stage:
            await read_object(stage, KEY, claim(RAG))
            await read(stage, get(KEY), source="192.0.2.9")
            seen = told(stage)
            other = Source("client", "192.0.2.9")
            assert seen.keys() == {Source("tenant", RAG), CLIENT, DEFAULT, other}
            for activity in seen.values():
                assert (activity.requests, activity.sent, activity.received, activity.connections) == (1, 1000, 0, 1)
                assert (activity.errors, activity.failed, activity.lists, activity.shed) == (0, 0, 0, 0)
            assert told(stage) == {}

    run(main())


@pytest.mark.parametrize("guard", [{"mode": "off"}, None], ids=["off", "none"])
def test_nothing_is_counted_without_a_guard_or_if_it_is_off(guard: dict[str, Any] | None) -> None:
    sections = {"weight": 2} if guard is None else {"guard": guard}

    async def main() -> None:
        async with scene(Storage(), policies=for_all(**sections)) as stage:
            await read_object(stage, KEY)
            assert stage.edge.activity() == {}

    run(main())


def test_a_request_is_told_to_the_guard_that_its_policy_has() -> None:
    policies = [policy(RAG, guard={"mode": "observe"}), policy(TRAINING, guard={"mode": "off"}), *GUARDED]

    async def main() -> None:
        async with scene(Storage(), tenants=TENANTS, policies=policies) as stage:
            await read_object(stage, KEY, claim(TRAINING))
            await read_object(stage, KEY, claim(RAG))
            await read_object(stage, KEY)
            activity = stage.edge.activity()
            assert activity.keys() == {RAG, "all"}
            assert {source for source, _ in read_report(activity[RAG])} == {Source("tenant", RAG), CLIENT}
            assert {source for source, _ in read_report(activity["all"])} == {DEFAULT, CLIENT}

    run(main())


def test_different_ranges_of_an_object_are_different_things_and_the_same_range_is_not() -> None:
    async def main() -> None:
        async with scene(Storage(), policies=GUARDED) as stage:
            for first in (0, 100, 100, 100):
                await read(stage, get(KEY, b"Range: bytes=%d-%d" % (first, first + 9)))
            activity = told(stage)[CLIENT]
            assert (activity.requests, len(activity.marks)) == (4, 2)

    run(main())


def test_a_list_and_an_object_that_is_missing_are_counted_as_such() -> None:
    async def main() -> None:
        async with scene(Storage(Fails(404, "NoSuchKey")), policies=GUARDED) as stage:
            assert (await read(stage, get("/bucket?list-type=2"))).status == 404
            activity = told(stage)[DEFAULT]
            assert (activity.lists, activity.errors, activity.missing, activity.denied) == (1, 1, 1, 0)

    run(main())


def test_what_a_node_denies_counts_for_the_address_and_not_for_the_tenant_whose_key_was_claimed() -> None:
    async def main() -> None:
        async with scene(Storage(Fails(403, "AccessDenied")), tenants=TENANTS, policies=GUARDED) as stage:
            await read(stage, get(KEY, claim(RAG)))
            seen = told(stage)
            assert (seen[CLIENT].requests, seen[CLIENT].denied) == (1, 1)
            assert seen[CLIENT].connections == 1
            assert Source("tenant", RAG) not in seen

    run(main())


def test_a_connection_counts_once_with_its_first_request() -> None:
    async def main() -> None:
        async with scene(Storage(), policies=GUARDED) as stage, stage.dial() as client:
            for _ in range(3):
                await client.send(get(KEY))
                await client.read_response("GET")
            activity = told(stage)[CLIENT]
            assert (activity.requests, activity.connections) == (3, 1)
            await client.send(get(KEY))
            await client.read_response("GET")
            assert told(stage)[CLIENT].connections == 0

    run(main())


def test_a_body_to_the_client_is_counted_while_it_moves_and_each_byte_once() -> None:
    async def main() -> None:
        async with scene(Storage(STEADY), policies=GUARDED) as stage:
            reading = asyncio.create_task(read(stage, get("/bucket/8MiB")), name="read")
            counted = []
            for _ in range(3):
                await asyncio.sleep(1)
                activity = told(stage)[DEFAULT]
                assert activity.requests == 0
                counted.append(activity.sent)
            assert counted == pytest.approx([2 * MIB] * 3, rel=0.05)
            assert (await reading).status == 200
            await turns()
            activity = told(stage)[DEFAULT]
            assert (activity.requests, sum(counted) + activity.sent) == (1, 8 * MIB)

    run(main())


def test_a_body_from_the_client_is_counted_while_it_moves_and_each_byte_once() -> None:
    async def main() -> None:
        async with scene(Storage(), policies=GUARDED) as stage, stage.dial() as client:
            await client.send(put_head(2 * MIB))
            await client.send(bytes(MIB))
            await turns()
            assert told(stage)[CLIENT].received == MIB
            assert told(stage) == {}
            await client.send(bytes(MIB))
            assert (await client.read_response("PUT")).status == 200
            await turns()
            activity = told(stage)[CLIENT]
            assert (activity.requests, activity.received) == (1, MIB)

    run(main())


def test_a_body_that_is_sent_to_a_second_node_has_come_from_the_client_once() -> None:
    body = bytes(MIB // 2)

    async def main() -> None:
        nodes = Storage(NeverAnswers()), Storage()
        policies = for_all(guard={}, balance="round_robin", failover={"patience": "1s"})
        async with scene(*nodes, policies=policies) as stage, stage.dial() as client:
            await client.send(put(body))
            sent = asyncio.create_task(client.read_response("PUT"), name="upload")
            counted = 0
            while not sent.done():
                await asyncio.sleep(0.25)
                counted += sum(activity.received for source, activity in told(stage).items() if source == CLIENT)
            assert (await sent).status == 200
            assert counted == len(body)

    run(main())


@pytest.mark.parametrize(
    "limits,sources",
    [
        ({"requests": "1/s"}, {Source("tenant", RAG)}),
        ({"per_client": {"requests": "1/s"}}, {CLIENT}),
        ({"per_bucket": {"requests": "1/s"}}, {Source("tenant", RAG)}),
        ({"connections": 1}, {Source("tenant", RAG)}),
    ],
    ids=["tenant", "client", "bucket", "connections"],
)
def test_what_is_shed_counts_for_whose_limit_it_was(limits: dict[str, Any], sources: set[Source]) -> None:
    policies = for_all(guard={}, limits=limits, queue={"wait": 0, "length": 1})

    async def main() -> None:
        async with scene(Storage(), tenants=TENANTS, policies=policies) as stage, stage.dial() as client:
            await client.send(get(KEY, claim(RAG)))
            assert (await client.read_response("GET")).status == 200
            assert told(stage).keys() == {Source("tenant", RAG), CLIENT}
            assert (await read(stage, get(KEY, claim(RAG)))).status == 503
            seen = told(stage)
            assert seen.keys() == sources
            assert {(activity.requests, activity.shed) for activity in seen.values()} == {(1, 1)}

    run(main())


@pytest.mark.parametrize("limits", [{"requests": "1/s"}, {"per_bucket": {"requests": "1/s"}}])
def test_what_a_limit_of_the_whole_edge_sheds_counts_for_tenant_and_address(limits: dict[str, Any]) -> None:
    policies = for_all(guard={}, limits={"concurrency": 100}, queue={"wait": 0, "length": 1})

    async def main() -> None:
        async with scene(Storage(), limits=limits, policies=policies) as stage:
            await read_object(stage, KEY)
            told(stage)
            assert (await read(stage, get(KEY))).status == 503
            assert {source: activity.shed for source, activity in told(stage).items()} == {DEFAULT: 1, CLIENT: 1}

    run(main())


@pytest.mark.parametrize("held", [Source("tenant", RAG), CLIENT], ids=str)
def test_what_is_shed_since_the_guard_holds_its_source_counts_for_that_source(held: Source) -> None:
    policies = for_all(guard={}, queue={"wait": 0, "length": 1})

    async def main() -> None:
        async with scene(Storage(), tenants=TENANTS, policies=policies) as stage:
            stage.edge.hold(held, 1.0, None)
            await read_object(stage, KEY, claim(RAG))
            told(stage)
            assert (await read(stage, get(KEY, claim(RAG)))).status == 503
            assert {source: activity.shed for source, activity in told(stage).items()} == {held: 1}
            assert stage.count("shed_total")[RAG, "guard"] == 1

    run(main())


def test_what_the_nodes_cannot_take_is_a_failure_and_nobody_s_fault() -> None:
    policies = for_all(guard={}, queue={"wait": "100ms", "length": 1})

    async def main() -> None:
        slow = Storage(Trickles(size=10, seconds=1))
        async with scene(slow, capacity={"concurrency": 1}, policies=policies) as stage, stage.dial() as client:
            await client.send(get(KEY))
            await turns()
            assert (await read(stage, get(KEY))).status == 503
            activity = told(stage)[DEFAULT]
            assert (activity.requests, activity.failed, activity.errors, activity.shed) == (1, 1, 0, 0)
            assert stage.count("shed_total")["default", "capacity"] == 1

    run(main())
