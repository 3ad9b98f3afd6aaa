"""Bodies that break in the middle and go on from another node, byte by byte the same.

`node-0` is asked first, and breaks.
"""

import asyncio

import pytest

from tests.scenarios.reader import Read, get, read, read_object, whole
from tests.scenarios.scene import GET, Scene, in_turn, now, scene
from tests.support.faults import (
    LAST_BYTES,
    DiesAfter,
    EndsAfter,
    Fault,
    StallsAfter,
    Trickles,
    WrongRange,
)
from tests.support.node import Node, NodeEnd, answers
from tests.support.objects import content, etag
from tests.support.peer import EndedError
from tests.support.storage import Storage
from tests.support.virtual_time import run

KEY = "/bucket/300KiB"
SIZE = 300 * 1024
# When a body is broken of which nothing comes after its first bytes, with the default limit of a second: at the fifth
# look, each 25 ticks of 1/128 s after the one before.
STILL = 0.9765625
SIGNATURE = (
    b"Authorization: AWS4-HMAC-SHA256 Credential=AK/20250101/us-east-1/s3/aws4_request, SignedHeaders=%b, Signature=0"
)
SIGNED = SIGNATURE % b"host;x-amz-content-sha256;x-amz-date"
RANGE_SIGNED = SIGNATURE % b"host;range;x-amz-date"
PRESIGNED = "?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AK%2F20250101&X-Amz-Expires=60&X-Amz-SignedHeaders=host"


def sent_again(storage: Storage) -> list[tuple[bytes | None, bytes | None]]:
    """`Range` and `If-Match` of the requests that a node got."""
    return [(request.header(b"range"), request.header(b"if-match")) for request in storage.requests]


# How a body breaks.


@pytest.mark.parametrize(
    "fault, end, gap",
    [
        (DiesAfter(100_000), "broke_off", LAST_BYTES),
        (EndsAfter(100_000), "broke_off", 0),
        (StallsAfter(100_000), "stalled", STILL),
        (StallsAfter(100_000, 5), "stalled", STILL),
        (StallsAfter(SIZE - 1), "stalled", STILL),
        (DiesAfter(1), "broke_off", LAST_BYTES),
        (DiesAfter(0), "broke_off", LAST_BYTES),
        (DiesAfter(SIZE - 1), "broke_off", LAST_BYTES),
    ],
    ids=repr,
)
def test_a_body_that_breaks_goes_on_from_another_node_at_the_next_byte(fault: Fault, end: str, gap: float) -> None:
    async def main() -> None:
        second = Storage()
        async with scene(Storage(fault), second, policies=in_turn()) as stage:
            seen = await read_object(stage, KEY)
            assert (seen.first_byte, seen.gap, seen.took) == (0, gap, gap)
            size = fault.size  # type: ignore[attr-defined]  # all of these have one
            assert sent_again(second) == [(b"bytes=%d-%d" % (size, SIZE - 1), etag(KEY).encode())]
            assert stage.attempts == {("0", end): 1, ("1", "done"): 1}
            assert stage.count("bodies_broken_total") == {("node-0:9000", end): 1}
            assert stage.count("resumes_total") == {("node-1:9000",): 1}
            assert stage.count("sent_bytes_total") == {("GetObject",): SIZE}
            assert stage.outcomes == {("GetObject", "200", "done"): 1}
            assert stage.idle == 1, "the second node's connection can be used again"

    run(main())


def test_what_happened_to_a_body_is_told_in_order() -> None:
    async def main() -> None:
        async with scene(Storage(StallsAfter(1000)), Storage(), policies=in_turn()) as stage:
            await read_object(stage, KEY)
            told = stage.told()
            assert told[-3:] == [
                "node-0:9000 stalled after 1000 bytes of the body",
                "retried at node-1:9000",
                "resumed from node-1:9000 at byte 1000 after 769 ms",
            ]

    run(main())


@pytest.mark.parametrize("fault", [Trickles(30_000, 0.7), StallsAfter(100_000, 0.75), Trickles(1024, 0.25)], ids=repr)
def test_a_slow_body_that_moves_is_left_alone(fault: Fault) -> None:
    async def main() -> None:
        second = Storage()
        async with scene(Storage(fault), second, policies=in_turn()) as stage:
            await read_object(stage, KEY)
            assert (second.attempts, stage.attempts, stage.told()) == (0, {("0", "done"): 1}, [])

    run(main())


def test_a_stall_is_found_by_the_policys_limit() -> None:
    async def main() -> None:
        policies = in_turn(resume={"stall": "10s"}, failover={"patience": "10s"})
        async with scene(Storage(StallsAfter(1000)), Storage(), policies=policies) as stage:
            seen = await read_object(stage, KEY)
            assert 8 < seen.gap <= 10

    run(main())


def test_a_client_that_does_not_read_is_not_its_nodes_stall() -> None:
    async def main() -> None:
        second = Storage()
        async with scene(Storage(), second, policies=in_turn()) as stage, stage.dial() as client:
            path = "/bucket/4MiB"
            await client.send(get(path))
            await client.read_until(b"\r\n\r\n")
            client.pause()
            await asyncio.sleep(40)
            client.resume()
            assert await client.read_exactly(4 << 20) == whole(path)
            assert (second.attempts, stage.attempts) == (0, {("0", "done"): 1})

    run(main())


def test_a_node_that_dies_while_its_client_does_not_read_is_replaced_when_it_does() -> None:
    async def main() -> None:
        second = Storage()
        async with scene(Storage(DiesAfter(2 << 20)), second, policies=in_turn()) as stage, stage.dial() as client:
            path = "/bucket/4MiB"
            await client.send(get(path))
            await client.read_until(b"\r\n\r\n")
            client.pause()
            await asyncio.sleep(40)
            assert second.attempts == 0
            client.resume()
            assert await client.read_exactly(4 << 20) == whole(path)
            assert (now(), second.attempts) == (40 + LAST_BYTES, 1)

    run(main())


# What another node is asked for.


async def broken_at(stage: Scene, *headers: bytes, path: str = KEY) -> Read:
    """An answer whose node dies after 100,000 bytes; whole all the same."""
    seen = await read(stage, get(path, *headers))
    assert (seen.is_cut, seen.took) == (False, LAST_BYTES)
    assert stage.count("resumes_total") == {("node-1:9000",): 1}
    assert stage.idle == 1
    return seen


@pytest.mark.parametrize(
    "asked, first, last, again",
    [
        (b"bytes=1000-250999", 1000, 250_999, b"bytes=101000-250999"),
        (b"bytes=1000-", 1000, SIZE - 1, b"bytes=101000-307199"),
        (b"bytes=-200000", SIZE - 200_000, SIZE - 1, b"bytes=207200-307199"),
        (b"bytes=0-999999999", 0, SIZE - 1, b"bytes=100000-307199"),
    ],
)
@pytest.mark.parametrize("more", [(), (SIGNED,)], ids=["anonymous", "signed"])
def test_a_range_that_is_not_signed_is_replaced(
    asked: bytes, first: int, last: int, again: bytes, more: tuple[bytes, ...]
) -> None:
    async def main() -> None:
        second = Storage()
        async with scene(Storage(DiesAfter(100_000)), second, policies=in_turn()) as stage:
            seen = await broken_at(stage, b"Range: " + asked, *more)
            assert (seen.status, seen.body) == (206, content(KEY, first, last - first + 1))
            assert seen.response.header(b"content-range") == b"bytes %d-%d/%d" % (first, last, SIZE)
            assert sent_again(second) == [(again, etag(KEY).encode())]
            assert stage.count("refetched_bytes_total") == {(): 0}

    run(main())


@pytest.mark.parametrize("asked, first", [(b"bytes=1000-250999", 1000), (b"bytes=-250000", SIZE - 250_000)])
def test_a_signed_range_is_asked_for_again_and_what_the_client_has_is_dropped(asked: bytes, first: int) -> None:
    async def main() -> None:
        second = Storage()
        async with scene(Storage(DiesAfter(100_000)), second, policies=in_turn()) as stage:
            seen = await broken_at(stage, b"Range: " + asked, RANGE_SIGNED)
            assert (seen.status, seen.body) == (206, content(KEY, first, 250_000))
            assert sent_again(second) == [(asked, None)], "a signed head stays as it is"
            assert stage.count("refetched_bytes_total") == {(): 100_000}
            assert stage.count("sent_bytes_total") == {("GetObject",): 250_000}

    run(main())


@pytest.mark.parametrize("path, headers", [(KEY + PRESIGNED, ()), (KEY, (SIGNED,)), (KEY, ())])
def test_the_rest_is_asked_for_in_the_clients_own_words(path: str, headers: tuple[bytes, ...]) -> None:
    async def main() -> None:
        second = Storage()
        async with scene(Storage(DiesAfter(100_000)), second, policies=in_turn()) as stage:
            seen = await broken_at(stage, *headers, b"X-Other: kept", path=path)
            assert (seen.status, seen.body) == (200, whole(KEY))
            [request] = second.requests
            assert request.target == path.encode()
            assert request.header(b"authorization") == (headers[0].partition(b": ")[2] if headers else None)
            assert request.header(b"x-other") == b"kept"
            assert sent_again(second) == [(b"bytes=100000-307199", etag(KEY).encode())]

    run(main())


def test_a_checksum_of_the_whole_stays_with_the_answer_that_began() -> None:
    async def main() -> None:
        async with scene(Storage(DiesAfter(100_000)), Storage(), policies=in_turn()) as stage:
            seen = await broken_at(stage, b"x-amz-checksum-mode: ENABLED")
            async with scene(Storage()) as healthy:
                expected = await read_object(healthy, KEY, b"x-amz-checksum-mode: ENABLED")
            name = b"x-amz-checksum-crc32"
            assert seen.response.header(name) == expected.response.header(name) is not None

    run(main())


def test_a_node_that_ignores_ranges_sends_all_and_the_start_is_dropped() -> None:
    async def main() -> None:
        async with scene(Storage(DiesAfter(100_000)), Storage(WrongRange("ignored")), policies=in_turn()) as stage:
            assert (await broken_at(stage)).body == whole(KEY)
            assert stage.count("refetched_bytes_total") == {(): 100_000}

    run(main())


# Requests that have no body to resume, or only half of the protocol.


def test_an_answer_to_head_announces_a_body_and_has_none_to_resume() -> None:
    async def main() -> None:
        second = Storage()
        async with scene(Storage(DiesAfter(0)), second, policies=in_turn()) as stage:
            seen = await read(stage, get(KEY, method=b"HEAD"))
            assert (seen.status, seen.response.header(b"content-length"), seen.is_cut) == (200, b"307200", False)
            assert second.attempts == 0

    run(main())


def test_a_client_of_http_1_0_gets_its_body_from_two_nodes() -> None:
    async def main() -> None:
        async with scene(Storage(DiesAfter(100_000)), Storage(), policies=in_turn()) as stage, stage.dial() as client:
            await client.send(get(KEY).replace(b"HTTP/1.1", b"HTTP/1.0"))
            response = await client.read_response()
            assert response.body == whole(KEY)
            assert await client.read_to_end() == b""

    run(main())


def test_a_listing_is_no_object_and_is_cut() -> None:
    async def dies(end: NodeEnd) -> None:
        await end.read_request()
        await end.send(b'HTTP/1.1 200 OK\r\nETag: "x"\r\nContent-Length: 1000\r\n\r\n' + bytes(500))
        await asyncio.sleep(LAST_BYTES)
        end.abort()

    async def main() -> None:
        second = Storage()
        async with scene(Node(dies), second, policies=in_turn()) as stage:
            seen = await read(stage, get("/bucket?list-type=2"))
            assert (seen.is_cut, len(seen.body), second.attempts) == (True, 500, 0)

    run(main())


@pytest.mark.parametrize("tag", [b"", b'ETag: W/"weak"\r\n'], ids=["none", "weak"])
def test_without_a_strong_etag_nothing_is_joined(tag: bytes) -> None:
    async def dies(end: NodeEnd) -> None:
        await end.read_request()
        await end.send(b"HTTP/1.1 200 OK\r\n%bContent-Length: 64\r\n\r\n" % tag + bytes(32))
        await asyncio.sleep(LAST_BYTES)
        end.abort()

    async def main() -> None:
        second = Storage()
        async with scene(Node(dies), second, policies=in_turn()) as stage, stage.dial() as client:
            await client.send(GET)
            with pytest.raises(EndedError):
                await client.read_exactly(1000)
            assert second.attempts == 0
            assert "cut after 32 bytes: without a strong ETag" in stage.told()[-1]

    run(main())


def test_a_body_until_close_ends_with_its_connection() -> None:
    async def node(end: NodeEnd) -> None:
        await end.read_request()
        await end.send(b'HTTP/1.1 200 OK\r\nETag: "x"\r\n\r\n' + bytes(32))
        await asyncio.sleep(LAST_BYTES)
        await end.close()

    async def main() -> None:
        async with scene(Node(node, answers())) as stage:
            assert (await stage.ask())[1] == bytes(32)

    run(main())
