"""What a probe asks a node, and what its answer proves.

Sources:
- MinIO's health check guide and its source, cmd/healthcheck-handler.go: `/minio/health/live` answers 200 while the
  process serves, with `X-Minio-Server-Status: offline` until its drives are there, and 503 ServerBusy when its queue is
  full. MinIO has no signal for a node that is about to go.
- Ceph's radosgw Swift API: `/swift/healthcheck` answers 200, or 503 while `rgw_healthcheck_disabling_path` exists.
- Dell's ECS REST API, "S3 Ping Operation": `GET /?ping` always answers 200, with a list of items.
- Scality CloudServer's source, lib/utilities/healthcheckHandler.js: `/_/healthcheck` answers 200, 500 if it is not
  healthy, and 403 to addresses outside of `healthChecks.allowFrom`, which is loopback by default.

Any other S3 has no agreed health path, so the preset `s3` sends an unsigned `GET /` and takes every answer that only an
S3 front end gives. Answers may be cut off, so no XML parser is asked.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from s3edge.config.health import Preset
from s3edge.health.verdict import Verdict, bad, draining, good

# The marks of an S3 answer stand at its beginning; a longer list of buckets adds nothing.
BODY_LIMIT = 16 * 1024

# A node that says so wants less traffic; it is not dead, and taking it away would push its load to the rest.
THROTTLES = frozenset(("SlowDown", "SlowDownRead", "SlowDownWrite", "RequestLimitExceeded", "ServerBusy"))

# The elements of ECS' ping in their order, with or without a prefix; texts are short words and numbers.
_PING_ELEMENT = re.compile(rb"<(?:[\w.-]{1,32}:)?(Name|Status|Value)>\s{0,64}([\w.-]{1,64})\s{0,64}</")
_PING_LIST = re.compile(rb"<(?:[\w.-]{1,32}:)?PingList\b")
_WHOLE = re.compile(r"[0-9]{1,9}", re.ASCII)

Judge = Callable[[int, Mapping[str, str], bytes], Verdict]


@dataclass(frozen=True, slots=True)
class Probe:
    """`GET path`, then `judge(status, headers, first bytes of the body)`.

    Without a path a connection is all it takes.
    """

    path: str | None
    judge: Judge


def probe(preset: Preset, path: str | None = None) -> Probe:
    """The probe of a preset; `path` is heeded by `http` only, whose default is `/`."""
    return Probe(path or "/", _judge_http) if preset is Preset.HTTP else _PROBES[preset]


def _judge_minio(status: int, headers: Mapping[str, str], body: bytes) -> Verdict:
    if status == 200 and _header(headers, "x-minio-server-status") == "offline":
        return bad("answered 200, but its drives are not there yet")
    return _judge_exact(status, body)


def _judge_ceph(status: int, headers: Mapping[str, str], body: bytes) -> Verdict:
    """The health path does not touch the storage (16.2 says 200 while OSDs hang), so a plain 503 is the drain file's.

    A gateway that throttles says SlowDown in the body; in the status line both do.
    """
    if status == 503 and b"SlowDown" not in body:
        return draining("answered 503: its drain file is there")
    return good("answered 503 SlowDown") if status == 503 else _judge_exact(status, body)


def _judge_ping(status: int, headers: Mapping[str, str], body: bytes) -> Verdict:
    if status != 200:
        return _judge_exact(status, body)
    if not _PING_LIST.search(body):
        return bad("answered 200, which is no answer to a ping")
    items = _ping_items(body)
    maintenance = items.get("MAINTENANCE_MODE", {}).get("Status", "UNKNOWN")
    if maintenance == "ON":
        return draining("maintenance mode is ON")
    value = items.get("LOAD_FACTOR", {}).get("Value", "")
    load = int(value) if _WHOLE.fullmatch(value) else None
    said = f"maintenance mode is {maintenance}"
    return good(said if load is None else f"{said}, connections: {load}", load)


def _judge_scality(status: int, headers: Mapping[str, str], body: bytes) -> Verdict:
    if status == 403:
        return good("answered 403: it serves, but its healthChecks.allowFrom does not name this machine")
    return _judge_exact(status, body)


def _judge_exact(status: int, body: bytes) -> Verdict:
    if status == 200:
        return good("answered 200")
    code = _error_code(body)
    if status == 503 and code in THROTTLES:
        return good(f"answered 503 {code}")
    return bad(f"answered {status} instead of 200")


def _judge_http(status: int, headers: Mapping[str, str], body: bytes) -> Verdict:
    if 200 <= status < 400:
        return good(f"answered {status}")
    return bad(f"answered {status} instead of 2xx or 3xx")


def _judge_connected(status: int, headers: Mapping[str, str], body: bytes) -> Verdict:
    return good("accepted a connection")


def _judge_s3(status: int, headers: Mapping[str, str], body: bytes) -> Verdict:
    """Good is an answer in S3's shape below 500: a list of buckets, a refusal, AWS's redirect; and a throttle."""
    code = _error_code(body)
    said = f"answered {status} {code}".rstrip()
    if not (code or b"<ListAllMyBucketsResult" in body or _header(headers, "x-amz-request-id")):
        return bad(f"{said}, which is not an S3 answer")
    return bad(said) if status >= 500 and code not in THROTTLES else good(said)


_PROBES = {
    Preset.MINIO: Probe("/minio/health/live", _judge_minio),
    Preset.CEPH: Probe("/swift/healthcheck", _judge_ceph),
    Preset.OBJECTSCALE: Probe("/?ping", _judge_ping),
    Preset.SCALITY: Probe("/_/healthcheck", _judge_scality),
    Preset.S3: Probe("/", _judge_s3),
    Preset.TCP: Probe(None, _judge_connected),
}


def _ping_items(body: bytes) -> dict[str, dict[str, str]]:
    """What a ping says, by the name of the item; the name is an item's first element."""
    items: dict[str, dict[str, str]] = {}
    item: dict[str, str] = {}
    for element, text in _PING_ELEMENT.findall(body):
        if element == b"Name":
            item = items.setdefault(text.decode("ascii"), {})
        else:
            item[element.decode("ascii")] = text.decode("ascii")
    return items


def _error_code(body: bytes) -> str:
    """The S3 code of an XML error, or nothing."""
    if b"<Error" not in body:
        return ""
    _, _, rest = body.partition(b"<Code>")
    code, end, _ = rest.partition(b"</Code>")
    # Codes are one word; a long or odd one would only spoil the log line that it ends in.
    is_code = bool(end) and len(code) <= 64 and code.isalnum()
    return code.decode("ascii") if is_code else ""


def _header(headers: Mapping[str, str], name: str) -> str | None:
    return next((value for key, value in headers.items() if key.lower() == name), None)
