"""Visitors on real sockets, in front of a node in order."""

import asyncio
from ipaddress import ip_address

from loadtests.clients import access_key
from loadtests.load import Load
from loadtests.readers import Run
from loadtests.records import Record
from loadtests.visitors import SOURCES, presigned, source, visits
from s3edge.s3.sigv4 import claimed_access_key
from tests.s3.heads import FakeHead
from tests.support.serving import serving


def test_a_presigned_request_claims_the_key_of_its_tenant() -> None:
    query = presigned("team7", "20260102T030405Z", 255)
    assert claimed_access_key(FakeHead(target=f"/bench/4096B-1{query}".encode())) == access_key("team7")
    assert query.endswith(f"X-Amz-Signature={'0' * 62}ff")


def test_every_source_is_an_address_of_loopback_of_its_own() -> None:
    addresses = {ip_address(source(number)) for number in range(SOURCES)}
    assert len(addresses) == SOURCES
    assert all(address.is_loopback for address in addresses)


async def visited(seconds: float) -> tuple[list[Record], set[bytes], int]:
    """What visitors recorded, the targets of their requests, and how many connections they made."""
    async with serving() as service:
        run = Run(service.port, Load(1.0, sizes={4096: 1}, ranged=0.0, rate=100.0))
        is_over = asyncio.Event()
        asyncio.get_running_loop().call_later(seconds, is_over.set)
        await visits(run, is_over)
        storage = service.storage
        return run.records, {request.target for request in storage.requests}, len(storage.connections)


def test_each_visit_is_a_connection_and_each_request_is_signed_anew() -> None:
    records, targets, connections = asyncio.run(visited(0.1))
    assert {record.outcome for record in records} == {"ok"}
    assert 2 < connections < len(records)
    assert len(targets) == len(records)
