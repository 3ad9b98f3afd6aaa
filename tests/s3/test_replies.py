"""The answers that s3edge gives itself."""

import re
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3edge.s3.replies import error_body, error_reply, request_id

# What XML 1.0 can carry.
XML_TEXT = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff") | st.sampled_from("\t\n\r")
)


def reply(**changes: Any) -> bytes:
    arguments: dict[str, Any] = {
        "status": 503,
        "code": "SlowDown",
        "message": "Please reduce your request rate.",
        "resource": "/bucket/key",
        "request_id": "00000000000000AB",
        "close": False,
        "head_only": False,
        "retry_after_ms": None,
    }
    return error_reply(**(arguments | changes))


def fields_of(answer: bytes) -> dict[str, str]:
    head = answer.partition(b"\r\n\r\n")[0].decode("ascii")
    return dict(line.split(": ", 1) for line in head.split("\r\n")[1:])


def test_a_reply_is_a_whole_response() -> None:
    answer = reply()
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert fields_of(answer) == {
        "Content-Type": "application/xml",
        "Content-Length": str(len(body)),
        "x-amz-request-id": "00000000000000AB",
    }
    assert body == error_body("SlowDown", "Please reduce your request rate.", "/bucket/key", "00000000000000AB")


def test_the_document_is_the_one_of_s3() -> None:
    document = ElementTree.fromstring(error_body("NoSuchKey", "Not here.", "/b/k", "AB"))
    assert document.tag == "Error"
    assert [(child.tag, child.text) for child in document] == [
        ("Code", "NoSuchKey"),
        ("Message", "Not here."),
        ("Resource", "/b/k"),
        ("RequestId", "AB"),
    ]


@given(XML_TEXT, XML_TEXT)
def test_text_survives_the_document(message: str, resource: str) -> None:
    document = ElementTree.fromstring(error_body("Code", message, resource, "id"))
    assert (document.findtext("Message"), document.findtext("Resource")) == (message, resource)


@given(st.text(st.characters()))
def test_what_xml_cannot_carry_still_makes_a_document(resource: str) -> None:
    ElementTree.fromstring(error_body("Code", "message", resource, "id"))


def test_an_undecodable_key_is_replaced() -> None:
    document = ElementTree.fromstring(error_body("Code", "message", "/b/\udcff\x00", "id"))
    assert document.findtext("Resource") == "/b/\ufffd\ufffd"


def test_an_answer_to_head_tells_the_length_and_leaves_the_body_out() -> None:
    whole, head_only = reply(), reply(head_only=True)
    assert head_only == whole.partition(b"<?xml")[0]


def test_a_closing_reply_says_so() -> None:
    assert fields_of(reply(close=True))["Connection"] == "close"


@pytest.mark.parametrize("milliseconds, seconds", [(0, "1"), (1, "1"), (1000, "1"), (1001, "2"), (30_000, "30")])
def test_the_time_to_try_again_is_told_in_seconds_rounded_up_and_in_milliseconds(
    milliseconds: int, seconds: str
) -> None:
    fields = fields_of(reply(retry_after_ms=milliseconds))
    assert fields["Retry-After"] == seconds
    assert fields["x-amz-retry-after"] == str(milliseconds)


def test_a_status_that_http_does_not_know_is_refused() -> None:
    with pytest.raises(ValueError, match="999"):
        reply(status=999)


@given(st.integers(0, 2**40), st.integers(0, 2**40), st.integers(0, 2**64 - 1))
def test_ids_of_one_seed_differ(first: int, second: int, seed: int) -> None:
    assert (request_id(first, seed) == request_id(second, seed)) == (first == second)
    assert re.fullmatch("[0-9A-F]{16}", request_id(first, seed))


def test_ids_go_round_through_all_of_64_bits_before_one_comes_again() -> None:
    assert request_id(2**63, 0) != request_id(0, 0) == request_id(2**64, 0)


def test_workers_with_other_seeds_give_other_ids() -> None:
    assert not {request_id(n, 1) for n in range(1000)} & {request_id(n, 2) for n in range(1000)}
