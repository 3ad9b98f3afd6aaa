"""Limits of requests, of bytes and of what is under way, at their exact times.

16 requests per second with a burst of a quarter of a second let five start at once (the fifth makes the debt), and then
one each 1/16 s, which is eight ticks of the fine clock. 64 KiB of a body come at once and make the debt for the next.
"""

import asyncio
from typing import Any

import pytest

from s3edge.qos.activity import Source
from tests.scenarios.reader import get, read, whole
from tests.scenarios.scene import now, put, scene
from tests.scenarios.tenants import RAG, TENANTS, TRAINING, Watched, claim, crowd, for_all, keep_asking, policy
from tests.support.faults import AnswersLate, Chunked
from tests.support.storage import Storage
from tests.support.virtual_time import run

KIB, MIB = 1024, 1024 * 1024
KEY = "/bucket/1B"
READ, WRITE, LIST = get(KEY), put(b"x"), get("/bucket?list-type=2")
OTHER_BUCKET = get("/other/1B")
AT_ONCE = 5
RATE = "16/s"
PATIENT = {"wait": "60s", "length": 1000}


def due(number: int) -> float:
    """When the request `number`, counted from 1, starts."""
    return max(0.0, (number - AT_ONCE) / 16)


def limited(where: str, limits: dict[str, Any]) -> dict[str, Any]:
    """Sections by which these are the limits of the edge, or of each tenant."""
    if where == "edge":
        return {"limits": limits, "policies": for_all(queue=PATIENT)}
    return {"policies": for_all(queue=PATIENT, limits=limits)}


async def times(requests: list[bytes], source: str = "192.0.2.1", **sections: Any) -> list[float]:
    """When these requests, sent in the same instant, are answered."""
    async with scene(Storage(), tenants=TENANTS, **sections) as stage:
        seen = await crowd(stage, requests, source)
        assert {each.status for each in seen} == {200}
        return [each.took for each in seen]


def test_a_tenants_rate_holds_to_the_tick() -> None:
    policies = for_all(limits={"requests": RATE}, queue=PATIENT)
    assert run(times([READ] * 30, policies=policies)) == [due(number) for number in range(1, 31)]


def test_the_rate_of_the_whole_edge_holds_for_all_tenants_together() -> None:
    requests = [get(KEY, claim((RAG, TRAINING)[number % 2])) for number in range(30)]
    took = run(times(requests, limits={"requests": RATE}, policies=for_all(queue=PATIENT)))
    assert sorted(took) == [due(number) for number in range(1, 31)]


def test_each_tenant_has_the_rate_of_a_policy_for_itself() -> None:
    requests = [get(KEY, claim(tenant)) for tenant in (RAG, TRAINING) for _ in range(10)]
    took = run(times(requests, policies=for_all(limits={"requests": RATE}, queue=PATIENT)))
    assert took == [due(number) for number in range(1, 11)] * 2


@pytest.mark.parametrize("where", ["edge", "tenant"])
def test_each_client_address_has_its_own_rate(where: str) -> None:
    async def main() -> None:
        per_client = {"per_client": {"requests": RATE}}
        async with scene(Storage(), **limited(where, per_client)) as stage:
            async with asyncio.TaskGroup() as group:
                crowds = [
                    group.create_task(crowd(stage, [READ] * 10, source), name=source)
                    for source in ("198.51.100.1", "198.51.100.2")
                ]
            for task in crowds:
                assert [each.took for each in task.result()] == [due(number) for number in range(1, 11)]

    run(main())


@pytest.mark.parametrize("where", ["edge", "tenant"])
def test_each_bucket_has_its_own_rate(where: str) -> None:
    took = run(times([READ, OTHER_BUCKET] * 10, **limited(where, {"per_bucket": {"requests": RATE}})))
    assert took[::2] == took[1::2] == [due(number) for number in range(1, 11)]


@pytest.mark.parametrize("kind, limited", [("read", READ), ("write", WRITE), ("list", LIST)])
def test_each_class_of_operations_has_its_own_rate(kind: str, limited: bytes) -> None:
    free = [each for each in (READ, WRITE, LIST) if each is not limited]
    policies = for_all(limits={"requests": {kind: RATE}}, queue=PATIENT)
    took = run(times([limited] * 10 + free * 10, policies=policies))
    assert took[:10] == [due(number) for number in range(1, 11)]
    assert set(took[10:]) == {0.0}


def test_those_who_wait_for_a_class_do_not_hold_up_the_other_classes() -> None:
    async def main() -> None:
        policies = for_all(limits={"requests": {"all": "1000/s", "write": RATE}}, queue=PATIENT)
        async with scene(Storage(), policies=policies) as stage:
            writes = asyncio.create_task(crowd(stage, [WRITE] * 20), name="writes")
            await asyncio.sleep(0.25)
            assert (await read(stage, READ)).took <= 1 / 128
            assert [each.took for each in await writes] == [due(number) for number in range(1, 21)]

    run(main())


@pytest.mark.parametrize("faults", [(), (Chunked(size=16 * KIB),)], ids=["length", "chunked"])
def test_bytes_sent_hold_their_rate_and_arrive_whole(faults: tuple[Chunked, ...]) -> None:
    async def main() -> None:
        policies = for_all(limits={"bandwidth": {"sent": "1MiB/s"}})
        async with scene(Storage(*faults), policies=policies) as stage:
            seen = await read(stage, get("/bucket/4MiB"))
            assert (seen.status, seen.is_cut, seen.body) == (200, False, whole("/bucket/4MiB"))
            # A quarter of a second at once; the last 64 KiB are a debt.
            assert 3.6875 <= seen.took <= 3.7578125
            assert seen.gap <= 0.0703125

    run(main())


def test_bytes_received_hold_their_rate_and_arrive_whole() -> None:
    async def main() -> None:
        body = whole("/bucket/4MiB")
        node = Storage()
        async with scene(node, policies=for_all(limits={"bandwidth": {"received": "1MiB/s"}})) as stage:
            seen = await read(stage, put(body))
            assert (seen.status, 3.6875 <= seen.took <= 3.7578125) == (200, True)
            assert node.uploads[0].body_size == 4 * MIB
            assert (await read(stage, get("/bucket/4MiB"))).took == 0, "the other direction is free"

    run(main())


@pytest.mark.parametrize("section", ["tenant", "edge", "client", "bucket"])
def test_many_bodies_share_the_rate_of_their_scope(section: str) -> None:
    async def main() -> None:
        bandwidth: dict[str, Any] = {"bandwidth": {"sent": "4MiB/s"}}
        within = {"client": {"per_client": bandwidth}, "bucket": {"per_bucket": bandwidth}}
        limits = within.get(section, bandwidth)
        sections = {"limits": limits} if section == "edge" else {"policies": for_all(limits=limits)}
        async with scene(Storage(), **sections) as stage:
            seen = await crowd(stage, [get("/bucket/4MiB")] * 8)
            assert all(each.body == whole("/bucket/4MiB") for each in seen)
            assert 7.625 <= max(each.took for each in seen) <= 7.8125

    run(main())


def test_small_bodies_pay_later_and_never_wait_in_their_middle() -> None:
    async def main() -> None:
        policies = for_all(limits={"bandwidth": {"sent": "128KiB/s"}}, queue=PATIENT)
        async with scene(Storage(), policies=policies) as stage:
            seen = [await read(stage, get("/bucket/64KiB")) for _ in range(5)]
            assert [each.gap for each in seen] == [0] * 5
            # 32 KiB are there at first, and each debt of 64 KiB takes half a second.
            assert now() == 0.25 + 3 * 0.5

    run(main())


def test_a_limit_of_requests_under_way_is_never_exceeded_at_the_nodes() -> None:
    async def main() -> None:
        node = Watched(AnswersLate(0.125))
        async with scene(node, policies=for_all(limits={"concurrency": 3}, queue=PATIENT)) as stage:
            seen = await crowd(stage, [READ] * 12)
            assert [each.took for each in seen] == [0.125] * 3 + [0.25] * 3 + [0.375] * 3 + [0.5] * 3
            assert node.most == 3

    run(main())


def test_bodies_under_way_count_until_their_end() -> None:
    async def main() -> None:
        policies = for_all(limits={"concurrency": 1, "bandwidth": {"sent": "1MiB/s"}}, queue=PATIENT)
        async with scene(Storage(), policies=policies) as stage:
            long = asyncio.create_task(read(stage, get("/bucket/2MiB")), name="long")
            await asyncio.sleep(0)
            short = await read(stage, READ)
            assert long.done()
            assert 1.6875 <= short.took <= 1.8125

    run(main())


def test_the_narrower_limit_of_two_decides_and_the_wider_one_is_used_up_by_others() -> None:
    async def main() -> None:
        policies = [policy(RAG, limits={"requests": "16/s"}, queue=PATIENT), policy(TRAINING, queue=PATIENT)]
        async with scene(Storage(), tenants=TENANTS, limits={"requests": "64/s"}, policies=policies) as stage:
            async with asyncio.TaskGroup() as group:
                rag = group.create_task(keep_asking(stage, get(KEY, claim(RAG)), 8, 10), name=RAG)
                training = group.create_task(keep_asking(stage, get(KEY, claim(TRAINING)), 8, 10), name=TRAINING)
            assert 0.95 * 164 <= len(rag.result()) <= 165 + 8
            assert 656 <= len(rag.result()) + len(training.result()) <= 657 + 16

    run(main())


def test_what_the_guard_holds_a_source_to_holds_until_it_lets_go() -> None:
    async def main() -> None:
        async with scene(Storage(), tenants=TENANTS, policies=for_all(queue=PATIENT)) as stage:
            admission = stage.edge.admission
            admission.hold(Source("tenant", TRAINING), 16.0, None)
            held = asyncio.create_task(crowd(stage, [get(KEY, claim(TRAINING))] * 30), name="held")
            assert (await crowd(stage, [get(KEY, claim(RAG))] * 30))[-1].took == 0
            await asyncio.sleep(0.5)
            admission.hold(Source("tenant", TRAINING), None, None)
            took = [each.took for each in await held]
            assert took == [due(number) for number in range(1, 14)] + [0.5] * 17
            assert list(admission.limiters()) == []

    run(main())


def test_a_wait_for_room_is_not_held_against_the_node_that_is_asked_then() -> None:
    """Over a kept connection it was: nodes that answered as ever were hedged, and blamed for a time-out."""

    async def main() -> None:
        policies = for_all(queue=PATIENT, limits={"concurrency": 1}, balance="round_robin", hedge={"budget": "50%"})
        async with scene(Storage(AnswersLate(0.2)), Storage(AnswersLate(0.2)), policies=policies) as stage:
            for _ in range(4):
                await read(stage, READ)
            waited = await crowd(stage, [READ] * 4)
            assert [round(each.first_byte, 3) for each in waited] == [0.2, 0.4, 0.6, 0.8]
            assert stage.told() == []
            assert stage.attempts == {("0", "done"): 4, ("1", "done"): 4}
            assert [round(node.latency, 3) for node in stage.edge.nodes.values()] == [0.2, 0.2]

    run(main())
