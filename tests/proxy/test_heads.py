"""What a head loses and gains on its way, for every combination that matters."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3edge.http1.head import parse_request, parse_response
from s3edge.proxy.heads import for_client, for_node

FORWARDED = b"X-Forwarded-For: 192.0.2.1\r\n\r\n"
OLD = parse_request(b"GET / HTTP/1.0\r\n\r\n")
NEW = parse_request(b"GET / HTTP/1.1\r\nHost: s3\r\n\r\n")

NAMES = st.text("abcdefghijklmnopqrstuvwxyz-0123456789", min_size=1, max_size=12)
VALUES = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=20)
HOP = ("Connection: foo", "keep-alive: timeout=5", "TE: trailers", "Proxy-Connection: x", "connection:")


def answer(*fields: bytes) -> bytes:
    return b"\r\n".join([b"HTTP/1.1 200 OK", *fields, b"Content-Length: 0", b"", b""])


def test_the_node_learns_who_asked() -> None:
    assert for_node(NEW, FORWARDED) == b"GET / HTTP/1.1\r\nHost: s3\r\n" + FORWARDED


@given(st.lists(st.tuples(NAMES.map(lambda name: "x-" + name), VALUES), max_size=8), st.data())
def test_every_field_but_those_of_the_hop_stays_where_it_was(pairs: list[tuple[str, str]], data: st.DataObject) -> None:
    lines = [f"{name}: {value}" for name, value in pairs]
    mixed = list(lines)
    for hop in data.draw(st.lists(st.sampled_from(HOP), max_size=4)):
        mixed.insert(data.draw(st.integers(0, len(mixed))), hop)
    head = parse_request("\r\n".join(["GET /k HTTP/1.1", "Host: s3", *mixed, "", ""]).encode())
    expected = "\r\n".join(["GET /k HTTP/1.1", "Host: s3", *lines, ""]).encode()
    assert for_node(head, FORWARDED) == expected + FORWARDED


@pytest.mark.parametrize(
    "fields, expected",
    [
        ([], []),
        ([b"A: b"], [b"A: b"]),
        ([b"Connection: keep-alive"], [b"Connection: keep-alive"]),
        ([b"Connection: close"], []),
        ([b"Keep-Alive: timeout=5", b"A: b"], [b"A: b"]),
    ],
)
def test_a_connection_that_goes_on_is_not_told_what_the_node_does_with_its_own(
    fields: list[bytes], expected: list[bytes]
) -> None:
    assert for_client(parse_response(answer(*fields), b"GET"), NEW, is_last=False) == answer(*expected)


@pytest.mark.parametrize(
    "field", [b"", b"Connection: keep-alive", b"Connection: close", b"connection: Close", b"Keep-Alive: x"]
)
def test_what_the_client_is_told_of_its_connection_is_said_once(field: bytes) -> None:
    head = parse_response(answer(*[field] if field else []), b"GET")
    closes, stays = b"Connection: close\r\n\r\n", b"Connection: keep-alive\r\n\r\n"
    assert for_client(head, NEW, is_last=True) == answer()[:-2] + closes
    assert for_client(head, OLD, is_last=True) == answer()[:-2] + closes
    assert for_client(head, OLD, is_last=False) == answer()[:-2] + stays
