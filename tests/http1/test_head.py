"""Request heads: which are refused and why, and that h11 and llhttp read the others as we do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3edge.errors import ClientError, Origin
from s3edge.http1.head import CHUNKED, RequestHead, parse_request, without_hop_fields
from tests.http1.oracles import h11_request, llhttp_request


def head(*lines: bytes, line: bytes = b"GET /bucket/key HTTP/1.1", host: bytes = b"Host: s3.example") -> bytes:
    """A request head of this request line and these fields."""
    return b"\r\n".join((line, *([host] if host else []), *lines, b"", b""))


def parsed(*lines: bytes, line: bytes = b"PUT /bucket/key HTTP/1.1") -> RequestHead:
    return parse_request(head(*lines, line=line))


# What is understood.


def test_a_head_is_taken_apart_and_kept_as_it_came() -> None:
    raw = head(b"X-Amz-Date: now", b"Content-Length:\t12 ", line=b"PUT /b/k?partNumber=1 HTTP/1.1")
    request = parse_request(raw)
    assert (request.method, request.target, request.minor) == (b"PUT", b"/b/k?partNumber=1", 1)
    assert (request.host, request.length) == (b"s3.example", 12)
    assert (request.keep_alive, request.expects_continue, request.hop_fields) == (True, False, False)
    assert request.raw == raw


@pytest.mark.parametrize(
    "target",
    [
        b"/",
        b"//",
        b"/b//k",
        b"/b/./k",
        b"/b/../k",
        b"/b/%2F%2e%2E%00",
        b"/b/a+b@c,d;e=f&g:h!i*j'k(l)m$n~o",
        b"/b/" + "ä".encode("ascii", "xmlcharrefreplace"),
        b'/b/"<>\\^`{|}',
        b"/b/k?X-Amz-Credential=A%2FB&X-Amz-Signature=0",
        b"/?",
        b"/??",
        b"/" + b"k" * 60_000,
        b"*",
        b"http://s3.example/b/k",
        b"HTTPS://S3.Example?list-type=2",
    ],
)
def test_a_target_stays_as_it_is(target: bytes) -> None:
    request = parse_request(head(line=b"OPTIONS " + target + b" HTTP/1.1"))
    assert request.target == target


@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"PUT", b"POST", b"DELETE", b"OPTIONS", b"PATCH"])
def test_every_method_of_s3_is_known(method: bytes) -> None:
    assert parse_request(head(line=method + b" / HTTP/1.1")).method == method


@pytest.mark.parametrize(
    "field, length",
    [
        (b"X: y", 0),
        (b"Content-Length: 0", 0),
        (b"Content-Length: 5", 5),
        (b"content-length:00005", 5),
        (b"CONTENT-LENGTH: 999999999999999999", 10**18 - 1),
        (b"Transfer-Encoding: chunked", CHUNKED),
        (b"transfer-encoding:Chunked ", CHUNKED),
        (b"Content-Length-X: 5", 0),
        (b"X-Content-Length: 5", 0),
        (b"X: Content-Length: 5", 0),
        (b"Content_Length: 5", 0),
    ],
)
def test_the_length_of_the_body_is_told_by_its_one_field(field: bytes, length: int) -> None:
    assert parsed(field).length == length


@pytest.mark.parametrize(
    "version, fields, keep_alive",
    [
        (b"1.1", [], True),
        (b"1.1", [b"Connection: close"], False),
        (b"1.1", [b"connection:\tCLOSE "], False),
        (b"1.1", [b"Connection: keep-alive"], True),
        (b"1.1", [b"Connection: x-close"], True),
        (b"1.1", [b"Connection: a,\tclose ,b"], False),
        (b"1.1", [b"Connection: close, keep-alive"], False),
        (b"1.1", [b"Connection: close", b"Connection: keep-alive"], False),
        (b"1.1", [b"Connection: keep-alive", b"Connection: close"], False),
        (b"1.0", [], False),
        (b"1.0", [b"Connection: Keep-Alive"], True),
        (b"1.0", [b"Connection: close"], False),
    ],
)
def test_the_connection_stays_unless_one_side_says_otherwise(
    version: bytes, fields: list[bytes], keep_alive: bool
) -> None:
    assert parse_request(head(*fields, line=b"GET / HTTP/" + version)).keep_alive is keep_alive


@pytest.mark.parametrize("version, expects", [(b"1.1", True), (b"1.0", False)])
def test_a_client_of_http_1_0_cannot_wait_for_a_100(version: bytes, expects: bool) -> None:
    request = parse_request(head(b"Expect: 100-Continue", b"Content-Length: 3", line=b"PUT / HTTP/" + version))
    assert request.expects_continue is expects


def test_a_client_of_http_1_0_need_not_name_a_host() -> None:
    assert parse_request(head(line=b"GET /b/k HTTP/1.0", host=b"")).host == b""


def test_a_field_is_found_by_its_lower_case_name_and_given_as_it_came() -> None:
    request = parsed(b"X-One:  First Value\t", b"x-one: second", b"X-Two:", b"X-Three: a: b")
    assert request.header(b"x-one") == b"First Value"
    assert request.header(b"x-two") == b""
    assert request.header(b"x-three") == b"a: b"
    assert request.header(b"one") is None
    assert request.header(b"x-o") is None
    assert request.header(b"put /bucket/key http/1.1") is None


def test_thousands_of_fields_are_read_within_the_heads_limit() -> None:
    request = parsed(*[b"a:b"] * 13_000, b"Content-Length: 5")
    assert (request.length, request.host) == (5, b"s3.example")


# What is refused, each with its status. Nothing of it may be forwarded.

REFUSED: dict[str, tuple[int, bytes]] = {
    # The body's length.
    "length and coding": (400, head(b"Content-Length: 5", b"Transfer-Encoding: chunked")),
    "coding and length": (400, head(b"Transfer-Encoding: chunked", b"Content-Length: 5")),
    "no length and coding": (400, head(b"Content-Length: 0", b"Transfer-Encoding: chunked")),
    "two lengths": (400, head(b"Content-Length: 5", b"Content-Length: 6")),
    "two equal lengths": (400, head(b"Content-Length: 5", b"Content-Length: 5")),
    "two lengths of 0": (400, head(b"Content-Length: 0", b"content-length: 0")),
    "a list of lengths": (400, head(b"Content-Length: 5, 5")),
    "an empty length": (400, head(b"Content-Length:")),
    "a blank length": (400, head(b"Content-Length: ")),
    "a length with a sign": (400, head(b"Content-Length: +5")),
    "a negative length": (400, head(b"Content-Length: -5")),
    "a length in hexadecimal": (400, head(b"Content-Length: 0x5")),
    "a length with an underscore": (400, head(b"Content-Length: 1_0")),
    "a length with a blank": (400, head(b"Content-Length: 1 0")),
    "a length with a fraction": (400, head(b"Content-Length: 5.0")),
    "a length in other digits": (400, head("Content-Length: \u0665".encode())),
    "a length of 19 digits": (400, head(b"Content-Length: 1000000000000000000")),
    "a length beyond 63 bits": (400, head(b"Content-Length: 9223372036854775808")),
    "a length beyond 64 bits": (400, head(b"Content-Length: 18446744073709551621")),
    "a length of many digits": (400, head(b"Content-Length: " + b"9" * 5000)),
    "an unknown coding": (400, head(b"Transfer-Encoding: xchunked")),
    "no coding": (400, head(b"Transfer-Encoding:")),
    "identity": (400, head(b"Transfer-Encoding: identity")),
    "a coding in quotes": (400, head(b'Transfer-Encoding: "chunked"')),
    "a coding with a parameter": (400, head(b"Transfer-Encoding: chunked;a=b")),
    "a coding behind a vertical tab": (400, head(b"Transfer-Encoding: \x0bchunked")),
    "gzip within chunks": (501, head(b"Transfer-Encoding: gzip, chunked")),
    "chunks within gzip": (400, head(b"Transfer-Encoding: chunked, gzip")),
    "chunked twice": (400, head(b"Transfer-Encoding: chunked, chunked")),
    "chunked in two fields": (400, head(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked")),
    "chunked and identity": (400, head(b"Transfer-Encoding: chunked", b"transfer-encoding: identity")),
    "gzip and chunked in two fields": (501, head(b"Transfer-Encoding: gzip", b"Transfer-Encoding: chunked")),
    "chunked in HTTP/1.0": (501, head(b"Transfer-Encoding: chunked", line=b"PUT / HTTP/1.0")),
    # Lines and bytes.
    "a folded field": (400, head(b"A: b\r\n c")),
    "a folded field with a tab": (400, head(b"A: b\r\n\tc")),
    "a folded empty field": (400, head(b"A:\r\n b")),
    "a folded length": (400, head(b"Content-Length:\r\n 5")),
    "a blank before the first field": (400, head(host=b" Host: s3.example")),
    "a bare LF": (400, head(b"A: b\nC: d")),
    "a bare LF behind the request line": (400, b"GET / HTTP/1.1\nHost: a\r\n\r\n"),
    "a bare CR": (400, head(b"A: b\rC: d")),
    "a doubled CR": (400, head(b"A: b\r")),
    "a bare CR before the method": (400, b"\r" + head()),
    "a bare LF before the method": (400, b"\n" + head()),
    "an empty line before the method": (400, b"\r\n" + head()),
    "nothing but an empty line": (400, b"\r\n\r\n"),
    "NUL in a value": (400, head(b"A: b\0c")),
    "NUL in a name": (400, head(b"A\0: b")),
    "NUL in the target": (400, head(line=b"GET /\0 HTTP/1.1")),
    "a control character": (400, head(b"A: \x01")),
    "DEL": (400, head(b"A: \x7f")),
    "a blank before the colon": (400, head(b"Content-Length : 5")),
    "a tab before the colon": (400, head(b"Transfer-Encoding\t: chunked")),
    "a field without a name": (400, head(b": b")),
    "a field without a colon": (400, head(b"A")),
    "a name with a blank": (400, head(b"A B: c")),
    "a name in brackets": (400, head(b"(A): b")),
    "a name beyond ASCII": (400, head(b"\xc3\xa4: b")),
    "a name with a no-break space": (400, head(b"Content-Length\xa0: 5")),
    # The request line.
    "HTTP/0.9": (400, head(line=b"GET /")),
    "no target": (400, head(line=b"GET  HTTP/1.1")),
    "two blanks before the target": (400, head(line=b"GET  / HTTP/1.1")),
    "two blanks behind the target": (400, head(line=b"GET /  HTTP/1.1")),
    "a blank behind the version": (400, head(line=b"GET / HTTP/1.1 ")),
    "a blank before the method": (400, head(line=b" GET / HTTP/1.1")),
    "a tab in the request line": (400, head(line=b"GET\t/ HTTP/1.1")),
    "a blank in the target": (400, head(line=b"GET /a b HTTP/1.1")),
    "a tab in the target": (400, head(line=b"GET /a\tb HTTP/1.1")),
    "bytes beyond ASCII in the target": (400, head(line="GET /ä HTTP/1.1".encode())),
    "an unknown method": (501, head(line=b"FETCH / HTTP/1.1")),
    "a method in lower case": (501, head(line=b"get / HTTP/1.1")),
    "a method of RTSP": (400, head(line=b"SETUP / HTTP/1.1")),
    "another protocol": (505, head(line=b"DESCRIBE / RTSP/1.0")),
    "HTTP/1.2": (505, head(line=b"GET / HTTP/1.2")),
    "HTTP/1.10": (505, head(line=b"GET / HTTP/1.10")),
    "HTTP/2.0": (505, head(line=b"GET / HTTP/2.0")),
    "the preface of HTTP/2": (505, b"PRI * HTTP/2.0\r\n\r\n"),
    "a version in lower case": (505, head(line=b"GET / http/1.1")),
    # The host and the form of the target.
    "no host": (400, head(host=b"")),
    "two hosts": (400, head(b"Host: other.example")),
    "the same host twice": (400, head(b"host: s3.example")),
    "an empty host": (400, head(host=b"Host:")),
    "a blank host": (400, head(host=b"Host: \t")),
    "an empty host and another": (400, head(b"Host: s3.example", host=b"Host:")),
    "two hosts in HTTP/1.0": (400, head(b"Host: b", line=b"GET / HTTP/1.0")),
    "an empty host in HTTP/1.0": (400, head(host=b"Host:", line=b"GET / HTTP/1.0")),
    "a target at another host": (400, head(line=b"GET http://other.example/ HTTP/1.1")),
    "a target at another port": (400, head(line=b"GET http://s3.example:81/ HTTP/1.1")),
    "a target with a user": (400, head(line=b"GET http://u@s3.example/ HTTP/1.1")),
    "a target with a host and no Host": (400, head(line=b"GET http://s3.example/ HTTP/1.0", host=b"")),
    "a target with an empty host": (400, head(line=b"GET http:///b/k HTTP/1.0", host=b"")),
    "a target of another scheme": (400, head(line=b"GET ftp://s3.example/ HTTP/1.1")),
    "a target that is no path": (400, head(line=b"GET bucket/key HTTP/1.1")),
    "an asterisk but no OPTIONS": (400, head(line=b"GET * HTTP/1.1")),
    "CONNECT": (501, head(line=b"CONNECT s3.example:443 HTTP/1.1")),
    "CONNECT to a path": (501, head(line=b"CONNECT / HTTP/1.1")),
    "CONNECT in HTTP/1.0": (501, head(line=b"CONNECT s3.example:443 HTTP/1.0", host=b"")),
    # What is not spoken here.
    "an upgrade": (501, head(b"Upgrade: websocket", b"Connection: Upgrade")),
    "an upgrade to HTTP/2": (501, head(b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AA")),
    "an upgrade that Connection does not tell": (501, head(b"Upgrade: h2c")),
    "an upgrade with a body": (501, head(b"Upgrade: h2c", b"Connection: upgrade", b"Content-Length: 5")),
    "an unknown expectation": (417, head(b"Expect: 200-ok")),
    "an empty expectation": (417, head(b"Expect:")),
}


@pytest.mark.parametrize("status, raw", [pytest.param(*case, id=what) for what, case in REFUSED.items()])
def test_a_head_that_readers_may_disagree_on_is_refused(status: int, raw: bytes) -> None:
    with pytest.raises(ClientError) as caught:
        parse_request(raw)
    error = caught.value
    assert (error.status, error.origin) == (status, Origin.CLIENT)
    assert error.code in {"InvalidRequest", "NotImplemented"}
    assert error.message


@pytest.mark.parametrize(
    "case, named",
    [
        ("CONNECT", "CONNECT is not implemented"),
        ("an upgrade", "upgrade of the protocol is not implemented"),
        ("an unknown method", "method is not implemented"),
        ("gzip within chunks", "coding other than chunked"),
        ("HTTP/2.0", "HTTP/1.1"),
        ("no host", "Host"),
        ("an unknown expectation", "100-continue"),
    ],
)
def test_a_refusal_names_what_is_at_fault(case: str, named: str) -> None:
    with pytest.raises(ClientError, match=named):
        parse_request(REFUSED[case][1])


# What we accept, others read as we do.

STARTS = [b"GET / HTTP/1.1\r\nHost: a\r\n", b"PUT / HTTP/1.1\r\nHost: a\r\n", b""]
FRAGMENTS = [
    *(b"GET ", b"PUT ", b"/", b"/b/k?x", b"*", b"http://a", b" HTTP/1.1", b" HTTP/1.0"),
    *(b" ", b"\t", b"\r\n", b"\n", b"\r", b"\0", b":", b"+", b"5", b",", b"X", b"\xff", b"\x7f"),
    *(b"Host: a", b"Host:a ", b"host: b", b"Content-Length: 5", b"content-length:5", b"Content-Length: 0", b"X: y"),
    *(b"Transfer-Encoding: chunked", b"transfer-encoding:", b"gzip", b"chunked", b"Expect: 100-continue"),
    *(b"Upgrade: x", b"Connection: close", b"Connection: upgrade"),
]


FIELD_LINES = [
    b"Host: b",
    b"Content-Length: 5",
    b"Transfer-Encoding: chunked",
    b"Expect: 100-continue",
    b"Connection: close",
    b"X: y",
    b"TE: x",
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
    return up_to_its_empty_line(data)


def up_to_its_empty_line(data: bytes) -> bytes:
    data += b"\r\n\r\n"
    return data[: data.index(b"\r\n\r\n") + 4]


@given(heads() | st.binary(max_size=60).map(up_to_its_empty_line))
def test_what_we_accept_h11_and_llhttp_accept_as_the_same_request(raw: bytes) -> None:
    try:
        request = parse_request(raw)
    except ClientError:
        return
    for read in (h11_request(raw), llhttp_request(raw)):
        assert read is not None
        assert read.start == (request.method, request.target)
        assert read.framing == request.length
        hosts = [value.lower() for name, value in read.fields if name == b"host"]
        assert hosts == ([request.host] if request.host else [])


FIELDS = st.lists(
    st.tuples(
        st.sampled_from([b"X-Foo", b"Range", b"x-amz-date", b"A", b"X-Content-Length"]),
        st.sampled_from([b"5", b"", b"a b", b" \t5\t ", b"caf\xc3\xa9", b"a,b", b'"q"', b"chunked", b":"]),
    ),
    max_size=5,
)
FRAMING = st.sampled_from([b"", b"Content-Length: 7\r\n", b"content-length:0 \r\n", b"TRANSFER-ENCODING: chunked\r\n"])


@given(FIELDS, FRAMING, FIELDS)
def test_well_formed_heads_are_accepted_and_their_fields_read_alike(
    before: list[tuple[bytes, bytes]], framing: bytes, after: list[tuple[bytes, bytes]]
) -> None:
    lines = [b"".join(b"%b:%b\r\n" % each for each in fields) for fields in (before, after)]
    raw = b"PUT / HTTP/1.1\r\nHost: a\r\n" + lines[0] + framing + lines[1] + b"\r\n"
    request = parse_request(raw)
    for read in (h11_request(raw), llhttp_request(raw)):
        assert read is not None
        assert read.framing == request.length
        for name in {name for name, _ in read.fields}:
            first = next(value for key, value in read.fields if key == name)
            assert (request.header(name) or b"").lower() == first.lower()  # h11 lowers a transfer coding


# What is not passed on.

HOP_FIELDS = [b"Connection: close", b"KEEP-ALIVE: timeout=5", b"proxy-connection:x", b"TE: trailers", b"upgrade:\th2c"]
ALIKE_FIELDS = [
    *(b"Connection-X: close", b"X-Connection: close", b"Keep-Alive-For: 5", b"Test: trailers", b"T: e", b"TEE: x"),
    *(b"Upgrades: x", b"Upgrade-Insecure-Requests: 1", b"X: Connection: close", b"Proxy-Authorization: x"),
]
OTHER_FIELDS = [
    *(b"Content-Length: 5", b"Transfer-Encoding: chunked", b"Trailer: x", b"Expect: 100-continue", b"Host: a"),
    *(b"Authorization: TE:", b"X-Bin: \xff\xfe", b"x:", b"x: \t "),
]


@given(st.lists(st.sampled_from(HOP_FIELDS + ALIKE_FIELDS + OTHER_FIELDS), max_size=12))
def test_fields_between_neighbours_go_and_every_other_byte_stays(fields: list[bytes]) -> None:
    raw = head(*fields)
    assert without_hop_fields(raw) == head(*[field for field in fields if field not in HOP_FIELDS])


@given(
    st.lists(st.tuples(st.text("ConectinKepAlvTUgradPxy-", min_size=1, max_size=12), st.text(max_size=10)), max_size=6)
)
def test_only_names_that_are_one_of_these_and_not_merely_begin_so_go(fields: list[tuple[str, str]]) -> None:
    lines = [f"{name}:{''.join(value.split())}".encode() for name, value in fields]
    gone = {"connection", "keep-alive", "proxy-connection", "te", "upgrade"}
    kept = [line for line, (name, _) in zip(lines, fields, strict=True) if name.lower() not in gone]
    assert without_hop_fields(head(*lines)) == head(*kept)


def test_a_request_line_that_looks_like_such_a_field_stays() -> None:
    raw = head(line=b"TE: / HTTP/1.1")
    assert without_hop_fields(raw) == raw


def test_fields_that_connection_nominates_stay_for_a_client_may_have_signed_them() -> None:
    raw = head(b"Connection: close, X-Foo, Authorization", b"X-Foo: bar", b"Authorization: AWS4-HMAC-SHA256 ...")
    assert parse_request(raw).hop_fields
    assert without_hop_fields(raw) == head(b"X-Foo: bar", b"Authorization: AWS4-HMAC-SHA256 ...")


@pytest.mark.parametrize("field", [field for field in HOP_FIELDS if not field.startswith(b"upgrade")])
def test_a_head_tells_whether_it_carries_such_fields(field: bytes) -> None:
    assert parsed(field).hop_fields
    assert not parsed(*ALIKE_FIELDS).hop_fields
