"""Which limits had no room, for how many; and that no stranger makes a new series of any metric."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import pytest

from s3edge.qos.activity import Source
from tests.scenarios.reader import get, read
from tests.scenarios.scene import Scene, put, scene, turns
from tests.scenarios.tenants import RAG, TENANTS, TRAINING, claim, crowd, for_all, policy
from tests.support.faults import AnswersLate
from tests.support.node import Node, NodeEnd
from tests.support.storage import Storage
from tests.support.virtual_time import run

KEY = "/bucket/1000B"
WAITS = {"wait": "5s"}


@pytest.mark.parametrize(
    "limits, scope, limit",
    [
        ({"concurrency": 1}, "tenant", "concurrency"),
        ({"requests": {"all": "1/s"}}, "tenant", "requests"),
        ({"requests": {"read": "1/s"}}, "tenant", "requests.read"),
        ({"per_client": {"concurrency": 1}}, "client", "concurrency"),
        ({"per_bucket": {"concurrency": 1}}, "bucket", "concurrency"),
    ],
)
def test_who_waits_is_counted_by_the_limit_that_has_no_room(limits: dict[str, Any], scope: str, limit: str) -> None:
    async def main() -> None:
        policies = [policy(TRAINING, limits=limits, queue=WAITS)]
        async with scene(Storage(AnswersLate(1)), tenants=TENANTS, policies=policies) as stage:
            await crowd(stage, [get(KEY, claim(TRAINING))] * 2)
            assert stage.count("limit_hits_total") == {(TRAINING, scope, limit, "waited"): 1}

    run(main())


def test_a_limit_of_the_whole_edge_is_of_no_policy() -> None:
    async def main() -> None:
        policies = for_all(queue={"wait": 0})
        async with scene(Storage(AnswersLate(1)), limits={"concurrency": 1}, policies=policies) as stage:
            await crowd(stage, [get(KEY)] * 3)
            assert stage.count("limit_hits_total") == {("", "edge", "concurrency", "shed"): 2}

    run(main())


def test_who_waits_too_long_is_counted_twice_as_waiting_and_as_shed() -> None:
    async def main() -> None:
        policies = [policy(TRAINING, limits={"concurrency": 1}, queue={"wait": "1s"})]
        async with scene(Storage(AnswersLate(3)), tenants=TENANTS, policies=policies) as stage:
            await crowd(stage, [get(KEY, claim(TRAINING))] * 2)
            assert stage.count("limit_hits_total") == {
                (TRAINING, "tenant", "concurrency", "waited"): 1,
                (TRAINING, "tenant", "concurrency", "shed"): 1,
            }

    run(main())


def test_a_connection_too_many_is_a_hit_of_its_limit() -> None:
    async def main() -> None:
        async with scene(Storage(), limits={"connections": 1}) as stage, AsyncExitStack() as stack:
            await stack.enter_async_context(stage.dial())
            late = await stack.enter_async_context(stage.dial())
            await late.send(get(KEY))
            assert (await late.read_response()).status == 503
            assert stage.count("limit_hits_total") == {("", "edge", "connections", "shed"): 1}

    run(main())


def test_what_the_guard_holds_is_a_scope_of_its_own() -> None:
    async def main() -> None:
        async with scene(Storage(), tenants=TENANTS, policies=for_all(queue={"wait": 0})) as stage:
            stage.edge.hold(Source("tenant", TRAINING), 0.001, None)
            await crowd(stage, [get(KEY, claim(TRAINING))] * 3)
            hits = stage.count("limit_hits_total")
            assert {labels[:2] for labels in hits} == {("", "guard")}
            assert sum(hits.values()) == stage.count("shed_total")[TRAINING, "guard"]

    run(main())


def test_uploads_are_told_apart_by_how_they_are_signed() -> None:
    async def main() -> None:
        async with scene(Storage()) as stage:
            for kind in (b"UNSIGNED-PAYLOAD", b"UNSIGNED-PAYLOAD", b"a" * 64, b"STREAMING-WHATEVER"):
                await read(stage, put(b"123", b"x-amz-content-sha256: " + kind))
            await read(stage, put(b"123"))
            await read(stage, get(KEY))
            assert stage.count("uploads_total") == {("unsigned",): 2, ("signed",): 1, ("other",): 1, ("none",): 1}

    run(main())


async def says_anything(end: NodeEnd) -> None:
    """A node that answers with the status that the key says."""
    while True:
        request = await end.read_request()
        status = request.target.rpartition(b"/")[2][:3]
        await end.send(b"HTTP/1.1 %b Odd\r\nContent-Length: 0\r\n\r\n" % status)


def series(stage: Scene) -> set[tuple[str, ...]]:
    return {(name, *labels) for name, samples in stage.edge.meter.snapshot().items() for labels, _ in samples}


def test_unknown_tenants_buckets_operations_methods_and_statuses_make_no_new_series() -> None:
    """Strangers of each kind were there before, with statuses that HTTP does not know either."""

    async def strangers(stage: Scene, mark: str) -> None:
        who = claim(f"stranger-{mark}")
        for status in ("2", "4"):
            code = f"{status}{mark}"
            await read(stage, get(f"/bucket-{mark}/{code}", who))
            await read(stage, get(f"/bucket-{mark}/{code}?unheard-of={mark}", who))
            await read(stage, get(f"/bucket-{mark}/{code}", who, b"User-Agent: " + mark.encode(), method=b"DELETE"))
            await read(stage, put(b"1", b"x-amz-content-sha256: " + mark.encode(), who).replace(b"key", code.encode()))
            await read(stage, get(f"/bucket-{mark}/{code}", who, method=b"PATCH"))

    async def main() -> None:
        limits = {"per_bucket": {"concurrency": 1}, "per_client": {"requests": "1000/s"}}
        policies = [policy(RAG, limits=limits), *for_all(limits=limits)]
        async with scene(Node(*[says_anything] * 50), tenants=TENANTS, policies=policies) as stage:
            await strangers(stage, "50")
            await turns()
            before = series(stage)
            for mark in ("53", "54", "64", "99"):
                await strangers(stage, mark)
            await asyncio.sleep(1)
            assert series(stage) == before
            assert ("s3edge_exchanges_total", "GetObject", "4xx", "done") in before

    run(main())
