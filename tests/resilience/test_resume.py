"""Going on with a body in the middle: what other nodes are asked for, and what of their answers is joined."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3edge.http1.head import RequestHead, ResponseHead, parse_response
from s3edge.resilience.resume import (
    SIGNATURE_LIFE,
    MismatchError,
    NotResumableError,
    Rest,
    Resumption,
    is_fresh,
    resumption,
)
from s3edge.s3.request import understand
from tests.resilience.signing import head_of, is_accepted, presigned, signed

ETAG = '"5d41402abc4b2a76b9719d911017c592"'
SIZE = 1000


def answer(status: int = 200, *, length: int | None = SIZE, etag: str | None = ETAG, **fields: str) -> ResponseHead:
    """An answer's head; without a length its body is chunked."""
    framing = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    lines = [f"HTTP/1.1 {status} Whatever", framing, *([] if etag is None else [f"ETag: {etag}"])]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    return parse_response("".join(f"{line}\r\n" for line in [*lines, ""]).encode(), b"GET")


def part(
    first: int, last: int, total: int = SIZE, *, is_chunked: bool = False, etag: str | None = ETAG, **fields: str
) -> ResponseHead:
    """A 206 with these bytes."""
    length = None if is_chunked else last + 1 - first
    return answer(206, length=length, etag=etag, Content_Range=f"bytes {first}-{last}/{total}", **fields)


def resumed(head: RequestHead, broken: ResponseHead) -> Resumption:
    return resumption(understand(head, ()), head, broken)


# What is asked for.


@pytest.mark.parametrize("head", [head_of(), presigned(), signed()], ids=["anonymous", "presigned", "signed"])
def test_who_did_not_sign_a_range_gets_one_and_the_object_is_pinned(head: RequestHead) -> None:
    raw = resumed(head, answer()).raw_request(300)
    assert raw == head.raw[:-2] + f"Range: bytes=300-999\r\nIf-Match: {ETAG}\r\n\r\n".encode()


def test_the_signature_of_a_client_still_holds_for_the_rest() -> None:
    raw = resumed(signed(), answer()).raw_request(300)
    assert is_accepted(raw)
    assert not is_accepted(raw.replace(b"/bucket/key", b"/bucket/other"))


def test_the_rest_of_a_range_is_asked_for_in_place_of_the_range() -> None:
    head = presigned(rAnGe="bytes=100-199", Accept="*/*")
    raw = resumed(head, part(100, 199)).raw_request(30)
    assert b"rAnGe" in head.raw
    assert raw == (
        head.raw.replace(b"rAnGe: bytes=100-199\r\n", b"")[:-2]
        + f"Range: bytes=130-199\r\nIf-Match: {ETAG}\r\n\r\n".encode()
    )


def test_a_signed_range_is_asked_for_again_as_it_was() -> None:
    head = signed(Range="bytes=100-199")
    plan = resumed(head, part(100, 199))
    assert plan.is_replay
    assert plan.raw_request(30) == head.raw
    assert is_accepted(head.raw)


@pytest.mark.parametrize("target", ["/b/k?partNumber=2", "/b/k?versionId=7&partNumber=1", "/b/k?part%4eumber=2"])
def test_a_part_is_asked_for_again_as_it_was(target: str) -> None:
    head = head_of(target)
    assert resumed(head, part(200, 399)).raw_request(30) == head.raw


def test_the_client_s_own_condition_stays_alone() -> None:
    for name in ("If-Match", "if-match"):
        raw = resumed(head_of(**{name: ETAG}), answer()).raw_request(300)
        assert re.findall(rb"(?i)if-match: ([^\r]*)", raw) == [ETAG.encode()]
        assert b"Range: bytes=300-999" in raw


def test_a_condition_on_the_range_that_has_been_decided_is_left_out() -> None:
    """A node that finds it not met would send the whole object."""
    head = head_of(Range="bytes=5-", If_Range='"an older version"')
    raw = resumed(head, answer()).raw_request(300)
    assert b"if-range" not in raw.lower()
    head = signed(If_Range=ETAG)
    raw = resumed(head, answer()).raw_request(300)
    assert is_accepted(raw)


def test_of_an_object_of_unknown_length_all_that_follows_is_asked_for() -> None:
    plan = resumed(head_of(), answer(length=None))
    assert b"\r\nRange: bytes=300-\r\n" in plan.raw_request(300)


# What cannot go on.


@pytest.mark.parametrize(
    "head, broken, reason",
    [
        (head_of("/bucket?list-type=2"), answer(), "ListObjectsV2 does not read an object"),
        (head_of("/bucket/key?acl"), answer(), "GetObjectAcl does not read an object"),
        (head_of(Content_Length="3"), answer(), "does not read an object"),
        (head_of(), answer(404), "404"),
        (head_of(), answer(etag=None), "strong ETag"),
        (head_of(), answer(etag="W/" + ETAG), "strong ETag"),
        (head_of(), answer(etag='""'), "strong ETag"),
        (head_of(), answer(etag="5d41402abc4b2a76b9719d911017c592"), "strong ETag"),
        (head_of(), answer(length=None, Trailer="x-amz-checksum-crc32"), "trailers"),
        (head_of(Range="bytes=0-1,5-6"), answer(206, Content_Type="multipart/byteranges; boundary=x"), "Content-Range"),
        (head_of(Range="bytes=0-1,5-6"), part(0, 1), "Content-Range"),
        (head_of(Range="bytes=0-9"), answer(206), "Content-Range"),
        (head_of(Range="bytes=0-9"), answer(206, length=10, Content_Range="bytes 0-9/*"), "Content-Range"),
        (head_of(Range="bytes=0-9"), answer(206, length=9, Content_Range="bytes 0-9/1000"), "Content-Range"),
        (head_of(Range="bytes=0-9"), answer(206, Content_Range="bytes */1000"), "Content-Range"),
        (head_of(Range="bytes=0-9"), part(0, 8), "Content-Range"),
        (head_of(Range="bytes=0-9"), part(1, 9), "Content-Range"),
        (head_of(Range="bytes=0-"), part(0, 9), "Content-Range"),
        (head_of(Range="bytes=-10"), part(0, 9), "Content-Range"),
        (head_of(), part(0, 9), "Content-Range"),
        (head_of("/b/k?partNumber=1"), answer(length=None), "length is not known"),
    ],
)
def test_what_cannot_go_on_for_sure_does_not(head: RequestHead, broken: ResponseHead, reason: str) -> None:
    with pytest.raises(NotResumableError, match=reason):
        resumed(head, broken)


def test_a_body_that_ends_with_its_connection_does_not_go_on() -> None:
    broken = parse_response(f"HTTP/1.1 200 OK\r\nETag: {ETAG}\r\n\r\n".encode(), b"GET")
    with pytest.raises(NotResumableError, match="end of its connection"):
        resumed(head_of(), broken)


@pytest.mark.parametrize(
    "wanted, first, last",
    [("0-9", 0, 9), ("990-", 990, 999), ("990-2000", 990, 999), ("-10", 990, 999), ("-2000", 0, 999), ("0-", 0, 999)],
)
def test_a_range_that_was_answered_rightly_goes_on(wanted: str, first: int, last: int) -> None:
    plan = resumed(head_of(Range=f"bytes={wanted}"), part(first, last))
    assert b"Range: bytes=%d-%d\r\n" % (first + 5, last) in plan.raw_request(5)


def test_a_range_that_the_first_node_ignored_goes_on_as_the_whole_object() -> None:
    plan = resumed(head_of(Range="bytes=0-1,5-6"), answer())
    assert plan.check(part(300, 999), 300) == Rest(skip=0, length=700)


# What is joined.


def test_exactly_the_rest_is_joined_as_it_comes() -> None:
    plan = resumed(head_of(), answer())
    assert plan.check(part(300, 999), 300) == Rest(skip=0, length=700)
    assert plan.check(part(300, 999, is_chunked=True), 300) == Rest(skip=0, length=700)


def test_of_a_whole_object_in_place_of_a_range_the_start_is_skipped() -> None:
    assert resumed(head_of(), answer()).check(answer(), 300) == Rest(skip=300, length=700)
    plan = resumed(head_of(Range="bytes=100-"), part(100, 999))
    assert plan.check(answer(), 300) == Rest(skip=400, length=600)


def test_of_a_replay_what_the_client_has_is_skipped() -> None:
    plan = resumed(signed(Range="bytes=100-199"), part(100, 199))
    assert plan.check(part(100, 199), 30) == Rest(skip=30, length=70)


def test_the_length_of_an_object_may_be_learned_from_the_second_answer() -> None:
    plan = resumed(head_of(), answer(length=None))
    assert plan.check(part(300, 999), 300) == Rest(skip=0, length=700)
    assert plan.check(answer(), 300) == Rest(skip=300, length=700)


@pytest.mark.parametrize(
    "second, reason",
    [
        (answer(412), "the object has changed"),
        (answer(404), "the object is gone"),
        (answer(416), "no such bytes"),
        (answer(403), "does not accept"),
        (answer(500), "the node answered 500"),
        (answer(304), "the node answered 304"),
        (part(300, 999, etag='"other"'), "another etag"),
        (part(300, 999, etag="W/" + ETAG), "another etag"),
        (part(300, 999, etag=None), "another etag"),
        (part(300, 999, x_amz_version_id="2"), "another x-amz-version-id"),
        (part(300, 999, Content_Encoding="gzip"), "another content-encoding"),
        (part(300, 999, Last_Modified="Fri, 02 Jan 2026 00:00:00 GMT"), "another last-modified"),
        (part(300, 999, 1001), "another length"),
        (part(300, 998, 999), "another length"),
        (answer(length=1001), "another length"),
        (answer(length=None), "does not tell which bytes"),
        (answer(206, length=700), "does not tell which bytes"),
        (answer(206, length=699, Content_Range="bytes 300-999/1000"), "does not tell which bytes"),
        (answer(206, length=700, Content_Range="bytes 300-999/*"), "does not tell which bytes"),
        (answer(206, Content_Type="multipart/byteranges; boundary=x"), "does not tell which bytes"),
        (part(299, 999), "bytes 299 to 999, where 300 to 999"),
        (part(301, 999), "bytes 301 to 999, where 300 to 999"),
        (part(300, 998), "bytes 300 to 998, where 300 to 999"),
        (part(0, 999), "bytes 0 to 999, where 300 to 999"),
    ],
)
def test_what_is_not_surely_the_rest_is_not_joined(second: ResponseHead, reason: str) -> None:
    plan = resumed(head_of(), answer(Last_Modified="Thu, 01 Jan 2026 00:00:00 GMT"))
    with pytest.raises(MismatchError, match=reason):
        plan.check(second, 300)


@pytest.mark.parametrize("second", [part(130, 199), part(100, 299), part(0, 199), answer(), answer(length=100)])
def test_a_replay_must_bring_the_same_bytes(second: ResponseHead) -> None:
    plan = resumed(signed(Range="bytes=100-199"), part(100, 199))
    with pytest.raises(MismatchError):
        plan.check(second, 30)


@pytest.mark.parametrize("second", [part(300, 998), answer(length=300), answer(length=200), answer(length=None)])
def test_of_an_object_of_unknown_length_the_whole_rest_must_come(second: ResponseHead) -> None:
    plan = resumed(head_of(), answer(length=None))
    with pytest.raises(MismatchError):
        plan.check(second, 300)


def test_a_range_within_an_object_is_not_completed_by_all_of_it() -> None:
    plan = resumed(head_of(Range="bytes=100-199"), part(100, 199))
    with pytest.raises(MismatchError, match="bytes 0 to 999, where 0 to 199"):
        plan.check(answer(), 30)


def test_what_only_one_answer_says_of_its_time_is_no_contradiction() -> None:
    plan = resumed(head_of(), answer(Last_Modified="Thu, 01 Jan 2026 00:00:00 GMT"))
    assert plan.check(part(300, 999), 300) == Rest(0, 700)


# Any offsets.


def served(raw: bytes, thing: bytes, ignores_range: bool) -> tuple[ResponseHead, bytes]:
    """What a right node answers: its head, and the body."""
    wanted = None if ignores_range else re.search(rb"\r\nRange: bytes=(\d*)-(\d*)\r\n", raw)
    if wanted is None:
        return answer(length=len(thing)), thing
    if not wanted[1]:
        first, last = max(0, len(thing) - int(wanted[2])), len(thing) - 1
    else:
        first, last = int(wanted[1]), min(int(wanted[2] or len(thing)), len(thing) - 1)
    return part(first, last, len(thing)), thing[first : last + 1]


@given(
    st.binary(min_size=1, max_size=60),
    st.none() | st.tuples(st.integers(0, 59), st.none() | st.integers(0, 70)),
    st.booleans(),
    st.booleans(),
    st.lists(st.integers(0, 59), min_size=1, max_size=4),
)
def test_however_often_and_wherever_a_body_breaks_the_joined_one_is_the_same(
    thing: bytes, wanted: tuple[int, int | None] | None, is_signed: bool, ignores_range: bool, breaks: list[int]
) -> None:
    fields = {}
    if wanted is not None:
        first = wanted[0] % len(thing)
        fields["Range"] = f"bytes={first}-{'' if wanted[1] is None else first + wanted[1]}"
    head = signed(**fields) if is_signed else head_of(**fields)
    broken, whole = served(head.raw, thing, ignores_range=False)
    plan = resumed(head, broken)
    joined, rest = b"", whole
    for place in breaks:
        joined += rest[: place % len(rest)]
        raw = plan.raw_request(len(joined))
        second, body = served(raw, thing, ignores_range)
        try:
            skip, length = plan.check(second, len(joined))
        except MismatchError:
            assert ignores_range
            assert whole != thing  # a node that sends too much is of no use, except where it is only too early
            return
        assert length == len(whole) - len(joined)
        rest = body[skip : skip + length]
        assert skip + length == len(body)
    assert joined + rest == whole


# How long a signature holds.


@pytest.mark.parametrize("age, expected", [(0.0, True), (839.9, True), (840.0, False), (SIGNATURE_LIFE, False)])
def test_a_signed_head_is_fresh_for_a_minute_less_than_nodes_accept_it(age: float, expected: bool) -> None:
    assert is_fresh(signed(), age) is expected
    assert is_fresh(head_of(Authorization="AWS AKRAG:c2ln"), age) is expected


def test_presigned_and_anonymous_requests_stay_fresh_here() -> None:
    assert is_fresh(presigned(), 10 * SIGNATURE_LIFE)
    assert is_fresh(head_of(), 10 * SIGNATURE_LIFE)
