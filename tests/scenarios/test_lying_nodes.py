"""Nodes that say what is not so: whatever they answer, no client gets a mixture of two objects.

`node-0` has the object, is asked first, and dies after 100,000 bytes; the others lie about the rest. Since a node that
broke a body off may be asked again when no other is left, it lies from then on, too.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.scenarios.reader import get, read, whole
from tests.scenarios.scene import Scene, in_turn, scene
from tests.support.faults import (
    LAST_BYTES,
    Chunked,
    DiesAfter,
    EndsAfter,
    Fails,
    Fault,
    OtherObject,
    Resets,
    SendsGarbage,
    StallsAfter,
    Trickles,
    WrongLength,
    WrongRange,
)
from tests.support.objects import content
from tests.support.storage import Storage
from tests.support.virtual_time import run

KEY = "/bucket/300KiB"
SIZE = 300 * 1024
RANGE_SIGNED = (
    b"Range: bytes=1000-250999",
    b"Authorization: AWS4-HMAC-SHA256 Credential=AK/20250101/us-east-1/s3/aws4_request, "
    b"SignedHeaders=host;range;x-amz-date, Signature=0",
)
LIES = [
    (OtherObject(), "the object has changed"),
    (OtherObject(ignores_conditions=True), "the object has another etag"),
    (OtherObject(only_ranged=True, ignores_conditions=True), "the object has another etag"),
    (WrongRange("shifted"), "the node sends bytes 99999 to 307197, where 100000 to 307199 were to come"),
    (WrongRange("total"), "the object has another length"),
    (WrongRange("missing"), "the node does not tell which bytes it sends"),
    (WrongLength(1), "the node does not tell which bytes it sends"),
    (WrongLength(-1), "the node does not tell which bytes it sends"),
    (Fails(404, "NoSuchKey"), "the object is gone"),
    (Fails(403, "AccessDenied"), "the node does not accept the client's request any more"),
    (Fails(416, "InvalidRange"), "the object has no such bytes any more"),
    (Fails(418 - 18, "BadRequest"), "the node answered 400"),
]


@asynccontextmanager
async def all_lie(lie: Fault) -> AsyncIterator[Scene]:
    """Two nodes, of which the first tells the truth for 100,000 bytes."""
    first = Storage(DiesAfter(100_000))
    async with scene(first, Storage(lie), policies=in_turn()) as stage:
        asyncio.get_running_loop().call_later(LAST_BYTES / 2, first.set_fault, lie)
        yield stage


@pytest.mark.parametrize("lie, reason", LIES, ids=lambda value: repr(value) if isinstance(value, Fault) else "")
def test_the_rest_of_another_object_is_not_joined_and_the_cut_is_counted_and_told(lie: Fault, reason: str) -> None:
    async def main() -> None:
        async with all_lie(lie) as stage:
            seen = await read(stage, get(KEY))
            assert (seen.is_cut, seen.body) == (True, whole(KEY)[:100_000])
            assert seen.took <= LAST_BYTES + 0.05, "the first node is asked again after a short pause"
            told = stage.told()
            assert f"node-1:9000 mismatch: {reason}" in told
            assert f"node-0:9000 mismatch: {reason}" in told
            assert told[-1].startswith("cut after 100000 bytes: Node node-")
            assert told[-1].endswith(f": {reason}.")
            assert stage.count("bodies_cut_total") == {(): 1}
            assert stage.outcomes == {("GetObject", "200", "cut"): 1}
            assert stage.idle == 0

    run(main())


@pytest.mark.parametrize("lie", [lie for lie, _ in LIES], ids=repr)
def test_a_third_node_that_tells_the_truth_is_believed(lie: Fault) -> None:
    async def main() -> None:
        async with scene(Storage(DiesAfter(100_000)), Storage(lie), Storage(), policies=in_turn()) as stage:
            seen = await read(stage, get(KEY))
            assert (seen.is_cut, seen.body) == (False, whole(KEY))
            assert stage.attempts == {("0", "broke_off"): 1, ("1", "mismatch"): 1, ("2", "done"): 1}

    run(main())


@pytest.mark.parametrize(
    "lie", [OtherObject(), WrongRange("shifted"), WrongRange("total"), WrongRange("missing"), WrongLength(1)], ids=repr
)
def test_a_replay_that_is_answered_otherwise_is_not_joined(lie: Fault) -> None:
    async def main() -> None:
        async with all_lie(lie) as stage:
            seen = await read(stage, get(KEY, *RANGE_SIGNED))
            assert (seen.is_cut, seen.body) == (True, content(KEY, 1000, 100_000))

    run(main())


@pytest.mark.parametrize("is_versioned", [(True, False), (False, True)])
def test_another_version_id_is_another_object(is_versioned: tuple[bool, bool]) -> None:
    async def main() -> None:
        nodes = [Storage(is_versioned=each) for each in (*is_versioned, is_versioned[0])]
        nodes[0].set_fault(DiesAfter(100_000))
        async with scene(*nodes, policies=in_turn()) as stage:
            assert (await read(stage, get(KEY))).body == whole(KEY)
            assert stage.attempts == {("0", "broke_off"): 1, ("1", "mismatch"): 1, ("2", "done"): 1}

    run(main())


def test_an_object_of_one_version_goes_on() -> None:
    async def main() -> None:
        nodes = Storage(DiesAfter(100_000), is_versioned=True), Storage(is_versioned=True)
        async with scene(*nodes, policies=in_turn()) as stage:
            assert (await read(stage, get(KEY))).body == whole(KEY)

    run(main())


def test_an_object_that_changed_everywhere_is_cut_and_the_next_read_gets_the_new_one() -> None:
    async def main() -> None:
        async with all_lie(OtherObject()) as stage:
            assert (await read(stage, get(KEY))).is_cut
            assert (await read(stage, get(KEY))).body == whole(KEY, generation=1)

    run(main())


def test_a_lie_in_the_first_answer_is_the_nodes_own_and_is_passed_on() -> None:
    async def main() -> None:
        async with scene(Storage(WrongRange("shifted")), Storage(), policies=in_turn()) as stage:
            seen = await read(stage, get(KEY, b"Range: bytes=1000-1999"))
            assert seen.response.header(b"content-range") == b"bytes 999-1997/307200"
            assert seen.body == content(KEY, 999, 999)

    run(main())


def test_a_first_answer_with_a_wrong_range_is_not_resumed() -> None:
    async def main() -> None:
        second = Storage()
        nodes = Storage(WrongRange("shifted"), DiesAfter(500)), second
        async with scene(*nodes, policies=in_turn()) as stage:
            seen = await read(stage, get(KEY, b"Range: bytes=1000-1999"))
            assert (seen.is_cut, second.attempts) == (True, 0)

    run(main())


@pytest.mark.parametrize("by", [1, 1000])
def test_a_body_shorter_than_its_head_said_is_cut_since_no_node_has_more(by: int) -> None:
    async def main() -> None:
        async with scene(Storage(WrongLength(by), EndsAfter(SIZE - 1)), Storage(), policies=in_turn()) as stage:
            seen = await read(stage, get(KEY))
            assert (seen.is_cut, seen.body) == (True, whole(KEY)[:-1])

    run(main())


def test_a_body_longer_than_its_head_said_ends_where_it_said_and_its_connection_with_it() -> None:
    async def main() -> None:
        async with scene(Storage(WrongLength(-1)), policies=in_turn()) as stage:
            seen = await read(stage, get(KEY))
            assert (seen.is_cut, seen.body) == (False, whole(KEY)[:-1])
            assert stage.idle == 0

    run(main())


# Any fault at any node at any time.

places = st.integers(0, SIZE + 10)
breaks = st.one_of(
    st.builds(DiesAfter, places),
    st.builds(EndsAfter, places),
    st.builds(StallsAfter, places, st.sampled_from([0.2, 0.97, 1.0, 5.0, 70.0])),
    st.builds(Trickles, st.integers(20_000, 100_000), st.sampled_from([0.01, 0.5, 0.99, 1.5])),
)
chunks = st.lists(st.builds(Chunked, st.integers(1000, 100_000)), max_size=1)
lies = st.one_of(
    st.builds(OtherObject, st.integers(0, 1), only_ranged=st.booleans(), ignores_conditions=st.booleans()),
    st.builds(WrongRange, st.sampled_from(["shifted", "total", "ignored"])),
    st.builds(WrongLength, st.sampled_from([-1, 1, 5000])),
    st.sampled_from([Fails(500), Fails(503, "SlowDown"), Fails(404, "NoSuchKey"), Resets(), SendsGarbage()]),
)
one_node = st.builds(
    lambda *parts: [fault for part in parts for fault in part],
    st.lists(lies, max_size=1),
    st.lists(breaks, max_size=2),
    chunks,
)
nodes_of_faults = st.lists(one_node, min_size=2, max_size=4)
asked = st.sampled_from([(), (b"Range: bytes=1000-250999",), (b"Range: bytes=-200000",), RANGE_SIGNED])


@given(nodes_of_faults, asked, st.sampled_from(["round_robin", "peak_ewma"]))
def test_what_a_client_gets_is_one_object_or_visibly_cut(
    faults: list[list[Fault]], headers: tuple[bytes, ...], balance: str
) -> None:
    async def main() -> None:
        policies = [{"policy": "random", "balance": balance}]
        async with scene(*(Storage(*fault) for fault in faults), policies=policies) as stage:
            seen = await read(stage, get(KEY, *headers))
            if seen.status not in (200, 206):
                return
            span = seen.response.header(b"content-range") or b"bytes 0-%d/" % (SIZE - 1)
            first, last = map(int, span[6:].partition(b"/")[0].split(b"-"))
            assert seen.body in [content(KEY, first, len(seen.body), generation) for generation in (0, 1)]
            length = seen.response.header(b"content-length")
            assert seen.is_cut == (len(seen.body) < (last - first + 1 if length is None else int(length)))
            assert stage.count("bodies_cut_total") == {(): int(seen.is_cut)}

    run(main())
