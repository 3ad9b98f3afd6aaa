"""Who a client says it is: what is remembered with a connection must never say anything else than a fresh look."""

import json
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3edge.http1.head import RequestHead, parse_request
from s3edge.proxy.client import ClientConnection
from s3edge.proxy.introduction import MOST_REMEMBERED, introduced, trace_id

SCOPE = "20260101/us-east-1/s3/aws4_request"
V4 = "Authorization: AWS4-HMAC-SHA256 Credential={}/" + SCOPE + ", SignedHeaders=host, Signature={}"
TRACE = "traceparent: 00-{:032x}-b7ad6b7169203331-01"


def new_client() -> ClientConnection:
    return cast(ClientConnection, SimpleNamespace(address="10.8.1.27", introduction=None))


def head(target: str, *fields: str) -> RequestHead:
    return parse_request("\r\n".join((f"GET {target} HTTP/1.1", "Host: s3", *fields, "", "")).encode())


def said(client: ClientConnection, of: RequestHead) -> dict[str, Any]:
    text = introduced(client, of).text + trace_id(of)
    fields: dict[str, Any] = json.loads(f"{{{text[1:]}}}")
    assert fields.pop("client") == "10.8.1.27"
    return fields


keys = st.sampled_from(["AKA", "AKB", "AKLONGER"])
fields = st.one_of(
    st.builds(V4.format, keys, st.sampled_from("01")),
    st.builds(V4.format, keys, st.sampled_from("01")).map(str.lower),
    st.builds("authorization: AWS {}:c2ln".format, keys),
    st.builds("User-Agent: {}".format, st.sampled_from(["a/1", "b/1", "", f"long/{'1' * MOST_REMEMBERED}"])),
    st.builds("User-Agent:{}".format, st.sampled_from(["a/1", " a/1 "])),
    st.builds(TRACE.format, st.integers(0, 3)),
    st.builds("Range: bytes=0-{}".format, st.integers(0, 20)),
)


def is_claimed_once(of: RequestHead) -> bool:
    return of.lower.count(b"\nauthorization:") < 2 and of.lower.count(b"\nuser-agent:") < 2


targets = st.sampled_from(["/b/k", "/b/key", "/b/k?uploads", f"/b/k?X-Amz-Credential=AKB/{SCOPE}"])
heads = st.builds(lambda target, some: head(target, *some), targets, st.lists(fields, max_size=4))


@given(st.lists(heads.filter(is_claimed_once), min_size=2, max_size=6))
def test_what_is_remembered_says_the_same_as_a_fresh_look(requests: list[RequestHead]) -> None:
    client = new_client()
    for request in requests:
        known, fresh = introduced(client, request), introduced(new_client(), request)
        assert (known.text, known.is_traced) == (fresh.text, fresh.is_traced)


def test_what_a_head_says_is_told_whatever_its_path() -> None:
    client = new_client()
    for number, path in enumerate(("/b/k", "/bucket/a/longer/key", "/")):
        fields = said(client, head(path, "User-Agent: Boto3/1.43", V4.format("AKRAG", number)))
        assert fields == {"access_key": "AKRAG", "user_agent": "Boto3/1.43"}


def test_heads_of_one_connection_are_told_apart_by_those_behind_another_proxy() -> None:
    client = new_client()
    for key, agent in (("AKA", "a/1"), ("AKB", "a/1"), ("AKB", "b/1"), ("AKA", "a/1")):
        assert said(client, head("/b/k", f"User-Agent: {agent}", V4.format(key, 0)))["access_key"] == key
        assert said(client, head("/b/k", f"User-Agent: {agent}", V4.format(key, 0)))["user_agent"] == agent


def test_each_request_has_its_own_trace() -> None:
    client = new_client()
    for number in (1, 2, 3):
        assert said(client, head("/b/k", TRACE.format(number))) == {"trace_id": f"{number:032x}"}
    assert said(client, head("/b/k")) == {}


@pytest.mark.parametrize("agent", ["", " ", "\t"])
def test_an_empty_user_agent_is_one(agent: str) -> None:
    assert said(new_client(), head("/b/k", f"User-Agent:{agent}")) == {"user_agent": ""}


def test_two_claims_are_none() -> None:
    assert said(new_client(), head("/b/k", V4.format("AKA", 0), V4.format("AKB", 0))) == {}


def test_a_client_that_says_much_is_not_remembered() -> None:
    client = new_client()
    introduced(client, head("/b/k", f"User-Agent: {'x' * MOST_REMEMBERED}"))
    assert client.introduction is not None
    assert client.introduction.agent == b""
    assert len(client.introduction.text) < 300
