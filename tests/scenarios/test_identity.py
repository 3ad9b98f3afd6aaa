"""Whose request it is, seen by whose limits it counts in."""

import pytest

from tests.scenarios.reader import get, read
from tests.scenarios.scene import Scene, scene
from tests.scenarios.tenants import claim, for_all
from tests.support.storage import Storage
from tests.support.virtual_time import run

TENANTS = [
    {"name": "rag", "access_keys": ["AK-rag"]},
    {"name": "training", "access_keys": ["AK-training"], "networks": ["10.8.0.0/16"]},
    {"name": "lab", "networks": ["10.8.7.0/24", "fd00::/8"]},
]
KEY = "/bucket/1B"
SCOPE = "20250101%2Fus-east-1%2Fs3%2Faws4_request"
PRESIGNED = f"{KEY}?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AK-rag%2F{SCOPE}&X-Amz-Signature=0"


async def tenant_of(request: bytes, source: str = "192.0.2.1") -> str:
    async with scene(Storage(), tenants=TENANTS, policies=for_all(limits={"requests": "1000/s"})) as stage:
        await read(stage, request, source)
        return only_tenant(stage)


def only_tenant(stage: Scene) -> str:
    (name,) = (name for name, _ in stage.edge.admission.limiters())
    return name.removeprefix("all/")


@pytest.mark.parametrize(
    "request_bytes",
    [
        get(KEY, claim("rag")),
        get(PRESIGNED),
        get(KEY, b"Authorization: AWS AK-rag:c2lnbmF0dXJl"),
        get(f"{KEY}?AWSAccessKeyId=AK-rag&Expires=1&Signature=0"),
    ],
    ids=["field", "presigned", "field of version 2", "presigned in version 2"],
)
def test_a_request_belongs_to_the_tenant_whose_key_it_claims(request_bytes: bytes) -> None:
    assert run(tenant_of(request_bytes)) == "rag"


@pytest.mark.parametrize(
    "source, tenant",
    [
        ("10.8.1.1", "training"),
        ("10.8.7.1", "lab"),
        ("::ffff:10.8.7.1", "lab"),
        ("fd00::1", "lab"),
        ("10.9.0.1", "default"),
    ],
)
def test_without_a_key_the_most_specific_network_decides(source: str, tenant: str) -> None:
    assert run(tenant_of(get(KEY), source)) == tenant
    assert run(tenant_of(get(KEY, claim("nobody")), source)) == tenant


def test_a_key_counts_more_than_a_network() -> None:
    assert run(tenant_of(get(KEY, claim("rag")), "10.8.7.1")) == "rag"


@pytest.mark.parametrize(
    "request_bytes",
    [
        get(PRESIGNED, claim("rag")),
        get(f"{PRESIGNED}&X-Amz-Credential=AK-training%2F{SCOPE}"),
        get(KEY, claim("rag"), claim("training")),
        get(KEY, claim("rag"), b"authorization: AWS AK-training:c2lnbmF0dXJl"),
        get(KEY, claim("rag").replace(b"SignedHeaders", b"Credential=AK-training/d/r/s3/aws4_request, SignedHeaders")),
    ],
    ids=["field and query", "two in the query", "two fields", "two fields of two versions", "two in one field"],
)
def test_a_request_that_claims_two_keys_claims_none(request_bytes: bytes) -> None:
    assert run(tenant_of(request_bytes)) == "default"


def test_each_request_of_a_connection_tells_its_own_tenant() -> None:
    async def main() -> None:
        async with scene(Storage(), tenants=TENANTS, policies=for_all(limits={"requests": "1000/s"})) as stage:
            async with stage.dial() as client:
                for request in (
                    *(get(KEY, claim("rag")), get(KEY, claim("rag")), get(KEY, claim("training")), get(KEY)),
                    *(get(KEY, claim("rag")), get(PRESIGNED), get(KEY, claim("rag"), claim("training"))),
                ):
                    await client.send(request)
                    assert (await client.read_response()).status == 200
            counts = {name: limiter.demand("requests")[0] for name, limiter in stage.edge.admission.limiters()}
            assert counts == {"all/rag": 4, "all/training": 1, "all/default": 2}

    run(main())
