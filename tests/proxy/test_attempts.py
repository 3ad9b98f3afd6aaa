"""When a request may be sent once more, after the kept connection that it was sent on turned out to be dead.

What follows from it on the wire is told in tests/scenarios/test_dead_nodes.py.
"""

from types import SimpleNamespace
from typing import cast

import pytest

from s3edge.http1.head import parse_request
from s3edge.proxy.attempts import Attempt, _may_be_sent_again
from s3edge.s3.request import understand


def attempt(*, unread: int = 0, moved: int | None = None) -> Attempt:
    """An attempt of which a part of the answer came, or a part of the body went (None: there is no body)."""
    upload = None if moved is None else SimpleNamespace(moved=moved)
    return cast(Attempt, SimpleNamespace(connection=SimpleNamespace(unread_size=unread), upload=upload))


REPEATABLE = [
    b"GET /b/k",
    b"HEAD /b/k",
    b"GET /b?list-type=2",
    b"PUT /b/k",
    b"DELETE /b/k",
    b"PUT /b/k?partNumber=1&uploadId=x",
    b"PUT /b/k?tagging",
]
ONCE_ONLY = [
    b"DELETE /b/k?uploadId=x",
    b"POST /b/k?uploads",
    b"POST /b/k?uploadId=x",
    b"POST /b?delete",
    b"POST /b",
    b"PATCH /b/k",
]


def may_go_again(line: bytes, *fields: bytes, unread: int = 0, moved: int | None = None) -> bool:
    head = parse_request(b"\r\n".join([line + b" HTTP/1.1", b"Host: s3", *fields, b"", b""]))
    return _may_be_sent_again(attempt(unread=unread, moved=moved), understand(head, ()))


@pytest.mark.parametrize("line", REPEATABLE)
def test_what_has_the_same_effect_twice_may_be_sent_again_until_something_moved(line: bytes) -> None:
    assert may_go_again(line)
    assert may_go_again(line, moved=0)
    assert not may_go_again(line, moved=1)
    assert not may_go_again(line, unread=1)


@pytest.mark.parametrize("line", ONCE_ONLY)
def test_what_may_have_another_effect_the_second_time_is_sent_once(line: bytes) -> None:
    assert not may_go_again(line)


@pytest.mark.parametrize("field", [b"If-None-Match: *", b'If-Match: "etag"', b"x-amz-write-offset-bytes: 5"])
def test_a_condition_lets_only_reads_be_sent_again(field: bytes) -> None:
    assert may_go_again(b"GET /b/k", field)
    assert not may_go_again(b"PUT /b/k", field)
