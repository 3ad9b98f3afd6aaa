"""Bucket, key and conditions of a request."""

from urllib.parse import quote_from_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3edge.s3.operation import Operation
from s3edge.s3.payload import PayloadKind
from s3edge.s3.ranges import ByteRange
from s3edge.s3.request import S3Request, bucket_of_host, is_conditional, is_replayable, understand
from tests.s3.botocore_model import PATH_STYLE, Model, location
from tests.s3.heads import FakeHead

HOSTS = (b"s3.example.com", b"example.com", b"minio.local")


def asked(target: bytes, host: bytes = b"127.0.0.1:9000", hosts: tuple[bytes, ...] = ()) -> tuple[str, str]:
    request = understand(FakeHead(target=target, fields={b"host": host}), hosts)
    return request.bucket, request.key


@pytest.mark.parametrize(
    "target, bucket, key",
    [
        (b"/", "", ""),
        (b"/bucket", "bucket", ""),
        (b"/bucket/", "bucket", ""),
        (b"/bucket?list-type=2", "bucket", ""),
        (b"/bucket/key?versionId=1?2", "bucket", "key"),
        (b"/bucket/a/b/", "bucket", "a/b/"),
        (b"/bucket//", "bucket", "/"),
        (b"//bucket/key", "", "bucket/key"),
        (b"/bucket/%3Fkey", "bucket", "?key"),
        (b"/bucket%2Fkey", "bucket", "key"),
        (b"*", "", ""),
        (b"http://127.0.0.1:9000/bucket/key?acl", "bucket", "key"),
        (b"http://127.0.0.1:9000", "", ""),
        (b"http://127.0.0.1:9000?a=/b/c", "", ""),
        (b"HTTP://127.0.0.1:9000/bucket/http://x/y", "bucket", "http://x/y"),
    ],
)
def test_path_style_names_bucket_and_key(target: bytes, bucket: str, key: str) -> None:
    assert asked(target) == (bucket, key)


def test_a_query_in_absolute_form_counts_without_a_path() -> None:
    assert (
        understand(FakeHead(target=b"http://h?max-directory-buckets=1"), ()).operation == Operation.ListDirectoryBuckets
    )


@pytest.mark.parametrize(
    "sent, key",
    [
        (b"a//b", "a//b"),
        (b"a/./b", "a/./b"),
        (b"a/../b", "a/../b"),
        (b"a%2Fb", "a/b"),
        (b"a%252Fb", "a%2Fb"),
        (b"a+b", "a+b"),
        (b"a%20b", "a b"),
        (b"a%2Bb", "a+b"),
        (b"a@b", "a@b"),
        (b"%C3%A4%E2%82%AC", "ä€"),
        ("ä".encode(), "ä"),
        (b"100%", "100%"),
        (b"%zz", "%zz"),
        (b"%FF", "\udcff"),
    ],
)
def test_a_key_is_decoded_once_and_never_resolved(sent: bytes, key: str) -> None:
    assert asked(b"/bucket/" + sent) == ("bucket", key)


@given(st.binary(min_size=1))
def test_no_two_keys_become_one(key: bytes) -> None:
    _, understood = asked(b"/bucket/" + quote_from_bytes(key, safe="/").encode())
    assert understood.encode("utf-8", "surrogateescape") == key


@pytest.mark.parametrize(
    "host, bucket",
    [
        (b"bucket.s3.example.com", b"bucket"),
        (b"Bucket.S3.Example.COM:9000", b"bucket"),
        (b"bucket.s3.example.com.", b"bucket"),
        (b"bucket.s3.example.com.:80", b"bucket"),
        (b"my.dotted.bucket.s3.example.com", b"my.dotted.bucket"),
        (b"bucket.minio.local", b"bucket"),
        (b"s3.example.com", b""),
        (b"s3.example.com:9000", b""),
        (b"example.com", b""),
        (b"other.example.com", b"other"),
        (b".s3.example.com", b""),
        (b"buckets3.example.org", b""),
        (b"nots3.example.company", b""),
        (b"localhost", b""),
        (b"127.0.0.1:9000", b""),
        (b"[::1]:9000", b""),
        (b"[::ffff:1.2.3.4]", b""),
        (b"b.s3.example.com", b"b"),
        (b"a" * 239 + b".s3.example.com", b"a" * 239),
        (b"a" * 240 + b".s3.example.com", b"a" * 240),
        (b"a" * 241 + b".s3.example.com", b""),
        (b"", b""),
        (b"a." * 1000 + b"s3.example.com", b""),
    ],
)
def test_a_host_before_a_base_name_is_a_bucket(host: bytes, bucket: bytes) -> None:
    assert bucket_of_host(host, HOSTS) == bucket


def test_an_address_is_no_bucket_even_before_a_base_name_of_digits() -> None:
    assert bucket_of_host(b"10.0.0.1", (b"0.0.1",)) == b""


def test_virtual_host_style_takes_the_whole_path_as_key() -> None:
    assert asked(b"/a/b", b"bucket.s3.example.com", HOSTS) == ("bucket", "a/b")
    assert asked(b"//a", b"bucket.s3.example.com", HOSTS) == ("bucket", "/a")
    assert asked(b"/", b"bucket.s3.example.com", HOSTS) == ("bucket", "")
    assert asked(b"http://bucket.s3.example.com/a", b"bucket.s3.example.com", HOSTS) == ("bucket", "a")


def test_without_a_bucket_in_the_host_path_style_holds_beside_base_names() -> None:
    assert asked(b"/bucket/key", b"s3.example.com:9000", HOSTS) == ("bucket", "key")
    assert asked(b"/bucket/key", b"10.0.0.1", HOSTS) == ("bucket", "key")
    assert understand(FakeHead(target=b"/bucket/key"), HOSTS).bucket == "bucket"


def test_without_base_names_a_host_is_never_a_bucket() -> None:
    assert asked(b"/bucket/key", b"other.s3.example.com") == ("bucket", "key")


@given(st.binary(), st.binary())
def test_any_target_and_host_are_understood_somehow(target: bytes, host: bytes) -> None:
    assert isinstance(understand(FakeHead(target=target, fields={b"host": host}), HOSTS), S3Request)


def test_a_request_tells_range_and_payload_of_its_head() -> None:
    request = understand(FakeHead(fields={b"range": b"bytes=5-", b"x-amz-content-sha256": b"UNSIGNED-PAYLOAD"}), ())
    assert request.range == ByteRange(5, None)
    assert request.payload_kind is PayloadKind.UNSIGNED
    assert understand(FakeHead(), ()).range is None


@pytest.mark.parametrize(
    "method, target, fields, is_safe",
    [
        (b"GET", b"/b/k", {}, True),
        (b"GET", b"/b/k", {b"if-match": b'"e"'}, True),
        (b"PUT", b"/b/k", {}, True),
        (b"PUT", b"/b/k", {b"if-none-match": b"*"}, False),
        (b"PUT", b"/b/k", {b"if-match": b'"e"'}, False),
        (b"PUT", b"/b/k", {b"x-amz-write-offset-bytes": b"10"}, False),
        (b"PUT", b"/b/k?partNumber=1&uploadId=u", {}, True),
        (b"PUT", b"/b/k", {b"x-amz-copy-source": b"b/k"}, True),
        (b"PUT", b"/b/k", {b"x-amz-copy-source": b"b/k", b"x-amz-copy-source-if-match": b'"e"'}, False),
        (b"DELETE", b"/b/k", {}, True),
        (b"DELETE", b"/b/k", {b"if-match": b'"e"'}, False),
        (b"POST", b"/b/k?uploads", {}, False),
        (b"POST", b"/b/k?uploadId=u", {}, False),
        (b"POST", b"/b?delete", {}, False),
        (b"POST", b"/b", {}, False),
        (b"PUT", b"/b/k?append&position=0", {}, False),
    ],
)
def test_a_request_is_replayed_only_where_sending_it_twice_is_safe(
    method: bytes, target: bytes, fields: dict[bytes, bytes], is_safe: bool
) -> None:
    request = understand(FakeHead(method, target, fields), ())
    assert request.is_replayable is is_safe
    assert is_replayable(request.operation, request.head) is is_safe


def test_every_condition_of_the_service_model_is_known() -> None:
    unknown = []
    for name, operation in Model(PATH_STYLE).operations.items():
        for member in operation.input_shape.members.values() if operation.input_shape else ():
            field = str(member.serialization.get("name", "")).lower()
            if location(member) == "header" and ("if-" in field or "offset" in field):
                head = FakeHead(fields={field.encode(): b"x"})
                if not (is_conditional(head) and understand(head, ()).is_conditional):
                    unknown.append((name, field))
    assert unknown == []
