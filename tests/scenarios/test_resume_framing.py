"""Broken bodies in chunks: the client's coding is completed, whatever the second node uses, or the cut is visible."""

import asyncio

import pytest

from tests.scenarios.reader import get, read, whole
from tests.scenarios.scene import in_turn, scene
from tests.support.faults import LAST_BYTES, Chunked, DiesAfter, EndsAfter, Fault, StallsAfter, Trickles
from tests.support.node import Node, NodeEnd, Script
from tests.support.objects import content, etag
from tests.support.storage import Storage
from tests.support.virtual_time import run

KEY = "/bucket/40B"
OBJECT = content(KEY, 0, 40)
# Chunks of 16, 16 and 8 bytes, the second with an extension, and a size in an odd but legal form.
CODED = b"10\r\n%b\r\n0010;a=b\r\n%b\r\n8\r\n%b\r\n0\r\n\r\n" % (OBJECT[:16], OBJECT[16:32], OBJECT[32:])
HEAD = b"HTTP/1.1 200 OK\r\nETag: %b\r\nTransfer-Encoding: chunked\r\n\r\n" % etag(KEY).encode()
LONG = "/bucket/300KiB"


def dies_after(sent: bytes, *, pause: float = LAST_BYTES) -> Script:
    """A node that is reset when these bytes have arrived."""

    async def play(end: NodeEnd) -> None:
        await end.read_request()
        await end.send(sent)
        await asyncio.sleep(pause)
        end.abort()

    return play


def data_in(position: int) -> tuple[int, bool]:
    """How many data bytes are in CODED up to a position, and whether it lies where a resume can begin."""
    ends = [0]
    place = 0
    for size, line in ((16, 4), (16, 10), (8, 3), (0, 3)):
        place += line
        if position < place:
            # In a size line; at its first byte the position is between two chunks.
            return ends[-1], position == place - line and size > 0
        if not size:
            return ends[-1], False
        if position <= place + size + 1:
            return ends[-1] + min(max(position - place, 0), size), True
        place += size + 2
        ends.append(ends[-1] + size)
    return 40, False


@pytest.mark.parametrize("second", [Storage, lambda: Storage(Chunked(7))], ids=["length", "chunks"])
@pytest.mark.parametrize("position", range(len(CODED)))
def test_a_chunked_body_goes_on_from_wherever_it_broke_unless_a_size_is_half_told(
    position: int, second: type[Storage]
) -> None:
    async def main() -> None:
        async with scene(Node(dies_after(HEAD + CODED[:position])), second(), policies=in_turn()) as stage:
            seen = await read(stage, get(KEY))
            size, is_resumable = data_in(position)
            # Nothing is left to ask for when all the data was there: that it was all, only the last chunk tells.
            if is_resumable and size < 40:
                assert (seen.is_cut, seen.body) == (False, OBJECT)
                assert stage.count("resumes_total") == {("node-1:9000",): 1}
            else:
                assert (seen.is_cut, seen.body) == (True, OBJECT[:size])
                assert stage.count("bodies_cut_total") == {(): 1}

    run(main())


@pytest.mark.parametrize("fault", [DiesAfter(100_000), EndsAfter(100_000), StallsAfter(100_000)], ids=repr)
@pytest.mark.parametrize("first", [(), (Chunked(30_000),)], ids=["length", "chunks"])
@pytest.mark.parametrize("second", [(), (Chunked(7_000),), (Trickles(9_000, 0.01), Chunked(2_000))], ids=repr)
@pytest.mark.parametrize("headers", [(), (b"Range: bytes=5-299999",)], ids=["whole", "range"])
def test_length_and_chunks_go_on_with_either(
    fault: Fault, first: tuple[Fault, ...], second: tuple[Fault, ...], headers: tuple[bytes, ...]
) -> None:
    async def main() -> None:
        nodes = Storage(fault, *first), Storage(*second)
        async with scene(*nodes, policies=in_turn()) as stage:
            seen = await read(stage, get(LONG, *headers))
            assert not seen.is_cut
            assert seen.body == (whole(LONG)[5:300_000] if headers else whole(LONG))
            assert (seen.response.header(b"content-length") is None) == bool(first)
            assert stage.count("resumes_total") == {("node-1:9000",): 1}

    run(main())


def test_a_chunked_body_breaks_again_and_again() -> None:
    async def main() -> None:
        nodes = [Storage(DiesAfter(40_000), Chunked(size)) for size in (1000, 33_333, 64_000)]
        async with scene(*nodes, policies=in_turn(), ejection={"failures": 100}) as stage:
            seen = await read(stage, get(LONG))
            assert (seen.is_cut, seen.body) == (False, whole(LONG))
            assert sum(stage.count("resumes_total").values()) == 7

    run(main())


def test_a_chunk_that_was_promised_larger_than_the_object_is_cut() -> None:
    async def main() -> None:
        sent = HEAD + b"64\r\n" + OBJECT[:10]  # of 100 bytes
        async with scene(Node(dies_after(sent)), Storage(), policies=in_turn()) as stage:
            seen = await read(stage, get(KEY))
            assert seen.is_cut
            assert OBJECT.startswith(seen.body)

    run(main())


def test_a_body_with_trailers_is_not_joined_to_one_without() -> None:
    async def main() -> None:
        head = HEAD[:-2] + b"Trailer: x-amz-checksum-crc32\r\n\r\n"
        async with scene(Node(dies_after(head + CODED[:10])), Storage(), policies=in_turn()) as stage:
            seen = await read(stage, get(KEY))
            assert (seen.is_cut, seen.body) == (True, OBJECT[:6])
            assert "trailers" in stage.told()[-1]

    run(main())


def test_a_broken_coding_is_cut_and_not_asked_for_elsewhere() -> None:
    async def main() -> None:
        first, second = Node(dies_after(HEAD + CODED[:20] + b"!!", pause=10)), Storage()
        async with scene(first, second, policies=in_turn()) as stage, stage.dial() as client:
            await client.send(get(KEY))
            received = await client.read_to_end()
            assert isinstance(client.error, ConnectionResetError)
            assert not received.endswith(b"0\r\n\r\n")
            assert second.attempts == 0
            assert stage.outcomes == {("GetObject", "200", "cut"): 1}
            assert "its coding is broken" in stage.told()[-1]

    run(main())


@pytest.mark.parametrize("cut", [0, 1, 5, 12, 20])
def test_a_second_node_whose_chunks_are_broken_is_cut_behind_good_bytes(cut: int) -> None:
    rest = b"5\r\n" + OBJECT[20:25] + b"\r\n" + b"zz\r\n"

    async def second(end: NodeEnd) -> None:
        await end.read_request()
        head = HEAD.replace(b"200 OK", b"206 Partial Content")[:-2] + b"Content-Range: bytes 20-39/40\r\n\r\n"
        await end.send(head + rest[:cut])
        await asyncio.sleep(LAST_BYTES)
        await end.send(rest[cut:])

    async def main() -> None:
        sent = HEAD.replace(b"Transfer-Encoding: chunked", b"Content-Length: 40") + OBJECT[:20]
        async with scene(Node(dies_after(sent)), Node(second), policies=in_turn()) as stage:
            seen = await read(stage, get(KEY))
            assert seen.is_cut
            assert OBJECT.startswith(seen.body)
            assert stage.outcomes == {("GetObject", "200", "cut"): 1}

    run(main())


def test_a_second_node_that_sends_more_than_it_said_sends_it_to_nobody() -> None:
    async def second(end: NodeEnd) -> None:
        await end.read_request()
        head = HEAD.replace(b"200 OK", b"206 Partial Content")[:-2] + b"Content-Range: bytes 20-39/40\r\n\r\n"
        await end.send(head + b"28\r\n" + OBJECT + b"\r\n0\r\n\r\n")

    async def main() -> None:
        sent = HEAD.replace(b"Transfer-Encoding: chunked", b"Content-Length: 40") + OBJECT[:20]
        async with scene(Node(dies_after(sent)), Node(second), policies=in_turn()) as stage:
            seen = await read(stage, get(KEY))
            assert (seen.is_cut, seen.body) == (True, OBJECT[:20])

    run(main())
