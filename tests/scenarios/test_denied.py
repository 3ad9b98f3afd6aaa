"""Requests that a node refuses with 403: their key was perhaps not the tenant's, so they count for their address."""

from tests.scenarios.reader import get
from tests.scenarios.scene import scene
from tests.scenarios.tenants import RAG, TENANTS, claim, crowd, for_all
from tests.support.faults import Fails
from tests.support.storage import Storage
from tests.support.virtual_time import run

REQUEST = get("/bucket/1B", claim(RAG))
PATIENT = {"wait": "60s", "length": 1000}
DENIED = Fails(403, "InvalidAccessKeyId")


def test_denied_requests_leave_the_tenant_its_whole_rate() -> None:
    async def main() -> None:
        node = Storage(DENIED)
        policies = for_all(limits={"requests": "16/s", "per_bucket": {"requests": "16/s"}}, queue=PATIENT)
        async with scene(node, tenants=TENANTS, policies=policies) as stage:
            # The fifth of each burst makes a debt, until its answer is there.
            for _ in range(10):
                assert {(each.status, each.took) for each in await crowd(stage, [REQUEST] * 5)} == {(403, 0)}
            node.clear()
            assert [each.took for each in await crowd(stage, [REQUEST] * 6)] == [0] * 5 + [1 / 16]

    run(main())


def test_denied_requests_count_once_for_their_address() -> None:
    """Regression: they counted twice."""

    async def main() -> None:
        policies = for_all(limits={"requests": "64/s", "per_client": {"requests": "16/s"}}, queue=PATIENT)
        async with scene(Storage(DENIED), tenants=TENANTS, policies=policies) as stage:
            seen = await crowd(stage, [REQUEST] * 21)
            assert [each.took for each in seen] == [0] * 5 + [number / 16 for number in range(1, 17)]
            other = await crowd(stage, [REQUEST] * 5, "198.51.100.7")
            assert {each.took for each in other} == {0}

    run(main())


def test_denied_requests_count_for_the_edge_and_for_the_address_there() -> None:
    async def main() -> None:
        limits = {"requests": "32/s", "per_client": {"requests": "16/s"}}
        async with scene(Storage(DENIED), limits=limits, policies=for_all(queue=PATIENT)) as stage:
            assert [each.took for each in await crowd(stage, [REQUEST] * 7)] == [0] * 5 + [1 / 16, 2 / 16]

    run(main())
