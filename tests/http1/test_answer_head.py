"""Heads of answers: which are refused, and that h11 and llhttp read the others as we do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3edge.errors import NodeError, Origin
from s3edge.http1.head import CHUNKED, UNTIL_CLOSE, parse_response, without_hop_fields
from tests.http1.oracles import h11_response, llhttp_response


def head(*lines: bytes, status: bytes = b"200 OK", version: bytes = b"HTTP/1.1") -> bytes:
    """An answer's head of this status line and these fields."""
    return b"\r\n".join((version + b" " + status, *lines, b"", b""))


LENGTH = b"Content-Length: 5"
CHUNKS = b"Transfer-Encoding: chunked"


@pytest.mark.parametrize(
    "status, method, fields, length",
    [
        (b"200 OK", b"GET", [LENGTH], 5),
        (b"200 OK", b"GET", [b"content-length:0"], 0),
        (b"200 OK", b"GET", [b"Content-Length:\t999999999999999999 "], 10**18 - 1),
        (b"200 OK", b"GET", [CHUNKS], CHUNKED),
        (b"200 OK", b"GET", [b"transfer-encoding:Chunked "], CHUNKED),
        (b"200 OK", b"GET", [], UNTIL_CLOSE),
        (b"206 Partial Content", b"GET", [LENGTH], 5),
        (b"200 OK", b"HEAD", [LENGTH], 0),
        (b"200 OK", b"HEAD", [CHUNKS], 0),
        (b"200 OK", b"HEAD", [], 0),
        (b"404 Not Found", b"HEAD", [LENGTH], 0),
        (b"204 No Content", b"DELETE", [], 0),
        (b"204 No Content", b"DELETE", [LENGTH], 0),
        (b"304 Not Modified", b"GET", [LENGTH], 0),
        (b"304 Not Modified", b"GET", [CHUNKS], 0),
        (b"100 Continue", b"PUT", [], 0),
        (b"103 Early Hints", b"GET", [b"Link: x"], 0),
        (b"100 Continue", b"PUT", [LENGTH], 0),
        (b"503 Slow Down", b"GET", [LENGTH], 5),
        (b"599 Whatever", b"GET", [LENGTH], 5),
    ],
)
def test_the_body_ends_where_status_method_and_fields_say(
    status: bytes, method: bytes, fields: list[bytes], length: int
) -> None:
    raw = head(*fields, status=status)
    answer = parse_response(raw, method)
    assert (answer.status, answer.length) == (int(status[:3]), length)
    assert answer.raw == raw
    if status[:1] != b"1" or not fields:
        oracle = h11_response(raw, method)
        assert oracle is not None
        assert oracle.framing == length


@pytest.mark.parametrize(
    "version, fields, keep_alive",
    [
        (b"HTTP/1.1", [], True),
        (b"HTTP/1.1", [b"Connection: keep-alive"], True),
        (b"HTTP/1.1", [b"Connection: Close"], False),
        (b"HTTP/1.1", [b"connection:close"], False),
        (b"HTTP/1.1", [b"Connection: keep-alive, close"], False),
        (b"HTTP/1.1", [b"Connection: close", b"Connection: keep-alive"], False),
        (b"HTTP/1.1", [b"Connection: keep-alive", b"Connection: close"], False),
        (b"HTTP/1.1", [b"Connection: close", b"Connection: x"], False),
        (b"HTTP/1.1", [b"X-Connection: close"], True),
        (b"HTTP/1.0", [], False),
        (b"HTTP/1.0", [b"Connection: close"], False),
        (b"HTTP/1.0", [b"Connection: x"], False),
    ],
)
def test_a_connection_is_used_again_unless_the_node_says_otherwise(
    version: bytes, fields: list[bytes], keep_alive: bool
) -> None:
    answer = parse_response(head(LENGTH, *fields, version=version), b"GET")
    assert answer.keep_alive is keep_alive
    assert answer.has_connection is any(field.lower().startswith(b"connection") for field in fields)


@pytest.mark.parametrize(
    "field, is_hop",
    [
        (b"Server: x", False),
        (b"Connection: keep-alive", False),  # what nginx and Ceph say in every answer
        (b"Connection: Keep-Alive", False),
        (b"Connection: close", True),
        (b"Connection: keep-alive, x", True),
        (b"Keep-Alive: timeout=5", True),
        (b"Upgrade: h2,h2c", True),
        (b"Proxy-Connection: x", True),
        (b"X-Keep-Alive: x", False),
    ],
)
def test_an_answer_tells_whether_it_carries_fields_of_one_hop(field: bytes, is_hop: bool) -> None:
    assert parse_response(head(LENGTH, field), b"GET").hop_fields is is_hop


def test_an_offer_to_upgrade_is_no_upgrade() -> None:
    """Apache offers h2c in its answers."""
    raw = head(LENGTH, b"Upgrade: h2,h2c", b"Connection: Upgrade, Keep-Alive")
    answer = parse_response(raw, b"GET")
    assert (answer.length, answer.keep_alive) == (5, True)
    assert without_hop_fields(raw) == head(LENGTH)


@pytest.mark.parametrize(
    "line",
    [b"200", b"200 ", b"200 OK", b"200  two blanks", b"200 a\tb", "200 überall".encode(), b"200 " + b"x" * 5000],
)
def test_a_reason_may_be_missing_or_anything_that_can_be_printed(line: bytes) -> None:
    assert parse_response(head(LENGTH, status=line), b"GET").status == 200


def test_a_field_is_found_by_its_lower_case_name() -> None:
    answer = parse_response(head(LENGTH, b'ETag:  "Abc" '), b"GET")
    assert answer.header(b"etag") == b'"Abc"'
    assert answer.header(b"content-range") is None


def test_thousands_of_fields_are_read() -> None:
    assert parse_response(head(*[b"a:b"] * 13_000, LENGTH), b"GET").length == 5


REFUSED: dict[str, bytes] = {
    # No answer at all.
    "nothing": b"\r\n\r\n",
    "another protocol": b"220 mail.example ESMTP\r\n\r\n",
    "TLS": b"\x15\x03\x01\x00\x02\x02\x16\r\n\r\n",
    "ICY": b"ICY 200 OK\r\n\r\n",
    "an empty line before it": b"\r\n" + head(LENGTH),
    "a bare CR before it": b"\r" + head(LENGTH),
    "HTTP/0.9": b"<html>\r\n\r\n",
    "HTTP/1.2": head(LENGTH, version=b"HTTP/1.2"),
    "HTTP/2.0": head(LENGTH, version=b"HTTP/2.0"),
    "lower case": head(LENGTH, version=b"http/1.1"),
    # The status.
    "no status": head(LENGTH, status=b""),
    "two digits": head(LENGTH, status=b"20 OK"),
    "four digits": head(LENGTH, status=b"2000 OK"),
    "no blank behind it": head(LENGTH, status=b"200OK"),
    "two blanks before it": head(LENGTH, status=b" 200 OK"),
    "a tab before it": b"HTTP/1.1\t200 OK\r\n\r\n",
    "a sign": head(LENGTH, status=b"+20 OK"),
    "an underscore": head(LENGTH, status=b"2_0 OK"),
    "no number": head(LENGTH, status=b"abc OK"),
    "000": head(LENGTH, status=b"000 OK"),
    "099": head(LENGTH, status=b"099 OK"),
    "600": head(LENGTH, status=b"600 OK"),
    "999": head(LENGTH, status=b"999 OK"),
    "101": head(b"Upgrade: h2c", b"Connection: upgrade", status=b"101 Switching Protocols"),
    "101 without fields": head(status=b"101 Switching Protocols"),
    "NUL in the reason": head(LENGTH, status=b"200 O\0K"),
    "a control character in the reason": head(LENGTH, status=b"200 O\x01K"),
    "a bare LF in the reason": head(LENGTH, status=b"200 O\nK"),
    "a bare CR in the reason": head(LENGTH, status=b"200 O\rK"),
    "a bare LF behind the status line": b"HTTP/1.1 200 OK\nContent-Length: 5\r\n\r\n",
    # The body's length.
    "two lengths": head(LENGTH, b"Content-Length: 6"),
    "two equal lengths": head(LENGTH, LENGTH),
    "a list of lengths": head(b"Content-Length: 5, 5"),
    "an empty length": head(b"Content-Length:"),
    "a length with a sign": head(b"Content-Length: +5"),
    "a length beyond 63 bits": head(b"Content-Length: 9223372036854775808"),
    "a length beyond 64 bits": head(b"Content-Length: 18446744073709551621"),
    "length and coding": head(LENGTH, CHUNKS),
    "coding and length": head(CHUNKS, LENGTH),
    "no length and coding": head(b"Content-Length: 0", CHUNKS),
    "gzip": head(b"Transfer-Encoding: gzip"),
    "gzip within chunks": head(b"Transfer-Encoding: gzip, chunked"),
    "chunked twice": head(CHUNKS, CHUNKS),
    "identity": head(b"Transfer-Encoding: identity"),
    "identity and chunked": head(b"Transfer-Encoding: identity", CHUNKS),
    "an empty coding": head(b"Transfer-Encoding:"),
    "chunked in HTTP/1.0": head(CHUNKS, version=b"HTTP/1.0"),
    # Lines and bytes.
    "a folded field": head(b"A: b\r\n c"),
    "a blank before the first field": head(b" A: b"),
    "a bare LF": head(b"A: b\nC: d"),
    "a bare CR": head(b"A: b\rC: d"),
    "NUL": head(b"A: \0"),
    "a control character": head(b"A: \x01"),
    "a blank before the colon": head(b"Content-Length : 5"),
    "a field without a name": head(b": b"),
    "a field without a colon": head(b"A"),
}


@pytest.mark.parametrize("raw", [pytest.param(raw, id=what) for what, raw in REFUSED.items()])
def test_an_answer_that_readers_may_disagree_on_is_refused(raw: bytes) -> None:
    with pytest.raises(NodeError) as caught:
        parse_response(raw, b"GET")
    error = caught.value
    assert (error.status, error.code, error.origin) == (500, "BadGateway", Origin.NODE)
    assert error.message.startswith("The storage node gave no usable answer: ")


STARTS = [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 206\r\n", b""]
FRAGMENTS = [
    *(b"HTTP/1.1 ", b"HTTP/1.0 ", b"200", b"204", b"304", b"101", b"100", b"999", b" OK", b"X: y"),
    *(b" ", b"\t", b"\r\n", b"\n", b"\r", b"\0", b":", b"+", b"5", b",", b"X", b"\xff", b"\x7f"),
    *(b"Content-Length: 5", b"content-length:5", b"Content-Length: 0", b"Transfer-Encoding: chunked", b"gzip"),
    *(b"transfer-encoding:", b"chunked", b"Upgrade: x", b"Connection: close", b"Connection: upgrade"),
]


FIELD_LINES = [
    b"Content-Length: 5",
    b"Content-Length: 0",
    b"Transfer-Encoding: chunked",
    b"Connection: close",
    b"Upgrade: x",
    b"X: y",
]


@st.composite
def heads(draw: st.DrawFn) -> bytes:
    """A head with a fault or two, which may be none, up to its first empty line."""
    lines = [draw(st.sampled_from(STARTS))]
    lines += [line + b"\r\n" for line in draw(st.lists(st.sampled_from(FIELD_LINES), max_size=3))]
    data = b"".join(lines)
    for fragment in draw(st.lists(st.sampled_from(FRAGMENTS), max_size=2)):
        place = draw(st.integers(0, len(data)))
        data = data[:place] + fragment + data[place + draw(st.integers(0, 2)) :]
    raw = data + b"\r\n\r\n"
    return raw[: raw.index(b"\r\n\r\n") + 4]


@given(heads(), st.sampled_from([b"GET", b"HEAD", b"PUT"]))
def test_what_we_accept_h11_and_llhttp_accept_as_the_same_answer(raw: bytes, method: bytes) -> None:
    try:
        answer = parse_response(raw, method)
    except NodeError:
        return
    for read in (h11_response(raw, method), llhttp_response(raw, method)):
        assert read is not None
        assert read.start == (b"%d" % answer.status,)
        assert read.framing == answer.length


@given(st.binary(max_size=100))
def test_whatever_a_node_sends_only_an_error_of_the_node_comes_of_it(data: bytes) -> None:
    data += b"\r\n\r\n"
    raw = data[: data.index(b"\r\n\r\n") + 4]
    with pytest.raises(NodeError):
        parse_response(raw, b"GET")
