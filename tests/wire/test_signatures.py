"""Signatures, verified by storages that compare them: Ceph's radosgw and MinIO.

The operations of the matrix run on both too, as the endpoints `ceph_*` and `minio_*` of the other modules.
"""

import hashlib
import random
from contextlib import closing
from dataclasses import replace

import pytest
from botocore.config import Config

from tests.wire.drivers.boto import Boto3
from tests.wire.endpoint import MIB, Endpoint
from tests.wire.matrix import ON_CEPH, ON_MINIO
from tests.wire.signing import STREAMING, UNSIGNED, send

pytestmark = [
    pytest.mark.wire,
    pytest.mark.parametrize("endpoint", [*ON_CEPH, *ON_MINIO], indirect=True, scope="session"),
]

BODY = random.Random(4).randbytes(MIB + 1)
HASHED = hashlib.sha256(BODY).hexdigest()


@pytest.mark.parametrize("payload", [UNSIGNED, HASHED, STREAMING], ids=["unsigned", "hashed", "streaming"])
def test_each_payload_kind_passes_the_storages_check(
    endpoint: Endpoint, storage: Boto3, folder: str, payload: str
) -> None:
    assert send(endpoint, "PUT", f"/{storage.bucket}/{folder}object", BODY, payload).status == 200
    assert storage.get(f"{folder}object") == BODY


def test_a_secret_that_is_wrong_is_refused_by_the_storage(endpoint: Endpoint, storage: Boto3, folder: str) -> None:
    stranger = replace(endpoint, secret_key="wrong")
    answer = send(stranger, "PUT", f"/{storage.bucket}/{folder}object", b"content")
    assert answer.status == 403
    assert b"<Code>SignatureDoesNotMatch</Code>" in answer.body
    assert storage.keys(folder) == []


@pytest.mark.parametrize("host", ["s3.example.com", "s3.example.com:9000", "S3.Example.COM:80"])
def test_the_host_arrives_as_it_was_signed(endpoint: Endpoint, storage: Boto3, folder: str, host: str) -> None:
    path = f"/{storage.bucket}/{folder}object"
    assert send(endpoint, "PUT", path, BODY, host=host).status == 200
    assert send(endpoint, "GET", path, host=host).body == BODY


def test_signature_version_2_passes_the_storages_check(endpoint: Endpoint, storage: Boto3, folder: str) -> None:
    with closing(Boto3(endpoint, storage.bucket, Config(signature_version="s3"))) as client:
        client.put(f"{folder}a b", b"content")
        assert client.get(f"{folder}a b") == b"content"
        url = client.presign_get(f"{folder}a b")
        assert "AWSAccessKeyId=" in url
        assert endpoint.fetch(url) == b"content"
