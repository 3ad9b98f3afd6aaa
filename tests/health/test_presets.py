import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3edge.config.model import Preset
from s3edge.health.presets import probe

BUCKETS = b'<?xml version="1.0"?><ListAllMyBucketsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Owner>'


def xml_error(code: str) -> bytes:
    """An S3 error document."""
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>m</Message></Error>'.encode()


@pytest.mark.parametrize(
    "preset,path,asked",
    [
        (Preset.MINIO, None, "/minio/health/live"),
        (Preset.CEPH, None, "/swift/healthcheck"),
        (Preset.S3, None, "/"),
        (Preset.HTTP, "/healthz?deep=1", "/healthz?deep=1"),
        (Preset.TCP, None, None),
    ],
)
def test_each_preset_asks_for_its_own_path(preset: Preset, path: str | None, asked: str | None) -> None:
    assert probe(preset, path).path == asked


@pytest.mark.parametrize("preset", [Preset.MINIO, Preset.CEPH])
def test_a_vendors_health_path_is_good_with_200_only(preset: Preset) -> None:
    judge = probe(preset).judge
    assert judge(200, {}, b"").is_good
    for status in (204, 301, 403, 404, 500, 503):
        verdict = judge(status, {}, b"")
        assert not verdict.is_good
        assert verdict.reason == f"answered {status} instead of 200"


@pytest.mark.parametrize(
    "status,is_good", [(200, True), (204, True), (302, True), (199, False), (400, False), (503, False)]
)
def test_an_http_node_is_good_with_2xx_and_3xx(status: int, is_good: bool) -> None:
    assert probe(Preset.HTTP, "/").judge(status, {}, b"").is_good is is_good


def test_a_connection_is_enough_for_tcp() -> None:
    assert probe(Preset.TCP).judge(0, {}, b"").is_good


@pytest.mark.parametrize(
    "status,headers,body",
    [
        pytest.param(200, {}, BUCKETS, id="a list of buckets, cut off"),
        pytest.param(403, {}, xml_error("AccessDenied"), id="MinIO and Ceph refuse the anonymous"),
        pytest.param(400, {}, xml_error("InvalidRequest"), id="any other S3 error of the client"),
        pytest.param(307, {"X-Amz-Request-Id": "1"}, b"", id="AWS sends browsers to its product page"),
        pytest.param(403, {"x-amz-request-id": "1"}, b"", id="a refusal without a body"),
        pytest.param(503, {}, xml_error("SlowDown"), id="a node that throttles is not dead"),
    ],
)
def test_s3_shaped_answers_are_good(status: int, headers: dict[str, str], body: bytes) -> None:
    assert probe(Preset.S3).judge(status, headers, body).is_good


@pytest.mark.parametrize(
    "status,headers,body,reason",
    [
        pytest.param(200, {}, b"<html>Welcome</html>", "answered 200, which is not an S3 answer", id="a web server"),
        pytest.param(404, {}, b"", "answered 404, which is not an S3 answer", id="an empty 404"),
        pytest.param(503, {}, b"<html>", "answered 503, which is not an S3 answer", id="a load balancer without nodes"),
        pytest.param(503, {}, xml_error("ServiceUnavailable"), "answered 503 ServiceUnavailable", id="S3 that gave up"),
        pytest.param(500, {}, xml_error("InternalError"), "answered 500 InternalError", id="S3 that fails"),
        pytest.param(500, {"x-amz-request-id": "1"}, b"", "answered 500", id="S3 that fails silently"),
    ],
)
def test_other_answers_are_bad_with_the_reason(status: int, headers: dict[str, str], body: bytes, reason: str) -> None:
    verdict = probe(Preset.S3).judge(status, headers, body)
    assert (verdict.is_good, verdict.reason) == (False, reason)


@given(st.integers(100, 999), st.dictionaries(st.text(), st.text()), st.binary())
def test_no_answer_breaks_the_judgement_or_the_log(status: int, headers: dict[str, str], body: bytes) -> None:
    for preset in Preset:
        verdict = probe(preset, "/" if preset is Preset.HTTP else None).judge(status, headers, body)
        assert verdict.reason.isprintable()


@given(st.binary())
def test_only_a_plain_word_is_taken_for_an_error_code(code: bytes) -> None:
    body = b"<Error><Code>" + code + b"</Code></Error>"
    assert len(probe(Preset.S3).judge(403, {}, body).reason) <= len("answered 403 ") + 64
