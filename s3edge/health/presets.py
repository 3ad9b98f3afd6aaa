"""What a probe asks a node, and what its answer proves.

Sources: MinIO's health check guide (`/minio/health/live` answers 200 while the process serves); Ceph's radosgw Swift
API (`/swift/healthcheck` answers 200, or 503 while `rgw_healthcheck_disabling_path` exists, which is how a gateway
drains). Any other S3 has no agreed health path, so the preset `s3` sends an unsigned `GET /` and takes every answer
that only an S3 front end gives.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from s3edge.config.model import Preset

# The marks of an S3 answer stand at its beginning; a longer list of buckets adds nothing.
BODY_LIMIT = 16 * 1024


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one probe says of a node, with the reason in words for the operator."""

    is_good: bool
    reason: str


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
    match preset:
        case Preset.MINIO:
            return Probe("/minio/health/live", _judge_exact)
        case Preset.CEPH:
            return Probe("/swift/healthcheck", _judge_exact)
        case Preset.S3:
            return Probe("/", _judge_s3)
        case Preset.HTTP:
            return Probe(path or "/", _judge_http)
        case Preset.TCP:
            return Probe(None, _judge_connected)


def _judge_exact(status: int, headers: Mapping[str, str], body: bytes) -> Verdict:
    return Verdict(status == 200, f"answered {status}" if status == 200 else f"answered {status} instead of 200")


def _judge_http(status: int, headers: Mapping[str, str], body: bytes) -> Verdict:
    is_good = 200 <= status < 400
    return Verdict(is_good, f"answered {status}" if is_good else f"answered {status} instead of 2xx or 3xx")


def _judge_connected(status: int, headers: Mapping[str, str], body: bytes) -> Verdict:
    return Verdict(True, "accepted a connection")


def _judge_s3(status: int, headers: Mapping[str, str], body: bytes) -> Verdict:
    """Good is an answer in S3's shape below 500: a list of buckets, a refusal, AWS's redirect; and a throttle.

    A node that answers SlowDown wants less traffic; it is not dead, and taking it away would push its load to the rest.
    """
    code = _error_code(body)
    said = f"answered {status} {code}".rstrip()
    if not (code or b"<ListAllMyBucketsResult" in body or _header(headers, "x-amz-request-id")):
        return Verdict(False, f"{said}, which is not an S3 answer")
    if status >= 500 and code not in ("SlowDown", "RequestLimitExceeded"):
        return Verdict(False, said)
    return Verdict(True, said)


def _error_code(body: bytes) -> str:
    """The S3 code of an XML error, or nothing. The body may be cut off, so no XML parser is asked."""
    if b"<Error" not in body:
        return ""
    _, _, rest = body.partition(b"<Code>")
    code, end, _ = rest.partition(b"</Code>")
    # Codes are one word; a long or odd one would only spoil the log line that it ends in.
    is_code = bool(end) and len(code) <= 64 and code.isalnum()
    return code.decode("ascii") if is_code else ""


def _header(headers: Mapping[str, str], name: str) -> str | None:
    return next((value for key, value in headers.items() if key.lower() == name), None)
