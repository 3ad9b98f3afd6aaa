"""What clients do to get around limits, or to hurt others by them: none of it works."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import pytest

from s3edge.config.qos import Capacity
from s3edge.fleet.shared import Division
from s3edge.proxy.client import LINGER
from s3edge.proxy.session import UNWELCOME_TIMEOUT
from s3edge.qos.activity import Source
from s3edge.qos.scopes import OTHERS
from tests.scenarios.reader import get, read
from tests.scenarios.scene import Scene, fires, now, put_head, scene, turns
from tests.scenarios.tenants import RAG, TENANTS, TRAINING, claim, crowd, for_all, policy
from tests.support.faults import AnswersLate, Fails
from tests.support.storage import Storage
from tests.support.virtual_time import run

MIB = 1024 * 1024
KEY = "/bucket/1B"
READ = get(KEY)
FORGED = get(KEY, claim(RAG))
DENIES = Fails(status=403, code="SignatureDoesNotMatch")
PATIENT = {"wait": "60s", "length": 1000}


def connections(stage: Scene) -> dict[str, int]:
    return {name: limiter.connections for name, limiter in stage.edge.admission.limiters()}


@pytest.mark.parametrize("odd", ["/%FF%FE/k", f"/{'b' * 256}/k", "/a%0Ab/k"], ids=["bytes", "long", "line end"])
def test_names_that_no_bucket_can_have_share_one_limit(odd: str) -> None:
    async def main() -> None:
        async with scene(Storage(), policies=for_all(limits={"per_bucket": {"requests": "16/s"}})) as stage:
            await crowd(stage, [get(odd), READ])
            assert list(connections(stage)) == [f"all/default/bucket/{OTHERS}", "all/default/bucket/bucket"]

    run(main())


def test_connections_with_a_forged_claim_do_not_count_for_the_tenant() -> None:
    async def main() -> None:
        policies = [policy(RAG, limits={"connections": 1})]
        async with scene(Storage(DENIES), tenants=TENANTS, policies=policies) as stage, AsyncExitStack() as stack:
            for _ in range(3):
                client = await stack.enter_async_context(stage.dial())
                await client.send(FORGED)
                assert (await client.read_response("GET")).status == 403
                assert connections(stage) == {"rag/rag": 0}

    run(main())


def test_connections_with_a_forged_claim_do_not_make_the_tenant_look_wild() -> None:
    async def main() -> None:
        async with scene(Storage(DENIES), tenants=TENANTS, policies=for_all(guard=True)) as stage:
            await crowd(stage, [FORGED] * 3)
            [report] = stage.edge.activity().values()
            assert [Source(kind, name) for kind, name, _, _ in report] == [Source("client", "192.0.2.1")]

    run(main())


def test_requests_that_fail_do_not_keep_each_other_from_the_nodes_that_are_left() -> None:
    async def main() -> None:
        policies = for_all(queue=PATIENT, balance="round_robin")
        nodes = Storage(Fails(next=1)), Storage(Fails(next=1))
        async with scene(*nodes, capacity={"node": {"concurrency": 1}}, policies=policies) as stage:
            assert [(each.status, each.took < 0.1) for each in await crowd(stage, [READ] * 2)] == [(200, True)] * 2

    run(main())


def test_uploads_that_wait_for_their_place_put_the_link_in_no_debt() -> None:
    async def main() -> None:
        capacity = {"bandwidth": "1MiB/s", "node": {"concurrency": 4}}
        policies = [policy(TRAINING, priority="background", queue=PATIENT), policy(RAG, priority="interactive")]
        sections: dict[str, Any] = {"capacity": capacity, "tenants": TENANTS, "policies": policies}
        async with scene(Storage(AnswersLate(0.5)), **sections) as stage, AsyncExitStack() as stack:
            for _ in range(40):
                client = await stack.enter_async_context(stage.dial())
                await client.send(put_head(MIB, claim(TRAINING), b"Expect: 100-continue"))
            await turns()
            seen = await read(stage, FORGED)
            # The node's half a second, and the first quanta of the three uploads that the node has begun with.
            assert (seen.status, seen.took < 0.75) == (200, True)

    run(main())


def test_a_request_that_may_not_wait_still_makes_its_worker_want_a_place() -> None:
    async def main() -> None:
        capacity = {"node": {"concurrency": 1}}
        async with scene(Storage(), capacity=capacity, policies=for_all(queue={"wait": "0s"})) as stage:
            key = "node/node-0:9000"
            [leased] = stage.edge._clusters["storage"].leased.values()
            leased.lease("concurrency", 0, now())
            assert (await read(stage, READ)).status == 503
            assert leased.demand("concurrency") == (0, True)
            assert leased.demand("concurrency") == (0, False)
            stage.edge.leases.report(now())
            stage.edge.lease(Division(1, {f"{key}/concurrency": 1.0}))
            assert (await read(stage, READ)).status == 200

    run(main())


def test_a_reload_that_says_the_same_of_a_capacity_leaves_the_parts_of_the_workers_alone() -> None:
    async def main() -> None:
        async with scene(Storage(), capacity={"node": {"concurrency": 8}}) as stage:
            cluster = stage.edge._clusters["storage"]
            [standing] = stage.edge.standings.values()
            [leased] = cluster.leased.values()
            leased.lease("concurrency", 3, now())
            cluster.set_capacity(Capacity.model_validate({"node": {"concurrency": 8}}))
            assert standing.most == 3
            cluster.set_capacity(Capacity.model_validate({"node": {"concurrency": 2}}))
            [leased] = cluster.leased.values()
            leased.lease("concurrency", 5, now())
            assert standing.most == 2, "a lease of what there was before is more than there is"

    run(main())


@pytest.mark.parametrize("sent", [b"", b"G"], ids=["nothing", "a part of a head"])
def test_a_connection_too_many_that_sends_no_request_does_not_stay(sent: bytes) -> None:
    async def main() -> None:
        async with scene(Storage(), limits={"connections": 1}) as stage, stage.dial(), stage.dial() as refused:
            await refused.send(sent)
            if sent:
                assert (await refused.read_response()).status == 408
            await asyncio.sleep(fires(UNWELCOME_TIMEOUT) + fires(LINGER))
            assert stage.count("connections_open") == {(): 1}

    run(main())


def test_a_limit_and_a_capacity_of_the_same_name_are_two_for_the_ledger() -> None:
    async def main() -> None:
        policies = [{"policy": "cluster", "limits": {"concurrency": 9}}]
        tenants = [{"name": "storage", "networks": ["0.0.0.0/0"]}]
        sections: dict[str, Any] = {"capacity": {"concurrency": 4}, "tenants": tenants, "policies": policies}
        async with scene(Storage(), **sections) as stage:
            assert (await read(stage, READ)).status == 200
            assert [name for name, _ in stage.edge._leased()] == ["limit/cluster/storage", "cluster/storage"]

    run(main())
