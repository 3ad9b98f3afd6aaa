from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3edge.config.health import Preset
from s3edge.health.presets import BODY_LIMIT, probe
from s3edge.health.verdict import Sign, Verdict, bad, draining, good

BUCKETS = b'<?xml version="1.0"?><ListAllMyBucketsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Owner>'


def xml_error(code: str) -> bytes:
    """An S3 error document."""
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>m</Message></Error>'.encode()


@pytest.mark.parametrize(
    "preset,path,asked",
    [
        (Preset.MINIO, None, "/minio/health/live"),
        (Preset.CEPH, None, "/swift/healthcheck"),
        (Preset.OBJECTSCALE, None, "/?ping"),
        (Preset.SCALITY, None, "/_/healthcheck"),
        (Preset.S3, None, "/"),
        (Preset.HTTP, "/healthz?deep=1", "/healthz?deep=1"),
        (Preset.TCP, None, None),
    ],
)
def test_each_preset_asks_for_its_own_path(preset: Preset, path: str | None, asked: str | None) -> None:
    assert probe(preset, path).path == asked


VENDORS = [Preset.MINIO, Preset.CEPH, Preset.SCALITY]


@pytest.mark.parametrize("preset", VENDORS)
@pytest.mark.parametrize("status", [204, 301, 400, 404, 500])
def test_a_vendors_health_path_is_good_with_200_only(preset: Preset, status: int) -> None:
    assert probe(preset).judge(200, {}, b"") == good("answered 200")
    assert probe(preset).judge(status, {}, b"") == bad(f"answered {status} instead of 200")


@pytest.mark.parametrize(
    "preset,code",
    [
        (Preset.MINIO, "ServerBusy"),
        (Preset.MINIO, "SlowDown"),
        (Preset.CEPH, "SlowDown"),
        (Preset.OBJECTSCALE, "SlowDown"),
        (Preset.SCALITY, "SlowDown"),
    ],
)
def test_a_node_that_throttles_its_health_path_is_not_dead(preset: Preset, code: str) -> None:
    assert probe(preset).judge(503, {}, xml_error(code)) == good(f"answered 503 {code}")


def test_a_minio_node_without_its_drives_is_bad_although_it_answers_200() -> None:
    judge = probe(Preset.MINIO).judge
    assert judge(200, {"X-Minio-Server-Status": "offline"}, b"") == bad(
        "answered 200, but its drives are not there yet"
    )
    assert judge(503, {}, b"") == bad("answered 503 instead of 200")


# What radosgw 16.2 sends, under the status line `503 Slow Down`.
DRAIN_FILE = b'{"Code":"ServiceUnavailable","Message":"","RequestId":"tx0000096f5","HostId":"1025-default-default"}'


@pytest.mark.parametrize("body", [DRAIN_FILE, b""])
def test_a_ceph_gateway_whose_drain_file_makes_it_answer_503_drains(body: bytes) -> None:
    assert probe(Preset.CEPH).judge(503, {}, body) == draining("answered 503: its drain file is there")


def test_a_scality_node_that_refuses_this_machine_serves() -> None:
    verdict = probe(Preset.SCALITY).judge(403, {}, b"[]")
    assert verdict.sign is Sign.GOOD
    assert "healthChecks.allowFrom" in verdict.reason


def ping(*items: str, prefix: str = "", namespace: str = "http://s3.amazonaws.com/doc/2006-03-01/") -> bytes:
    """ECS' answer to a ping with these items, each as `NAME element=text`."""
    shown = ""
    for item in items:
        name, *elements = item.split()
        pairs = [("Name", name), *(element.split("=") for element in elements)]
        inner = "".join(f"<{prefix}{tag}>{text}</{prefix}{tag}>" for tag, text in pairs)
        shown += f"<{prefix}PingItem>{inner}</{prefix}PingItem>"
    root = f"{prefix}PingList"
    declaration = f'xmlns:{prefix[:-1]}="{namespace}"' if prefix else f'xmlns="{namespace}"'
    return f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?><{root} {declaration}>{shown}</{root}>'.encode()


# What the tests of Dell's own ecs-object-client-java take for an answer.
DELLS = (
    b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?><PingList xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
    b"<PingItem><Name>LOAD_FACTOR</Name><Value>1</Value></PingItem><PingItem><Name>MAINTENANCE_MODE</Name>"
    b"<Status>OFF</Status><Text>Data Node is Available</Text></PingItem></PingList>"
)
OFF_AND_7 = good("maintenance mode is OFF, connections: 7", 7)


@pytest.mark.parametrize(
    "body,verdict",
    [
        pytest.param(DELLS, good("maintenance mode is OFF, connections: 1", 1), id="as Dell's own client knows it"),
        pytest.param(ping("MAINTENANCE_MODE Status=OFF", "LOAD_FACTOR Value=7"), OFF_AND_7, id="in any order"),
        pytest.param(
            ping("LOAD_FACTOR Value=7", "MAINTENANCE_MODE Status=OFF", prefix="ns2:", namespace="urn:other"),
            OFF_AND_7,
            id="in any namespace",
        ),
        pytest.param(
            ping("OTHER Status=ON Value=9", "MAINTENANCE_MODE Status=OFF Text=ON", "LOAD_FACTOR Value=7"),
            OFF_AND_7,
            id="among other items",
        ),
        pytest.param(
            ping("LOAD_FACTOR Value=7", "MAINTENANCE_MODE Status=ON"), draining("maintenance mode is ON"), id="drains"
        ),
        pytest.param(ping("MAINTENANCE_MODE Status=UNKNOWN"), good("maintenance mode is UNKNOWN"), id="does not know"),
        pytest.param(
            ping("LOAD_FACTOR Value=7"), good("maintenance mode is UNKNOWN, connections: 7", 7), id="says less"
        ),
        pytest.param(ping(), good("maintenance mode is UNKNOWN"), id="says nothing"),
        pytest.param(ping("LOAD_FACTOR Value=-1"), good("maintenance mode is UNKNOWN"), id="no number"),
        pytest.param(BUCKETS, bad("answered 200, which is no answer to a ping"), id="an S3 that knows no ping"),
        pytest.param(b"", bad("answered 200, which is no answer to a ping"), id="nothing"),
    ],
)
def test_a_ping_tells_maintenance_and_load(body: bytes, verdict: Verdict) -> None:
    assert probe(Preset.OBJECTSCALE).judge(200, {}, body) == verdict


def test_a_ping_that_is_not_answered_with_200_is_bad() -> None:
    assert probe(Preset.OBJECTSCALE).judge(500, {}, DELLS) == bad("answered 500 instead of 200")


@pytest.mark.parametrize("piece", [b"<Name>", b"<PingItem>", b"<Name>a" + b" " * 60, b"<a:", b"<aaaaaaaaaaaaaaaaa"])
def test_a_hostile_ping_is_read_in_no_time(piece: bytes) -> None:
    body = b"<!DOCTYPE x [<!ENTITY a 'aaaa'>]><PingList>" + piece * (BODY_LIMIT // len(piece))
    begin = process_time()
    probe(Preset.OBJECTSCALE).judge(200, {}, body)
    assert process_time() - begin < 0.2


@pytest.mark.parametrize(
    "status,is_good", [(200, True), (204, True), (302, True), (199, False), (400, False), (503, False)]
)
def test_an_http_node_is_good_with_2xx_and_3xx(status: int, is_good: bool) -> None:
    assert (probe(Preset.HTTP, "/").judge(status, {}, b"").sign is Sign.GOOD) is is_good


def test_a_connection_is_enough_for_tcp() -> None:
    assert probe(Preset.TCP).judge(0, {}, b"") == good("accepted a connection")


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
    assert probe(Preset.S3).judge(status, headers, body).sign is Sign.GOOD


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
    assert probe(Preset.S3).judge(status, headers, body) == bad(reason)


@given(st.integers(100, 999), st.dictionaries(st.text(), st.text()), st.binary())
def test_no_answer_breaks_the_judgement_or_the_log(status: int, headers: dict[str, str], body: bytes) -> None:
    for preset in Preset:
        verdict = probe(preset, "/" if preset is Preset.HTTP else None).judge(status, headers, body)
        assert verdict.reason.isprintable()


@given(st.binary())
def test_only_a_plain_word_is_taken_for_an_error_code(code: bytes) -> None:
    body = b"<Error><Code>" + code + b"</Code></Error>"
    assert len(probe(Preset.S3).judge(403, {}, body).reason) <= len("answered 403 ") + 64
