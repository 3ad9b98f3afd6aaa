"""Claims and coverage of signatures, and secrets in targets."""

import re

import botocore.session
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3edge.s3.sigv4 import claimed_access_key, is_header_signed, redacted, signed_headers
from tests.s3.botocore_model import PATH_STYLE, Model
from tests.s3.heads import FakeHead

SCOPE = b"20260101/us-east-1/s3/aws4_request"
V4 = b"AWS4-HMAC-SHA256 Credential=AKRAG/%s, SignedHeaders=host;range;x-amz-date, Signature=00ff" % SCOPE
V4A = (
    b"AWS4-ECDSA-P256-SHA256 Credential=AKRAG/20260101/s3/aws4_request,"
    b" SignedHeaders=host;x-amz-region-set, Signature=3045"
)
PRESIGNED = (
    b"/b/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKRAG%2F20260101%2Fus-east-1%2Fs3%2Faws4_request"
    b"&X-Amz-Date=20260101T000000Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host%3BRange&X-Amz-Signature=00ff"
)
PRESIGNED_V2 = b"/b/k?AWSAccessKeyId=AKRAG&Signature=c2ln%3D&Expires=1700000000"


def signed(authorization: bytes, target: bytes = b"/b/k") -> FakeHead:
    return FakeHead(target=target, fields={b"authorization": authorization})


@pytest.mark.parametrize(
    "head",
    [
        signed(V4),
        signed(V4.replace(b", ", b",")),
        signed(V4A),
        signed(b"AWS4-HMAC-SHA256 SignedHeaders=host, Signature=00, Credential=AKRAG/" + SCOPE),
        signed(b"AWS AKRAG:c2lnbmF0dXJl="),
        FakeHead(target=PRESIGNED),
        FakeHead(target=PRESIGNED.replace(b"%2F", b"/")),
        FakeHead(target=PRESIGNED.replace(b"%2F", b"%2f").replace(b"X-Amz-Cred", b"%58-Amz-Cred")),
        FakeHead(target=PRESIGNED_V2),
        FakeHead(target=b"http://h" + PRESIGNED_V2),
    ],
)
def test_the_key_is_found_in_each_of_the_four_places(head: FakeHead) -> None:
    assert claimed_access_key(head) == "AKRAG"


@pytest.mark.parametrize(
    "head",
    [
        FakeHead(),
        FakeHead(target=b"/b/X-Amz-Credential=AKRAG/" + SCOPE),
        FakeHead(target=b"/b/k?AWSAccessKeyId="),
        FakeHead(target=b"/b/k?X-Amz-Credential=AKRAG"),
        signed(b""),
        signed(b"Bearer AKRAG"),
        signed(b"AWS"),
        signed(b"AWS :sig"),
        signed(b"AWS AKRAG"),
        signed(b"AWS4-HMAC-SHA256"),
        signed(b"AWS4-HMAC-SHA256 Credential=/" + SCOPE),
        signed(V4.replace(b"aws4_request", b"aws5_request")),
        signed(V4.replace(b"Credential=", b"NoCredential=")),
    ],
)
def test_without_a_whole_credential_nothing_is_claimed(head: FakeHead) -> None:
    assert claimed_access_key(head) is None


@pytest.mark.parametrize(
    "head",
    [
        signed(V4, PRESIGNED),
        signed(b"Basic dTpw", PRESIGNED),
        signed(b"AWS4-HMAC-SHA256 nonsense", PRESIGNED_V2),
        signed(V4 + b", Credential=AKVICTIM/" + SCOPE),
        signed(V4.replace(b"AKRAG/", b"AKRAG/x/")),
        FakeHead(target=PRESIGNED + b"&X-Amz-Credential=AKVICTIM/" + SCOPE),
        FakeHead(target=PRESIGNED + b"&AWSAccessKeyId=AKVICTIM"),
        FakeHead(target=PRESIGNED_V2 + b"&AWSAccessKeyId=AKVICTIM"),
    ],
)
def test_what_servers_could_read_as_different_keys_claims_none(head: FakeHead) -> None:
    assert claimed_access_key(head) is None


@pytest.mark.parametrize("name", ["GetObject", "PutObject", "ListObjectsV2"])
def test_botocore_s_own_signature_is_read(name: str) -> None:
    head = Model(PATH_STYLE).request(name, with_query=False)
    assert claimed_access_key(head) == "AKRAG"
    assert signed_headers(head) >= {b"host", b"x-amz-content-sha256", b"x-amz-date"}


@pytest.mark.parametrize("signature_version", ["s3v4", "s3"])
def test_botocore_s_presigned_url_is_read_and_redacted(signature_version: str) -> None:
    client = botocore.session.Session().create_client(
        "s3",
        region_name="us-east-1",
        aws_access_key_id="AKRAG",
        aws_secret_access_key="secret",
        aws_session_token="t0ken",
        config=botocore.config.Config(signature_version=signature_version),
    )
    url = client.generate_presigned_url("get_object", {"Bucket": "bucket", "Key": "key"}).encode()
    assert claimed_access_key(FakeHead(target=url)) == "AKRAG"
    assert "t0ken" not in redacted(url)
    assert "AKRAG" in redacted(url)


def test_signed_headers_are_those_listed() -> None:
    assert signed_headers(signed(V4)) == {b"host", b"range", b"x-amz-date"}
    assert signed_headers(signed(V4A)) == {b"host", b"x-amz-region-set"}
    assert signed_headers(FakeHead(target=PRESIGNED)) == {b"host", b"range"}
    assert signed_headers(FakeHead()) == frozenset()


@pytest.mark.parametrize("head", [signed(b"AWS AKRAG:sig"), FakeHead(target=PRESIGNED_V2)])
def test_version_2_signs_by_rule(head: FakeHead) -> None:
    assert is_header_signed(head, b"content-type")
    assert is_header_signed(head, b"x-amz-meta-a")
    assert not is_header_signed(head, b"range")


def test_version_4_signs_what_it_lists() -> None:
    assert is_header_signed(signed(V4), b"range")
    assert not is_header_signed(signed(V4A), b"range")
    assert not is_header_signed(signed(V4), b"x-amz-meta-a")
    assert not is_header_signed(FakeHead(), b"range")


@given(st.binary(), st.binary())
def test_any_bytes_are_read_without_a_fault(authorization: bytes, target: bytes) -> None:
    head = signed(authorization, target)
    claimed_access_key(head)
    signed_headers(head)
    assert re.fullmatch("[!-~]*", redacted(target))


def test_a_presigned_target_loses_signature_token_and_scope() -> None:
    assert redacted(PRESIGNED + b"&X-Amz-Security-Token=t0ken&versionId=7") == (
        "/b/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKRAG&X-Amz-Date=20260101T000000Z&X-Amz-Expires=60"
        "&X-Amz-SignedHeaders=host%3BRange&X-Amz-Signature=-&X-Amz-Security-Token=-&versionId=7"
    )
    assert redacted(PRESIGNED_V2) == "/b/k?AWSAccessKeyId=AKRAG&Signature=-&Expires=1700000000"


@pytest.mark.parametrize(
    "name",
    [
        b"X-Amz-Signature",
        b"x-amz-signature",
        b"%58-Amz-Signature",
        b"X-Amz-S3session-Token",
        b"X-Amz-Server-Side-Encryption-Customer-Key",
        b"X-Amz-Something-New",
        b"Signature",
        b"x-amz-security-token",
        b"WebIdentityToken",
        b"LDAPPassword",
        b"client_secret",
    ],
)
@given(before=st.sampled_from([b"/b/k?", b"/b/k?a=1&", b"/b/k?a;", b"http://h/?list-type=2&"]))
def test_a_secret_is_never_shown(name: bytes, before: bytes) -> None:
    assert redacted(before + name + b"=hunter2=&b=2").endswith("=-&b=2")


@pytest.mark.parametrize("value", [b"http://h/k?X-Amz-Signature=hunter2", b"k%3Fx%26X-Amz-Security-%54oken%3Dhunter2"])
def test_a_presigned_url_in_the_value_of_something_else_is_hidden(value: bytes) -> None:
    assert redacted(b"/b?a=1&prefix=" + value + b"&b=2") == "/b?a=1&prefix=-&b=2"


def test_a_password_before_the_host_is_never_shown() -> None:
    assert redacted(b"http://user:hunter2@host/b/k@v?x=1") == "http://host/b/k@v?x=1"


@pytest.mark.parametrize("target", [b"/", b"/b/k", b"/b/a@b//c", b"/b?list-type=2&continuation-token=x%3D&prefix=a"])
def test_a_target_without_secrets_stays(target: bytes) -> None:
    assert redacted(target) == target.decode()


def test_control_characters_and_foreign_bytes_are_escaped() -> None:
    assert redacted(b"/b/\xff\x1b[2J\r\n c?\x7f=1") == "/b/\\xff\\x1b[2J\\x0d\\x0a\\x20c?\\x7f=1"
