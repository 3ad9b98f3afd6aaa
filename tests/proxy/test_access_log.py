"""The lines of the access log, of exchanges as they are at their end."""

import json
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from s3edge.config.log import MOST_SUCCESSES
from s3edge.errors import ClientError
from s3edge.events import Hedged
from s3edge.http1.head import parse_request, parse_response
from s3edge.proxy.access_log import FIELDS, LONGEST_KEY, AccessLog, Lines, Record
from s3edge.proxy.client import ClientConnection
from s3edge.proxy.progress import CUT, DONE, FAILED, GONE, Progress
from s3edge.routing.table import Plan
from s3edge.s3.operation import Operation
from s3edge.s3.request import understand
from s3edge.telemetry.outlet import LONGEST_LINE

# 2026-03-01 09:30:12.345 UTC
WALL = 1772357412.345
# The same instant by the loop's clock; what is told began a little before.
NOW = 100.002
CLIENT = cast(
    ClientConnection, SimpleNamespace(address="10.8.1.27", introduction=None, loop=SimpleNamespace(time=lambda: NOW))
)
# No address of IPv6 is longer.
ADDRESS = "fe80:1111:2222:3333:4444:5555:255.255.255.255"
SCOPE = "20260101/us-east-1/s3/aws4_request"
SIGNED = f"Authorization: AWS4-HMAC-SHA256 Credential=AKRAG/{SCOPE}, SignedHeaders=host, Signature=hunter2"
SECRETS = ("X-Amz-Security-Token: hunter2", "x-amz-server-side-encryption-customer-key: hunter2", "Cookie: hunter2")
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 4096\r\nx-amz-request-id: 17A5B3E2D0C1F4A9\r\n\r\n"


def ended(line: str = "GET /bucket/key HTTP/1.1", *fields: str, answer: bytes = ANSWER, **facts: Any) -> Progress:
    """An exchange that has ended well, but for these facts."""
    head = parse_request("\r\n".join((line, "Host: s3", *fields, "", "")).encode())
    progress = Progress(CLIENT, head, understand(head, ()), 100.0, lambda _: None)
    progress.tenant, progress.plan, progress.node = "training", Plan(("c",), policy="read"), "minio1:9000"
    progress.outcome, progress.status, progress.sent, progress.first_byte = DONE, 200, 4096, 0.001234
    progress.answer = parse_response(answer, head.method)
    for name, value in facts.items():
        setattr(progress, name, value)
    return progress


class Log:
    """An access log and its lines."""

    def __init__(self, successes: int = 1) -> None:
        self._records: list[Record] = []
        self._lines = Lines(3, lambda: NOW, lambda: WALL)
        self.log = AccessLog(self._lines, self._records.append, successes)

    @property
    def lines(self) -> list[str]:
        return self._lines.of(self._records).splitlines(keepends=True)

    @property
    def told(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]


def told(progress: Progress, received: int = 0, lasted: float = 0.002) -> dict[str, Any]:
    log = Log()
    log.log.ended(progress, received, progress.started + lasted)
    [line] = log.told
    return line


def test_a_read_that_simply_works() -> None:
    line = told(ended("GET /bucket/train/a%20b?versionId=7 HTTP/1.1", SIGNED, *SECRETS, "User-Agent: Boto3/1.43"))
    assert line == {
        "time": "2026-03-01T09:30:12.343Z",
        "worker": 3,
        "request_id": "17A5B3E2D0C1F4A9",
        "client": "10.8.1.27",
        "access_key": "AKRAG",
        "user_agent": "Boto3/1.43",
        "tenant": "training",
        "policy": "read",
        "method": "GET",
        "operation": "GetObject",
        "class": "read",
        "bucket": "bucket",
        "key": "train/a b",
        "query": "versionId=7",
        "status": 200,
        "outcome": "done",
        "received": 0,
        "sent": 4096,
        "first_byte": 0.001234,
        "duration": 0.002,
        "node": "minio1:9000",
        "attempts": 1,
    }


def test_all_that_there_may_be_stands_in_the_order_of_the_table() -> None:
    trace = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    progress = ended(
        "PUT /bucket/key?partNumber=1&uploadId=u HTTP/1.1",
        *(SIGNED, "User-Agent: x", trace, "Range: bytes=0-9", "x-amz-content-sha256: UNSIGNED-PAYLOAD"),
        "Content-Length: 5",
        refusal=("SlowDown", "00FF"),
        waited=0.25,
        raced=3,
        story=[Hedged("n", None, 0.1)],
        resumes=1,
        status=404,
    )
    log = Log(successes=2)
    for _ in range(2):
        log.log.ended(progress, 5, 101.0)
    [line] = log.told
    assert tuple(line) == FIELDS
    assert {name: line[name] for name in ("request_id", "error", "range", "payload", "waited", "received")} == {
        "request_id": "00FF", "error": "SlowDown", "range": "bytes=0-9", "payload": "unsigned", "waited": 0.25,
        "received": 5,
    }  # fmt: skip
    assert line["trace_id"] == "0af7651916cd43dd8448eb211c80319c"
    assert (line["attempts"], line["hedged"], line["resumes"], line["sampled"]) == (3, True, 1, 2)


def test_what_is_not_there_is_left_out() -> None:
    progress = ended("GET / HTTP/1.1", plan=Plan(("c",)), node="", status=0, outcome=GONE, first_byte=None, sent=0)
    del progress.answer
    assert list(told(progress)) == [
        *("time", "worker", "client", "tenant", "method", "operation", "class", "status", "outcome", "received"),
        *("sent", "duration"),
    ]


def test_a_head_that_was_not_understood_has_a_line_too() -> None:
    log = Log()
    log.log.refused(
        cast(ClientConnection, SimpleNamespace(address="10.8.1.27", tenant="default", loop=CLIENT.loop)),
        None,
        ClientError(400, "InvalidRequest", "no"),
        "00FF",
    )
    assert log.told == [
        {
            "time": "2026-03-01T09:30:12.345Z",
            "worker": 3,
            "request_id": "00FF",
            "client": "10.8.1.27",
            "tenant": "default",
            "operation": "Other",
            "class": "write",
            "status": 400,
            "outcome": "refused",
            "error": "InvalidRequest",
            "received": 0,
            "sent": 0,
            "duration": 0.0,
        }
    ]


def test_the_clock_of_people_may_be_set() -> None:
    walls, instants = [1000.0, 1000.5, 5000.25], [10.0, 10.5, 12.5]
    lines = Lines(0, lambda: instants[0], lambda: walls[0])
    told: list[str] = []
    while instants:
        told += lines.of([(ended(started=started), 0, instants[0], "") for started in (9.0, instants[0])]).split()
        del walls[0], instants[0]
    assert [json.loads(line)["time"][11:] for line in told] == [
        "00:16:39.000Z", "00:16:40.000Z", "00:16:39.000Z", "00:16:40.500Z", "01:23:16.750Z", "01:23:20.250Z",
    ]  # fmt: skip


def test_lines_stand_in_the_order_in_which_requests_came_to_their_end() -> None:
    log = Log()
    log.log.ended(ended("GET /bucket/first HTTP/1.1"), 0, 101.0)
    stranger = SimpleNamespace(address="10.8.1.28", tenant="training", loop=SimpleNamespace(time=lambda: NOW))
    log.log.refused(cast(ClientConnection, stranger), None, ClientError(400, "InvalidRequest", "no"), "0001")
    log.log.ended(ended("GET /bucket/last HTTP/1.1"), 0, 101.0)
    assert [line.get("key") for line in log.told] == ["first", None, "last"]


def test_requests_of_one_connection_that_ask_for_something_else_are_told_apart() -> None:
    log = Log()
    asked = ("GET /b/k", "HEAD /b/k", "GET /c/k", "GET /c/k", "GET /b/k")
    for line in asked:
        log.log.ended(ended(f"{line} HTTP/1.1"), 0, 101.0)
    log.log.ended(ended("GET /b/k HTTP/1.1", tenant="rag"), 0, 101.0)
    log.log.ended(ended("GET /b/k HTTP/1.1", plan=Plan(("c",), policy="other")), 0, 101.0)
    told = log.told
    assert [f"{line['method']} /{line['bucket']}/k" for line in told] == [*asked, "GET /b/k", "GET /b/k"]
    assert [line["operation"] for line in told[:2]] == ["GetObject", "HeadObject"]
    assert [(line["tenant"], line["policy"]) for line in told[4:]] == [
        ("training", "read"), ("rag", "read"), ("training", "other"),
    ]  # fmt: skip


# What is sampled.


def test_of_what_went_well_one_in_n_is_told_for_each_operation() -> None:
    log = Log(successes=3)
    for _ in range(7):
        log.log.ended(ended(), 0, 101.0)
        log.log.ended(ended("HEAD /bucket/key HTTP/1.1", status=404), 0, 101.0)
    assert [(line["operation"], line["sampled"]) for line in log.told] == [("GetObject", 3), ("HeadObject", 3)] * 2


@pytest.mark.parametrize("status, outcome", [(403, DONE), (500, DONE), (503, FAILED), (200, CUT), (0, GONE)])
def test_what_did_not_go_well_is_always_told(status: int, outcome: str) -> None:
    log = Log(successes=1000)
    for _ in range(3):
        log.log.ended(ended(status=status, outcome=outcome), 0, 101.0)
    assert [line.get("sampled") for line in log.told] == [None] * 3


# What anybody may send.

names = st.binary(min_size=1, max_size=1500)
texts = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=3000)


def escaped(raw: bytes) -> str:
    return "".join(f"%{byte:02X}" for byte in raw)


@given(bucket=names, key=names, query=names, agent=texts, request_id=texts, is_gone=st.booleans())
@example(
    bucket=b"b" * 300, key=b"\0" * 1024, query=b"\0" * 1024, agent='"' * 3000, request_id="\\" * 3000, is_gone=True
)
@example(
    bucket=b"\xff" * 300,
    key=b"\xff" * 1024,
    query=b"\xff" * 1024,
    agent="\xff" * 3000,
    request_id="\xff" * 3000,
    is_gone=False,
)
@example(bucket=b"b", key="\U0001f600".encode() * 256, query=b"q", agent="a", request_id="r", is_gone=True)
def test_every_line_is_one_line_of_valid_json_that_a_pipe_takes_as_a_whole(
    bucket: bytes, key: bytes, query: bytes, agent: str, request_id: str, is_gone: bool
) -> None:
    head = (
        f"PUT /{escaped(bucket)}/{escaped(key)}?x={escaped(query)} HTTP/1.1\r\nHost: s3\r\nUser-Agent: {agent}\r\n"
        f"{SIGNED.replace('AKRAG', 'K' * 500)}\r\nRange: {agent}\r\nTraceparent: 00-{'0' * 32}-{'0' * 16}-00\r\n"
        "Content-Length: 1\r\nx-amz-content-sha256: STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER\r\n\r\n"
    )
    answer = f"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nx-amz-request-id: {request_id}\r\n\r\n"
    request = parse_request(head.encode("latin-1"))
    progress = ended(answer=answer.encode("latin-1"), node=f"{'n' * 253}:65535", raced=10**6, resumes=10**6)
    progress.head, progress.request = request, understand(request, ())
    progress.tenant, progress.plan = "t" * 64, Plan(("c",), policy="p" * 64)
    progress.request.operation = max(Operation, key=len)
    progress.sent, progress.waited, progress.first_byte = 10**15, 10**6, 10**6
    progress.story, progress.client = (
        [Hedged("n", None, 0.1)],
        cast(ClientConnection, SimpleNamespace(address=ADDRESS, introduction=None)),
    )
    progress.outcome = GONE if is_gone else DONE
    progress.refusal = ("E" * 64, "F" * 16) if is_gone else None
    log = Log(successes=1)
    log.log.successes = 1 if is_gone else MOST_SUCCESSES
    log.log._passed[progress.request.operation] = MOST_SUCCESSES - 1
    log.log.ended(progress, 10**15, 10**7)
    [line] = log.lines
    assert line.isascii()
    assert line[:-1].isprintable()
    assert line.endswith("\n")
    assert len(line) <= LONGEST_LINE
    assert set(json.loads(line)) <= set(FIELDS)


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=150))
def test_a_key_of_text_is_told_as_it_is(key: str) -> None:
    # Where it has a query in it, it is redacted; see below.
    key = key.replace("?", "!")
    assert told(ended(f"GET /b/{escaped(key.encode())} HTTP/1.1")).get("key") == key


def test_bytes_that_are_no_text_are_told_as_in_events() -> None:
    assert told(ended("GET /b/a%FFb HTTP/1.1"))["key"] == "a\\udcffb"


def test_what_is_too_long_ends_in_dots() -> None:
    key = told(ended(f"GET /b/{'%E4%BD%A0' * 341}x HTTP/1.1"))["key"]
    assert key == "你" * 341 + "x"
    key = told(ended(f"GET /b/{'k' * 3000} HTTP/1.1"))["key"]
    assert key == "k" * (LONGEST_KEY - 3) + "..."


# What must never be told.

secret_names = st.sampled_from(
    [
        *("X-Amz-Signature", "X-Amz-Security-Token", "Signature", "X-Amz-S3session-Token", "x-amz-signature"),
        *("%58-Amz-Signature", "X%2DAmz%2DSecurity%2DToken", "SIGNATURE", "WebIdentityToken", "LDAPPassword"),
    ]
)
harmless = st.sampled_from(["versionId=7", "X-Amz-Date=20260101T000000Z", "list-type=2", "uploads", "a=b=c", ""])
parameters = st.one_of(harmless, st.builds("{}=hunter2".format, secret_names))
separators = st.sampled_from(["&", ";", "&amp;", "&&"])
secret_fields = st.sampled_from(
    [*SECRETS, SIGNED, "Authorization: AWS AKRAG:hunter2", "Referer: /b/k?Signature=hunter2"]
)


@given(
    query=st.lists(st.tuples(parameters, separators), max_size=6).map(lambda parts: "".join(map("".join, parts))),
    fields=st.lists(secret_fields, max_size=4),
    is_in_key=st.booleans(),
)
@example(query="X-Amz-Signature=hunter2", fields=[], is_in_key=True)
def test_no_secret_is_told(query: str, fields: list[str], is_in_key: bool) -> None:
    mark = "%3F" if is_in_key else "?"
    log = Log()
    log.log.ended(ended(f"GET /bucket/key{mark}{query} HTTP/1.1", *fields), 0, 101.0)
    assert "hunter2" not in log.lines[0]


def test_a_presigned_query_tells_who_and_when_but_cannot_be_used() -> None:
    query = f"X-Amz-Credential=AKRAG%2F{SCOPE.replace('/', '%2F')}&X-Amz-Expires=60&X-Amz-Signature=hunter2"
    line = told(ended(f"GET /bucket/key?{query} HTTP/1.1"))
    assert line["query"] == "X-Amz-Credential=AKRAG&X-Amz-Expires=60&X-Amz-Signature=-"
    assert line["access_key"] == "AKRAG"


def test_a_request_that_claims_two_keys_is_told_with_none() -> None:
    assert "access_key" not in told(ended("GET /b/k HTTP/1.1", SIGNED, SIGNED.replace("AKRAG", "AKOTHER")))
