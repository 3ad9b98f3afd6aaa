"""Where a body ends: the same in any pieces, and where h11 and llhttp say so."""

import itertools
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3edge.http1.body import (
    MAX_SIZE_LINE,
    MAX_TRAILERS,
    BadBodyError,
    Body,
    ChunkedBody,
    Dechunker,
    LengthBody,
    Rechunker,
    UntilCloseBody,
    body_of,
)
from s3edge.http1.head import CHUNKED, UNTIL_CLOSE
from tests.http1.oracles import h11_chunked, llhttp_chunked


def feed(body: Body, pieces: Iterable[bytes]) -> int | None:
    """How many of the bytes in `pieces` belong to `body`; None if it is bad."""
    taken = 0
    for piece in pieces:
        try:
            size = body.take(memoryview(piece))
        except BadBodyError:
            return None
        taken += size
        if size < len(piece):
            assert body.is_complete
            break
    return taken


def cut(data: bytes, marks: Iterable[int]) -> list[bytes]:
    """`data` cut at these places."""
    places = sorted({0, len(data), *(mark % (len(data) + 1) for mark in marks)})
    return [data[start:end] for start, end in itertools.pairwise(places)]


def in_bytes(data: bytes) -> list[bytes]:
    return [data[place : place + 1] for place in range(len(data))]


MARKS = st.lists(st.integers(0, 10_000), max_size=20)

# Which reader.


@pytest.mark.parametrize(
    "length, kind", [(0, LengthBody), (5, LengthBody), (CHUNKED, ChunkedBody), (UNTIL_CLOSE, UntilCloseBody)]
)
def test_a_head_tells_which_reader_its_body_needs(length: int, kind: type[Body]) -> None:
    body = body_of(length)
    assert type(body) is kind
    assert body.is_complete is (length == 0)
    assert body.ends_at_close is (length == UNTIL_CLOSE)


@given(st.integers(0, 300), st.binary(max_size=400), MARKS)
def test_a_body_of_known_length_takes_that_many_bytes(length: int, data: bytes, marks: list[int]) -> None:
    for pieces in ([data], cut(data, marks), in_bytes(data)):
        body = LengthBody(length)
        assert feed(body, pieces) == min(length, len(data))
        assert body.is_complete is (len(data) >= length)
        assert body.remaining == max(0, length - len(data))


def test_a_complete_body_takes_nothing_more() -> None:
    for body in (LengthBody(0), LengthBody(2), ChunkedBody()):
        body.take(b"0\r\n\r\n" if isinstance(body, ChunkedBody) else b"xx")
        assert body.is_complete
        assert body.take(b"next") == 0


@given(st.lists(st.binary(), max_size=5))
def test_a_body_until_close_takes_everything_and_is_never_complete(pieces: list[bytes]) -> None:
    body = UntilCloseBody()
    assert feed(body, pieces) == sum(map(len, pieces))
    assert not body.is_complete


# Well-formed chunks.

TOKENS = st.text("abzAZ019!#$%&'*+-.^_`|~", min_size=1, max_size=8).map(str.encode)
QUOTED = st.lists(st.sampled_from([b"a", b" ", b"\t", b";", b"=", b"\\\\", b'\\"', b","]), max_size=6).map(
    lambda parts: b'"' + b"".join(parts) + b'"'
)
EXTENSIONS = st.lists(
    st.tuples(TOKENS, st.just(b"") | TOKENS.map(lambda value: b"=" + value) | QUOTED.map(lambda value: b"=" + value)),
    max_size=3,
).map(lambda extensions: b"".join(b";" + name + value for name, value in extensions))
CHUNKS = st.tuples(st.binary(min_size=1, max_size=40), EXTENSIONS, st.integers(0, 5), st.booleans())
VALUES = st.lists(st.sampled_from([b"a", b"Z", b" ", b"\t", b":", b"\xff", b"=", b'"']), max_size=10).map(b"".join)
TRAILERS = st.lists(st.tuples(TOKENS.map(lambda name: b"x-" + name), VALUES), max_size=3)


@st.composite
def chunked(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """A chunked body and its content."""
    coded = content = b""
    for data, extensions, zeros, is_upper in draw(st.lists(CHUNKS, max_size=4)):
        size = b"0" * zeros + (b"%X" if is_upper else b"%x") % len(data)
        coded += size + extensions + b"\r\n" + data + b"\r\n"
        content += data
    coded += draw(st.sampled_from([b"0", b"00", b"000000000000000"])) + draw(EXTENSIONS) + b"\r\n"
    coded += b"".join(name + b":" + value + b"\r\n" for name, value in draw(TRAILERS))
    return coded + b"\r\n", content


@given(chunked(), st.binary(max_size=20), MARKS)
def test_a_well_formed_chunked_body_ends_where_it_ends_in_any_pieces(
    body: tuple[bytes, bytes], rest: bytes, marks: list[int]
) -> None:
    coded, content = body
    for pieces in ([coded + rest], cut(coded + rest, marks), in_bytes(coded + rest)):
        reader = ChunkedBody()
        assert feed(reader, pieces) == len(coded)
        assert reader.is_complete
    assert h11_chunked(coded + rest) == (content, len(rest))
    assert llhttp_chunked(coded) == (content, True)


@given(chunked(), st.data())
def test_a_part_of_a_chunked_body_is_not_complete(body: tuple[bytes, bytes], data: st.DataObject) -> None:
    coded, _ = body
    size = data.draw(st.integers(0, len(coded) - 1))
    reader = ChunkedBody()
    assert feed(reader, [coded[:size]]) == size
    assert not reader.is_complete


def test_a_chunk_may_be_larger_than_all_that_ever_arrives_at_once() -> None:
    body = ChunkedBody()
    assert feed(body, [b"fffffffffffffff\r\n", *[bytes(1000)] * 5]) == 17 + 5000
    assert not body.is_complete


def test_the_next_message_behind_a_body_is_left_alone() -> None:
    message = b"5\r\nhello\r\n0\r\n\r\nGET / HTTP/1.1\r\n"
    assert ChunkedBody().take(message) == len(message) - len(b"GET / HTTP/1.1\r\n")


# What is not well-formed, each with the place where it is noticed.

BAD = {
    "no size": b"\r\n",
    "no size before an extension": b";a=b\r\n",
    "a sign": b"+5\r\nhello\r\n0\r\n\r\n",
    "a minus": b"-5\r\n",
    "a prefix": b"0x5\r\nhello\r\n0\r\n\r\n",
    "an underscore": b"1_0\r\n",
    "no hexadecimal digit": b"g\r\n",
    "a digit of another script": "\u0665\r\n".encode(),
    "16 digits": b"1000000000000000\r\n",
    "a size that overflows 64 bits": b"10000000000000005\r\nhello\r\n0\r\n\r\n",
    "a blank before the size": b" 5\r\nhello\r\n0\r\n\r\n",
    "a blank behind the size": b"5 \r\nhello\r\n0\r\n\r\n",
    "a blank behind an extension": b"5;a=b \r\nhello\r\n0\r\n\r\n",
    "an extension without a name": b"5;\r\nhello\r\n0\r\n\r\n",
    "an extension that is not closed": b'5;a="b\r\nhello\r\n0\r\n\r\n',
    "NUL in an extension": b"5;a=\0\r\nhello\r\n0\r\n\r\n",
    "a bare LF behind the size": b"5\nhello\r\n0\r\n\r\n",
    "a bare LF in an extension": b"5;a=b\nhello\r\n0\r\n\r\n",
    "a bare CR in an extension": b"5;a\rb\r\nhello\r\n0\r\n\r\n",
    "a doubled CR": b"5\r\r\nhello\r\n0\r\n\r\n",
    "more data than the size": b"5\r\nhello!\r\n0\r\n\r\n",
    "a bare LF behind the data": b"5\r\nhello\n0\r\n\r\n",
    "a bare CR behind the data": b"5\r\nhello\r0\r\n\r\n",
    "less data than the size": b"6\r\nhello\r\n0\r\n\r\n",
    "a bare LF at the end": b"0\r\n\n",
    "a doubled CR at the end": b"0\r\n\r\r\n",
    "a trailer without a colon": b"0\r\nfoo\r\n\r\n",
    "a trailer without a name": b"0\r\n: b\r\n\r\n",
    "a blank before a trailer's colon": b"0\r\nA : b\r\n\r\n",
    "a trailer that begins with a blank": b"0\r\n A: b\r\n\r\n",
    "a folded trailer": b"0\r\nA: b\r\n c\r\n\r\n",
    "a bare LF behind a trailer": b"0\r\nA: b\n\r\n",
    "a bare CR in a trailer": b"0\r\nA: b\rC: d\r\n\r\n",
    "NUL in a trailer": b"0\r\nA: \0\r\n\r\n",
    "a control character in a trailer": b"0\r\nA: \x01\r\n\r\n",
    "a length in a trailer": b"0\r\nContent-Length: 5\r\n\r\n",
    "a coding in a trailer": b"0\r\ntransfer-encoding: chunked\r\n\r\n",
}


@pytest.mark.parametrize("coded", [pytest.param(coded, id=what) for what, coded in BAD.items()])
def test_a_body_that_readers_may_disagree_on_is_refused_in_any_pieces(coded: bytes) -> None:
    for pieces in ([coded], in_bytes(coded), cut(coded, [3]), cut(coded, [len(coded) - 3])):
        body = ChunkedBody()
        assert feed(body, pieces) is None
        assert not body.is_complete


def test_a_refusal_says_what_was_found() -> None:
    for coded, found in (
        (b"x\r\n", "size"),
        (b"1\r\nxx", "followed by CRLF"),
        (b"0\r\nx\r\n", "trailer"),
        (b"1;" + b"x" * MAX_SIZE_LINE, "too long"),
        (b"0\r\n" + b"x" * MAX_TRAILERS + b"x", "too long"),
    ):
        with pytest.raises(BadBodyError, match=found):
            ChunkedBody().take(coded)


@pytest.mark.parametrize("step", [1, 1000, MAX_TRAILERS * 2])
@pytest.mark.parametrize("excess", [0, 1])
def test_a_size_line_and_trailers_may_be_as_long_as_their_limits(step: int, excess: int) -> None:
    size_line = b"1;" + b"x" * (MAX_SIZE_LINE - 4 + excess) + b"\r\n"
    one_trailer = b"A:" + b"x" * (MAX_TRAILERS - 6 + excess) + b"\r\n"
    many_trailers = b"A: bcd\r\n" * (MAX_TRAILERS // 8 - 1) + b"A:" + b"x" * (2 + excess) + b"\r\n"
    for coded in (
        size_line + b"x\r\n0\r\n\r\n",
        b"0\r\n" + one_trailer + b"\r\n",
        b"0\r\n" + many_trailers + b"\r\n",
    ):
        pieces = [coded[start : start + step] for start in range(0, len(coded), step)]
        assert feed(ChunkedBody(), pieces) == (None if excess else len(coded))


def test_a_line_that_never_ends_is_refused_at_its_limit() -> None:
    for start, limit in ((b"", MAX_SIZE_LINE), (b"0\r\n", MAX_TRAILERS)):
        body = ChunkedBody()
        body.take(start)
        for _ in range(limit):
            body.take(b"1")
        with pytest.raises(BadBodyError, match="too long"):
            body.take(b"1")


# Anything at all, made of what matters.

PARTS = [
    b"\r\n",
    b"\n",
    b"\r",
    b"0",
    b"1",
    b"5",
    b"a",
    b"f",
    b";",
    b"=",
    b'"',
    b" ",
    b"\t",
    b"\0",
    b"x:",
    b"\xff",
    b"\\",
]


def is_read_alike(coded: bytes) -> bool:
    """Whether both oracles take `coded` for the same whole body; blanks in trailers they may refuse."""
    ours, theirs = h11_chunked(coded), llhttp_chunked(coded)
    if ours is None or theirs is None:
        return b" " in coded or b"\t" in coded
    return ours == (theirs[0], 0) and theirs[1]


@given(st.lists(st.sampled_from(PARTS), max_size=14), MARKS)
def test_what_we_take_for_a_whole_body_both_oracles_take_for_the_same(parts: list[bytes], marks: list[int]) -> None:
    coded = b"".join(parts)
    whole, pieces, single = ChunkedBody(), ChunkedBody(), ChunkedBody()
    taken = feed(whole, [coded])
    assert feed(pieces, cut(coded, marks)) == taken
    assert feed(single, in_bytes(coded)) == taken
    assert whole.is_complete is pieces.is_complete is single.is_complete
    if taken is not None and whole.is_complete:
        assert is_read_alike(coded[:taken])


@given(chunked(), st.integers(0, 10_000), st.sampled_from(PARTS), st.integers(0, 2))
def test_a_well_formed_body_with_one_fault_is_refused_or_read_as_the_oracles_read_it(
    body: tuple[bytes, bytes], place: int, fault: bytes, removed: int
) -> None:
    coded, _ = body
    place %= len(coded)
    coded = coded[:place] + fault + coded[place + removed :]
    reader = ChunkedBody()
    taken = feed(reader, [coded])
    assert feed(ChunkedBody(), in_bytes(coded)) == taken
    if taken is not None and reader.is_complete:
        assert is_read_alike(coded[:taken])


@pytest.mark.parametrize("line", [b"5 ;a", b"5; a", b"5\t;a", b"5;a =b", b"5;a= b", b'5;a="b c" ;d'])
def test_blanks_around_extensions_are_refused_since_servers_differ_in_reading_them(line: bytes) -> None:
    assert feed(ChunkedBody(), [line + b"\r\nhello\r\n0\r\n\r\n"]) is None


# In the middle of a chunked body.


def test_between_and_within_chunks_a_body_tells_what_the_present_chunk_lacks() -> None:
    body, lacks = ChunkedBody(), []
    for byte in in_bytes(b"3;x\r\nabc\r\n1\r\n!\r\n0\r\nA: b\r\n\r\n"):
        body.take(byte)
        lacks.append(body.rest_of_chunk)
    first = [None, None, None, None, 5, 4, 3, 2, 1, 0]
    assert lacks == [*first, None, None, 3, 2, 1, 0, *[None] * 11]
    assert ChunkedBody().rest_of_chunk == 0


@given(chunked(), MARKS)
def test_the_data_of_chunks_is_found_and_counted_in_any_pieces(body: tuple[bytes, bytes], marks: list[int]) -> None:
    coded, content = body
    for pieces in ([coded], cut(coded, marks), in_bytes(coded)):
        reader, data = Dechunker(), b""
        for piece in pieces:
            assert reader.take(memoryview(piece)) == len(piece)
            data += reader.data()
            assert reader.payload == len(data)
        assert data == content
        assert reader.is_complete


def test_data_is_given_out_once() -> None:
    reader = Dechunker()
    reader.take(b"3\r\nabc\r\n2\r\nde")
    assert (reader.data(), reader.data()) == (b"abcde", b"")


def test_data_behind_the_body_is_not_the_body_s() -> None:
    reader = Dechunker()
    assert reader.take(b"1\r\na\r\n0\r\n\r\n5\r\nother\r\n") == 11
    assert reader.data() == b"a"


@given(chunked(), st.integers(0, 10_000), MARKS)
def test_a_body_that_broke_off_goes_on_to_the_same_content(
    body: tuple[bytes, bytes], place: int, marks: list[int]
) -> None:
    coded, content = body
    sent = coded[: place % len(coded)]
    reader = ChunkedBody()
    reader.take(sent)
    if reader.rest_of_chunk is not None:
        writer = Rechunker(reader.rest_of_chunk)
        rest = b"".join(writer.coded(piece) for piece in cut(content[reader.payload :], marks)) + writer.end()
        assert h11_chunked(sent + rest) == (content, 0)


@pytest.mark.parametrize(
    "lacks, pieces, expected",
    [
        pytest.param(0, [b"abc"], b"3\r\nabc\r\n0\r\n\r\n", id="between two chunks"),
        pytest.param(5, [b"abc"], b"abc\r\n0\r\n\r\n", id="data to the end of the chunk"),
        pytest.param(5, [b"abcd"], b"abc\r\n1\r\nd\r\n0\r\n\r\n", id="data beyond the chunk"),
        pytest.param(5, [b"a", b"b", b"cd"], b"abc\r\n1\r\nd\r\n0\r\n\r\n", id="data in pieces"),
        pytest.param(2, [b"a"], b"\r\n1\r\na\r\n0\r\n\r\n", id="before the CRLF"),
        pytest.param(1, [b"a"], b"\n1\r\na\r\n0\r\n\r\n", id="within the CRLF"),
        pytest.param(2, [], b"\r\n0\r\n\r\n", id="only the CRLF was missing"),
        pytest.param(0, [b"", b"a" * 16], b"10\r\naaaaaaaaaaaaaaaa\r\n0\r\n\r\n", id="no empty chunk ends the body"),
    ],
)
def test_what_was_begun_is_completed_and_the_rest_is_in_chunks(
    lacks: int, pieces: list[bytes], expected: bytes
) -> None:
    writer = Rechunker(lacks)
    assert b"".join(map(writer.coded, pieces)) + writer.end() == expected
    assert writer.rest_of_chunk == 0


def test_a_body_that_ends_within_the_chunk_that_was_begun_cannot_be_ended() -> None:
    writer = Rechunker(12)
    assert writer.coded(b"123456789") == b"123456789"
    assert writer.rest_of_chunk == 3
    with pytest.raises(BadBodyError, match="larger than the rest"):
        writer.end()
