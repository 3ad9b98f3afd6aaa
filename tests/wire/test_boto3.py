"""What boto3 does by default that others do not: checksums, trailers, and transfers in many parts at once."""

import base64
import hashlib
import random
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from botocore.config import Config

from tests.wire.drivers.boto import Boto3
from tests.wire.endpoint import MIB, Endpoint
from tests.wire.matrix import ON_CEPH, ON_MINIO

pytestmark = pytest.mark.wire

through_s3edge = pytest.mark.parametrize("endpoint", ["http", "https"], indirect=True, scope="session")


@pytest.fixture
def client(endpoint: Endpoint, storage: Boto3) -> Iterator[Boto3]:
    client = Boto3(endpoint, storage.bucket)
    yield client
    client.close()


@pytest.mark.parametrize(
    "endpoint, encoding, length, trailer",
    [
        ("direct", None, "4096", None),
        ("http", None, "4096", None),
        ("https", "aws-chunked", None, "x-amz-checksum-crc32"),
        pytest.param("minio_https", "aws-chunked", None, "x-amz-checksum-crc32", marks=pytest.mark.minio),
    ],
    indirect=["endpoint"],
    ids=["direct", "http", "https", "minio_https"],
)
def test_the_default_checksum_reaches_the_storage(
    client: Boto3, storage: Boto3, folder: str, encoding: str | None, length: str | None, trailer: str | None
) -> None:
    sent: list[Any] = []
    client.client.meta.events.register("before-send.s3.PutObject", lambda request, **_: sent.append(request.headers))
    body = random.Random(1).randbytes(4096)
    client.put(f"{folder}object", body)

    (headers,) = sent
    assert (_text(headers, "Content-Encoding"), _text(headers, "Content-Length"), _text(headers, "X-Amz-Trailer")) == (
        encoding,
        length,
        trailer,
    ), "boto3 no longer does what this test is about"
    head = storage.client.head_object(Bucket=storage.bucket, Key=f"{folder}object", ChecksumMode="ENABLED")
    assert head["ChecksumCRC32"] == base64.b64encode(zlib.crc32(body).to_bytes(4)).decode()
    assert storage.get(f"{folder}object") == body


def _text(headers: Any, name: str) -> str | None:
    value = headers.get(name)
    return value.decode() if isinstance(value, bytes) else value


@through_s3edge
@pytest.mark.parametrize("size, checksum", [(200 * MIB, "when_required"), (64 * MIB, "when_supported")])
def test_a_large_object_comes_back_as_it_was_sent(
    endpoint: Endpoint, storage: Boto3, folder: str, tmp_path: Path, size: int, checksum: str
) -> None:
    """`when_supported` is boto3's default. By HTTPS that is a chunked body, which moto decodes in quadratic time:
    200 MiB would take it 12 s.
    """
    sent = write_random(tmp_path / "source", size)
    read = hashlib.sha256()
    with closing(Boto3(endpoint, storage.bucket, Config(request_checksum_calculation=checksum))) as client:
        with (tmp_path / "source").open("rb") as file:
            client.client.put_object(Bucket=client.bucket, Key=f"{folder}object", Body=file)
        with closing(client.client.get_object(Bucket=client.bucket, Key=f"{folder}object")["Body"]) as body:
            for piece in body.iter_chunks(4 * MIB):
                read.update(piece)
    storage.delete(f"{folder}object")
    assert read.hexdigest() == sent


def write_random(path: Path, size: int) -> str:
    """Fill a file with `size` random bytes; the SHA-256 of its content."""
    chance, digest = random.Random(2), hashlib.sha256()
    with path.open("wb") as file:
        for _ in range(size // (4 * MIB)):
            piece = chance.randbytes(4 * MIB)
            file.write(piece)
            digest.update(piece)
    return digest.hexdigest()


@through_s3edge
def test_a_file_transferred_in_many_parts_at_once_comes_back_as_it_was(
    client: Boto3, folder: str, tmp_path: Path
) -> None:
    content = random.Random(3).randbytes(40 * MIB + 1)
    (tmp_path / "source").write_bytes(content)
    client.client.upload_file(str(tmp_path / "source"), client.bucket, f"{folder}object")
    client.client.download_file(client.bucket, f"{folder}object", str(tmp_path / "target"))
    assert (tmp_path / "target").read_bytes() == content


@through_s3edge
def test_errors_of_the_storage_arrive_with_their_code(client: Boto3, folder: str) -> None:
    with pytest.raises(client.client.exceptions.NoSuchKey):
        client.get(f"{folder}absent")
    with pytest.raises(client.client.exceptions.NoSuchBucket):
        client.client.list_objects_v2(Bucket="absent")


@through_s3edge
def test_a_condition_that_holds_not_answers_304_or_412(client: Boto3, folder: str) -> None:
    client.put(f"{folder}object", b"content")
    at = {"Bucket": client.bucket, "Key": f"{folder}object"}
    for condition, status in (
        ({"IfNoneMatch": client.etag(f"{folder}object")}, 304),
        ({"IfMatch": '"00000000000000000000000000000000"'}, 412),
    ):
        with pytest.raises(client.client.exceptions.ClientError) as raised:
            client.client.get_object(**at, **condition)
        assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert client.get(f"{folder}object") == b"content", "the connection is in order after an answer without a body"


@pytest.mark.parametrize("endpoint", ["http", "https", *ON_CEPH, *ON_MINIO], indirect=True, scope="session")
def test_versions_are_kept_apart(client: Boto3) -> None:
    s3, bucket = client.client, f"versions-{uuid4().hex[:12]}"
    at = {"Bucket": bucket, "Key": "object"}
    s3.create_bucket(Bucket=bucket)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    versions = {s3.put_object(**at, Body=body)["VersionId"]: body for body in (b"first", b"second")}
    assert len(versions) == 2
    marker = s3.delete_object(**at)
    assert marker["DeleteMarker"]
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(**at)
    for version, body in versions.items():
        assert s3.get_object(**at, VersionId=version)["Body"].read() == body
    s3.delete_object(**at, VersionId=marker["VersionId"])
    assert s3.get_object(**at)["Body"].read() == b"second"
