"""Limits, weights, tenants and capacities that change while requests wait and bodies move."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3edge.proxy.refusals import REFUSALS
from s3edge.server.assembly import Edge
from tests.scenarios.reader import get, read, read_object
from tests.scenarios.scene import Scene, now, put_head, scene, turns
from tests.support.client import Client
from tests.support.edge import config_for
from tests.support.faults import AnswersLate, Chunked, DiesAfter, Fault, Trickles
from tests.support.storage import Storage
from tests.support.virtual_time import run

KIB, MIB = 1024, 1024 * 1024
# A node that by itself gives 16 MiB/s to each body.
STEADY = Trickles(size=64 * KIB, seconds=1 / 256)
ENDLESS = "/bucket/4096MiB"
KEY = "/bucket/1000B"
EXACT = 0.05


def configure(edge: Edge, **sections: Any) -> None:
    """Have the edge of a scene of one node serve by these sections, and by nothing that was said before."""
    edge.configure(config_for(("node-0", 9000), **sections))


def limits(**limits: Any) -> list[dict[str, Any]]:
    """A policy for all with these limits."""
    return [{"policy": "p", "limits": limits}]


def signed(key: str) -> bytes:
    """A header line that claims an access key."""
    return b"Authorization: AWS4-HMAC-SHA256 Credential=%b/20260101/r/s3/aws4_request,Signature=0" % key.encode()


async def rates(clients: Sequence[Client], seconds: float) -> list[float]:
    """The mean rates of the next seconds, in MiB/s."""
    before = [len(client.received) for client in clients]
    await asyncio.sleep(seconds)
    return [(len(client.received) - had) / seconds / MIB for client, had in zip(clients, before, strict=True)]


@asynccontextmanager
async def download(stage: Scene, *headers: bytes) -> AsyncIterator[Client]:
    """A client whose body is on its way; it leaves at the end of the block."""
    async with stage.dial() as client:
        await client.send(get(ENDLESS, *headers))
        await turns()
        yield client
    await turns()


def assert_nothing_is_counted(edge: Edge) -> None:
    for name, limiter in edge.admission.limiters():
        assert (name, limiter.inflight, limiter.connections, len(limiter.waiting)) == (name, 0, 0, 0)


@pytest.mark.parametrize("faults", [(STEADY,), (STEADY, Chunked(64 * KIB))], ids=["length", "chunks"])
def test_a_body_slows_down_when_a_limit_appears_and_is_free_when_it_goes(faults: tuple[Fault, ...]) -> None:
    async def main() -> None:
        async with scene(Storage(*faults)) as stage, download(stage) as client:
            assert await rates([client], 1) == pytest.approx([16], rel=EXACT)
            configure(stage.edge, policies=limits(bandwidth="1MiB/s"))
            await asyncio.sleep(0.25)
            assert await rates([client], 5) == pytest.approx([1], rel=EXACT)
            configure(stage.edge, policies=limits(bandwidth="4MiB/s"))
            await asyncio.sleep(0.25)
            assert await rates([client], 5) == pytest.approx([4], rel=EXACT)
            configure(stage.edge)
            assert await rates([client], 1) == pytest.approx([16], rel=EXACT)

    run(main())


def test_a_body_that_was_slow_from_its_beginning_is_free_at_once_when_the_limit_goes() -> None:
    async def main() -> None:
        async with scene(Storage(STEADY), policies=limits(bandwidth="64KiB/s")) as stage, download(stage) as client:
            assert await rates([client], 10) == pytest.approx([1 / 16], rel=EXACT)
            configure(stage.edge)
            assert await rates([client], 1) == pytest.approx([16], rel=EXACT)

    run(main())


@pytest.mark.parametrize("scope", ["limits", "per_client", "per_bucket", "edge", "capacity"])
def test_every_kind_of_limit_reaches_a_body_under_way(scope: str) -> None:
    rate = {"bandwidth": "1MiB/s"}
    all_sections: dict[str, dict[str, Any]] = {
        "limits": {"policies": limits(**rate)},
        "per_client": {"policies": limits(per_client=rate)},
        "per_bucket": {"policies": limits(per_bucket=rate)},
        "edge": {"limits": rate},
        "capacity": {"capacity": {"node": rate}},
    }
    sections = all_sections[scope]

    async def main() -> None:
        async with scene(Storage(STEADY)) as stage, download(stage) as client:
            for _ in range(2):
                configure(stage.edge, **sections)
                await asyncio.sleep(0.25)
                assert await rates([client], 5) == pytest.approx([1], rel=EXACT)
                configure(stage.edge)
                assert await rates([client], 1) == pytest.approx([16], rel=EXACT)

    run(main())


def test_an_upload_slows_down_when_a_limit_appears_and_is_free_when_it_goes() -> None:
    async def main() -> None:
        async with scene(Storage()) as stage, stage.dial() as client:
            await client.send(put_head(64 * MIB))
            sending = asyncio.create_task(client.send(bytes(64 * MIB), piece=64 * KIB, pause=1 / 256), name="send")
            await asyncio.sleep(1)
            configure(stage.edge, policies=limits(bandwidth={"received": "1MiB/s"}))
            before = stage.edge.listener.clients
            [progress] = [each.progress for each in before]
            assert progress is not None
            assert progress.upload is not None
            await asyncio.sleep(0.25)
            moved = progress.upload.moved
            await asyncio.sleep(4)
            assert (progress.upload.moved - moved) / MIB == pytest.approx(4, rel=EXACT)
            configure(stage.edge)
            at = now()
            left = 64 * MIB - progress.upload.moved
            await sending
            assert (await client.read_response("PUT")).status == 200
            assert now() - at == pytest.approx(left / MIB / 16, rel=EXACT)

    run(main())


def test_other_weights_change_the_shares_of_bodies_under_way() -> None:
    tenants = [{"name": name, "access_keys": [name.upper()]} for name in ("one", "other")]

    def weights(one: int, other: int) -> list[dict[str, Any]]:
        shares = {"one": one, "other": other}
        return [{"policy": name, "match": {"tenants": [name]}, "weight": weight} for name, weight in shares.items()]

    async def main() -> None:
        sections: dict[str, Any] = {"tenants": tenants, "capacity": {"bandwidth": "8MiB/s"}}
        async with (
            scene(Storage(STEADY), policies=weights(1, 1), **sections) as stage,
            download(stage, signed("ONE")) as one,
            download(stage, signed("OTHER")) as other,
        ):
            await asyncio.sleep(1)
            assert await rates([one, other], 10) == pytest.approx([4, 4], rel=EXACT)
            configure(stage.edge, policies=weights(1, 3), **sections)
            await asyncio.sleep(1)
            assert await rates([one, other], 10) == pytest.approx([2, 6], rel=EXACT)

    run(main())


def test_a_priority_that_is_lowered_has_a_body_under_way_wait() -> None:
    tenants = [{"name": name, "access_keys": [name.upper()]} for name in ("one", "other")]
    lowered = [{"policy": "low", "match": {"tenants": ["other"]}, "priority": "background"}]

    async def main() -> None:
        sections: dict[str, Any] = {"tenants": tenants, "capacity": {"bandwidth": "8MiB/s"}}
        async with (
            scene(Storage(STEADY), **sections) as stage,
            download(stage, signed("ONE")) as one,
            download(stage, signed("OTHER")) as other,
        ):
            await asyncio.sleep(1)
            assert await rates([one, other], 10) == pytest.approx([4, 4], rel=EXACT)
            configure(stage.edge, policies=lowered, **sections)
            await asyncio.sleep(1)
            seen = await rates([one, other], 10)
            assert sum(seen) == pytest.approx(8, rel=EXACT)
            assert seen[0] > 7, "the other one has a turn each half second"

    run(main())


def test_a_key_that_is_another_tenants_now_puts_its_bodies_under_the_limits_of_that_tenant() -> None:
    slow = [{"policy": "slow", "match": {"tenants": ["slow"]}, "limits": {"bandwidth": "1MiB/s"}}]
    fast, others = {"name": "fast", "access_keys": ["KEY"]}, {"name": "slow", "access_keys": ["OTHER"]}

    async def main() -> None:
        async with (
            scene(Storage(STEADY), policies=slow, tenants=[fast, others]) as stage,
            download(stage, signed("KEY")) as client,
        ):
            assert await rates([client], 1) == pytest.approx([16], rel=EXACT)
            moved = [{"name": "slow", "access_keys": ["KEY"]}, {"name": "fast", "access_keys": ["OTHER"]}]
            configure(stage.edge, policies=slow, tenants=moved)
            await asyncio.sleep(0.25)
            assert await rates([client], 5) == pytest.approx([1], rel=EXACT)

    run(main())


def test_a_body_that_breaks_after_a_change_goes_on_from_another_node_at_the_new_pace() -> None:
    async def main() -> None:
        first, second = Storage(STEADY, DiesAfter(24 * MIB)), Storage(STEADY)
        nodes = [("node-0", 9000), ("node-1", 9000)]
        async with scene(first, second, tiers=[0, 1]) as stage, download(stage) as client:
            await asyncio.sleep(1)
            changed = [{"policy": "p", "limits": {"bandwidth": "4MiB/s"}, "resume": False}]
            stage.edge.configure(config_for(*nodes, tiers=[0, 1], policies=changed))
            await asyncio.sleep(4)
            assert await rates([client], 4) == pytest.approx([4], rel=EXACT), "resume is that of its own policy"
            assert stage.count("resumes_total") == {("node-1:9000",): 1}

    run(main())


def test_requests_that_wait_start_as_soon_as_the_limit_goes() -> None:
    async def main() -> None:
        policies = [*limits(concurrency=1), {"policy": "q", "queue": {"wait": "30s"}}]
        async with scene(Storage(AnswersLate(1)), policies=policies) as stage, asyncio.TaskGroup() as group:
            reads = [group.create_task(read_object(stage, KEY), name=f"read {n}") for n in range(5)]
            await asyncio.sleep(0.5)
            assert stage.edge.admission.waiting == 4
            configure(stage.edge)
            assert stage.edge.admission.waiting == 0
            await asyncio.sleep(1.25)
            assert [each.result().took for each in reads] == [1, *[1.5] * 4]

    run(main())


def test_requests_that_wait_are_served_by_the_new_limit() -> None:
    async def main() -> None:
        queue = {"policy": "q", "queue": {"wait": "30s"}}
        async with scene(Storage(), policies=[*limits(requests="1/s", burst="1s"), queue]) as stage:
            await read_object(stage, KEY)
            async with asyncio.TaskGroup() as group:
                reads = [group.create_task(read_object(stage, KEY), name=f"read {n}") for n in range(8)]
                await asyncio.sleep(3.1)
                assert stage.edge.admission.waiting == 4
                configure(stage.edge, policies=[*limits(requests="8/s"), queue])
            assert max(each.result().took for each in reads) < 3.1 + 5 / 8

    run(main())


def test_requests_that_wait_go_on_in_the_order_in_which_they_came() -> None:
    paths = [f"/bucket/{number}B" for number in range(1, 7)]

    async def main() -> None:
        node = Storage(AnswersLate(1))
        async with scene(node, policies=limits(concurrency=1)) as stage, asyncio.TaskGroup() as group:
            for path in paths:
                group.create_task(read_object(stage, path), name=path)
                await turns()
            configure(stage.edge, limits={"concurrency": 1})
            await turns()
            assert [request.path for request in node.requests] == paths[:1]
            configure(stage.edge, limits={"concurrency": 3}, policies=limits(concurrency=2))
            await turns()
            assert [request.path for request in node.requests] == paths[:2]
            configure(stage.edge, limits={"concurrency": 3})
            await turns()
            assert [request.path for request in node.requests] == paths[:3]
            configure(stage.edge)
            await turns()
            assert [request.path for request in node.requests] == paths

    run(main())


def test_who_is_under_way_when_a_limit_appears_counts_in_it() -> None:
    async def main() -> None:
        async with scene(Storage(AnswersLate(1))) as stage, asyncio.TaskGroup() as group:
            first = [group.create_task(read_object(stage, KEY), name=f"read {n}") for n in range(2)]
            await asyncio.sleep(0.25)
            configure(stage.edge, policies=limits(concurrency=1))
            later = group.create_task(read_object(stage, KEY), name="later")
            await asyncio.sleep(0.5)
            assert stage.edge.admission.waiting == 1
            await asyncio.sleep(2)
            assert [each.result().took for each in first] == [1, 1]
            assert later.result().took == 0.75 + 1
            assert_nothing_is_counted(stage.edge)

    run(main())


def test_connections_that_are_open_when_a_limit_appears_may_stay_and_are_counted() -> None:
    async def main() -> None:
        async with scene(Storage()) as stage, stage.dial() as one, stage.dial() as other:
            await turns()
            configure(stage.edge, limits={"connections": 2})
            assert (await read(stage, get(KEY))).status == 503
            for client in (one, other):
                await client.send(get(KEY))
                assert (await client.read_response()).status == 200
            await one.close()
            await turns()
            assert (await read(stage, get(KEY))).status == 200

    run(main())


def test_a_capacity_that_grows_serves_those_who_wait_for_it() -> None:
    async def main() -> None:
        async with (
            scene(Storage(AnswersLate(1)), capacity={"concurrency": 1}) as stage,
            asyncio.TaskGroup() as group,
        ):
            reads = [group.create_task(read_object(stage, KEY), name=f"read {n}") for n in range(3)]
            await asyncio.sleep(0.5)
            assert stage.count("queued") == {("storage",): 2}
            configure(stage.edge, capacity={"concurrency": 3})
            await asyncio.sleep(1.25)
            assert [each.result().took for each in reads] == [1, 1.5, 1.5]

    run(main())


def test_a_refused_request_that_is_told_so_late_is_not_taken_for_one_under_way() -> None:
    async def main() -> None:
        policies = [{"policy": "p", "limits": {"concurrency": 1}, "queue": {"length": 0}}]
        async with scene(Storage(AnswersLate(20)), policies=policies) as stage, asyncio.TaskGroup() as group:
            group.create_task(read(stage, get(KEY)), name="first")
            await turns()
            refused = [group.create_task(read(stage, get(KEY)), name=f"refused {n}") for n in range(2 * int(REFUSALS))]
            await turns()
            late = [each for each in refused if not each.done()]
            assert late, "the client does not mind refusals"
            configure(stage.edge, policies=limits(concurrency=5))
            assert [limiter.inflight for _, limiter in stage.edge.admission.limiters()] == [1]
            await asyncio.sleep(5)
            assert {each.result().status for each in refused} == {503}

    run(main())


SECTIONS: list[dict[str, Any]] = [
    {},
    {"policies": limits(bandwidth="1MiB/s", concurrency=2)},
    {"policies": limits(requests="20/s", per_client={"concurrency": 1}, connections=3)},
    {"policies": limits(per_bucket={"bandwidth": "2MiB/s"}), "limits": {"concurrency": 3, "connections": 5}},
    {"tenants": [{"name": "t", "access_keys": ["KEY"]}], "policies": limits(concurrency=1)},
    {"capacity": {"concurrency": 2, "node": {"bandwidth": "2MiB/s"}}},
    {"capacity": {"node": {"concurrency": "adaptive"}}, "limits": {"bandwidth": "3MiB/s"}},
]


@given(changes=st.lists(st.tuples(st.sampled_from(SECTIONS), st.sampled_from([0.0, 0.05, 0.3, 1.1])), max_size=8))
def test_whatever_changes_every_request_ends_and_none_is_left_in_a_count(
    changes: list[tuple[dict[str, Any], float]],
) -> None:
    async def ask(stage: Scene, path: str) -> int:
        seen = await read(stage, get(path, signed("KEY")))
        assert not seen.is_cut
        return seen.status

    async def main() -> None:
        async with scene(Storage(STEADY)) as stage:
            async with asyncio.TaskGroup() as group:
                asked = []
                for sections, pause in changes:
                    asked += [
                        group.create_task(ask(stage, path), name=path)
                        for path in (KEY, "/bucket/256KiB", "/bucket/1MiB")
                    ]
                    await asyncio.sleep(pause)
                    configure(stage.edge, **sections)
            assert {each.result() for each in asked} <= {200, 503}
            configure(stage.edge)
            assert await ask(stage, KEY) == 200
            await turns()
            assert_nothing_is_counted(stage.edge)

    run(main())
