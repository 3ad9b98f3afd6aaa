"""Telling tenants: what is remembered of a connection must never tell another one than a fresh look."""

from hypothesis import example, given
from hypothesis import strategies as st

from s3edge.config.qos import Tenant
from s3edge.errors import EdgeError
from s3edge.http1.head import RequestHead, parse_request
from s3edge.proxy.identity import Identity
from s3edge.qos.tenants import Tenants
from s3edge.s3.sigv4 import claimed_access_key
from tests.proxy.stage import connected
from tests.support.virtual_time import run

TENANTS = Tenants(
    [
        Tenant(name="a", access_keys=("AKA",)),
        Tenant(name="b", access_keys=("AKB",)),
        Tenant(name="home", networks=("192.0.2.0/24",)),
    ]
)
SCOPE = "20250101/us-east-1/s3/aws4_request"
FIELD_A = f"Authorization: AWS4-HMAC-SHA256 Credential=AKA/{SCOPE}, SignedHeaders=host, Signature=0"

# Pieces of which lines are made that are nearly right, in any order.
PIECES = (
    *("AWS4-HMAC-SHA256 ", "AWS ", "AWS4-ECDSA-P256-SHA256 ", " ", "\t", ", ", ",", ":", "/", "x=", "AKA", "AKB"),
    *("Credential=", "credential=", f"Credential=AKA/{SCOPE}", f"Credential=AKB/{SCOPE}", f"/{SCOPE}"),
    *("/aws4_request,", "AKC", "SignedHeaders=host", "Signature=0", "AKA:c2ln", "AKB:c2ln"),
)
values = st.lists(st.sampled_from(PIECES), max_size=8).map("".join)
names = st.sampled_from(["Authorization", "authorization", "AUTHORIZATION", "X-Authorization", "Cookie"])
good = st.sampled_from([FIELD_A, FIELD_A.replace("AKA", "AKB"), FIELD_A.lower(), "Authorization: AWS AKA:c2ln"])
lines = st.lists(st.one_of(good, st.builds("{}: {}".format, names, values)), max_size=3)
queries = st.sampled_from(
    ["", "", "", "?", "?list-type=2", f"?X-Amz-Credential=AKB/{SCOPE}", "?AWSAccessKeyId=AKA", "?x=Credential=AKA"]
)
heads = st.builds(
    lambda query, fields: "\r\n".join((f"GET /b/k{query} HTTP/1.1", "Host: s3", *fields, "", "")).encode(),
    queries,
    lines,
)


def afresh(head: RequestHead) -> str:
    """The tenant of a request that is the first of its connection."""
    is_doubled = head.lower.count(b"\nauthorization:") > 1
    return TENANTS.identify(None if is_doubled else claimed_access_key(head), "192.0.2.1")


def parsed(raw: bytes) -> RequestHead | None:
    try:
        return parse_request(raw)
    except EdgeError:
        return None


def head_with(*fields: str) -> bytes:
    return "\r\n".join(("GET /b/k HTTP/1.1", "Host: s3", *fields, "", "")).encode()


@given(st.lists(heads, min_size=1, max_size=5))
@example([head_with(FIELD_A), head_with(FIELD_A, "Authorization: AWS AKB:c2ln")])
@example([head_with("Authorization: AWS AKA:/aws4_request,"), head_with("Authorization: AWS AKA:/aws4_request,:c2ln")])
@example(
    [
        head_with(f"Authorization: AWS4-HMAC-SHA256 x=/aws4_request,Credential=AKA/{SCOPE}"),
        head_with("Authorization: AWS4-HMAC-SHA256 x=/aws4_request,"),
    ]
)
def test_what_is_remembered_tells_the_same_tenant_as_a_fresh_look(raws: list[bytes]) -> None:
    async def main() -> None:
        identity = Identity(TENANTS)
        async with connected() as (client, _):
            for head in filter(None, map(parsed, raws)):
                assert identity.tenant(client, head) == afresh(head)

    run(main())


def test_the_same_key_again_is_not_read_again() -> None:
    async def main() -> None:
        identity = Identity(TENANTS)
        claim = f"\nAuthorization: AWS4-HMAC-SHA256 Credential=AKA/{SCOPE}".removesuffix("/aws4_request")
        async with connected() as (client, _):
            assert identity.tenant(client, parse_request(head_with(FIELD_A))) == "a"
            assert identity._claims == {claim.encode(): "a"}
            identity._claims[claim.encode()] = "remembered"
            later = head_with("Cookie: 1", FIELD_A.replace("Signature=0", "Signature=1"))
            assert identity.tenant(client, parse_request(later)) == "remembered"

    run(main())


def test_other_tenants_hold_from_the_next_request_on() -> None:
    async def main() -> None:
        head = parse_request(head_with(FIELD_A))
        renamed = Tenants([Tenant(name="z", access_keys=("AKA",))])
        async with connected() as (client, _):
            assert Identity(TENANTS).tenant(client, head) == "a"
            assert Identity(renamed).tenant(client, head) == "z"
            assert Identity(Tenants([])).tenant(client, head) == "default"
            assert Identity(TENANTS).tenant(client, parse_request(head_with())) == "home"

    run(main())


def test_a_claim_that_fills_a_head_is_not_remembered() -> None:
    async def main() -> None:
        identity = Identity(TENANTS)
        async with connected() as (client, _):
            for size in (50, 60_000):
                field = FIELD_A.replace("AKA", "K" * size)
                assert identity.tenant(client, parse_request(head_with(field))) == "home"
            assert [len(claim) for claim in identity._claims] == [len(FIELD_A.partition("/aws4")[0]) + 48]

    run(main())
