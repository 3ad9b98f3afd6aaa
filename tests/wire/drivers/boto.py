"""boto3."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any

import boto3
from botocore.config import Config

from tests.wire.drivers.driver import PART, Driver, Listing
from tests.wire.endpoint import Endpoint


def options(endpoint: Endpoint) -> dict[str, Any]:
    """What botocore's Config is told; one attempt, since an error that a second one would hide is a finding here."""
    return {
        "retries": {"total_max_attempts": 1},
        "signature_version": "s3v4",
        "s3": {"addressing_style": "path"},
        "request_checksum_calculation": endpoint.checksums,
        "read_timeout": 30,
    }


def connect(endpoint: Endpoint, config: Config | None = None) -> Any:
    """A boto3 client for `endpoint`; `config` comes on top of `options`."""
    base = Config(**options(endpoint))
    return boto3.client(
        "s3",
        endpoint_url=endpoint.url,
        aws_access_key_id=endpoint.access_key,
        aws_secret_access_key=endpoint.secret_key,
        region_name=endpoint.region,
        verify=str(endpoint.ca) if endpoint.ca else None,
        config=base.merge(config) if config else base,
    )


class Boto3(Driver):
    name = "boto3"

    def __init__(self, endpoint: Endpoint, bucket: str, config: Config | None = None) -> None:
        super().__init__(endpoint, bucket)
        self.client = connect(endpoint, config)

    def close(self) -> None:
        self.client.close()

    def put(self, key: str, body: bytes) -> None:
        self.client.put_object(Bucket=self.bucket, Key=key, Body=body)

    def get(self, key: str) -> bytes:
        return self._read(Key=key)

    def get_range(self, key: str, first: int, last: int) -> bytes:
        return self._read(Key=key, Range=f"bytes={first}-{last}")

    def _read(self, **asked: str) -> bytes:
        with closing(self.client.get_object(Bucket=self.bucket, **asked)["Body"]) as body:
            content: bytes = body.read()
            return content

    def size(self, key: str) -> int:
        length: int = self.client.head_object(Bucket=self.bucket, Key=key)["ContentLength"]
        return length

    def list_v1(self, prefix: str) -> Listing:
        return self._list("list_objects", prefix)

    def list_v2(self, prefix: str) -> Listing:
        return self._list("list_objects_v2", prefix)

    def _list(self, operation: str, prefix: str) -> Listing:
        """Page by two, so that markers and continuation tokens travel."""
        pages = self.client.get_paginator(operation).paginate(
            Bucket=self.bucket, Prefix=prefix, Delimiter="/", PaginationConfig={"PageSize": 2}
        )
        keys: list[str] = []
        prefixes: list[str] = []
        for page in pages:
            keys += [entry["Key"] for entry in page.get("Contents", [])]
            prefixes += [entry["Prefix"] for entry in page.get("CommonPrefixes", [])]
        return Listing.of(keys, prefixes)

    def copy(self, source: str, target: str) -> None:
        self.client.copy_object(Bucket=self.bucket, Key=target, CopySource={"Bucket": self.bucket, "Key": source})

    def delete(self, key: str) -> None:
        self.client.delete_object(Bucket=self.bucket, Key=key)

    def delete_many(self, keys: Sequence[str]) -> None:
        answer = self.client.delete_objects(Bucket=self.bucket, Delete={"Objects": [{"Key": key} for key in keys]})
        assert not answer.get("Errors")

    def multipart(self, key: str, body: bytes) -> None:
        upload = self.client.create_multipart_upload(Bucket=self.bucket, Key=key)
        at = {"Bucket": self.bucket, "Key": key, "UploadId": upload["UploadId"]}
        parts = []
        for number, offset in enumerate(range(0, len(body), PART), start=1):
            part = self.client.upload_part(PartNumber=number, Body=body[offset : offset + PART], **at)
            checksum = {"ChecksumCRC32": part["ChecksumCRC32"]} if "ChecksumCRC32" in part else {}
            parts.append({"PartNumber": number, "ETag": part["ETag"], **checksum})
        self.client.complete_multipart_upload(MultipartUpload={"Parts": parts}, **at)

    def abort_multipart(self, key: str, part: bytes) -> None:
        upload = self.client.create_multipart_upload(Bucket=self.bucket, Key=key)
        at = {"Bucket": self.bucket, "Key": key, "UploadId": upload["UploadId"]}
        self.client.upload_part(PartNumber=1, Body=part, **at)
        self.client.abort_multipart_upload(**at)

    def tag(self, key: str, tags: Mapping[str, str]) -> None:
        entries = [{"Key": name, "Value": value} for name, value in tags.items()]
        self.client.put_object_tagging(Bucket=self.bucket, Key=key, Tagging={"TagSet": entries})

    def tags(self, key: str) -> Mapping[str, str]:
        answer = self.client.get_object_tagging(Bucket=self.bucket, Key=key)
        return {entry["Key"]: entry["Value"] for entry in answer["TagSet"]}

    def presign_get(self, key: str) -> str:
        return self._presign("get_object", key)

    def presign_put(self, key: str) -> str:
        return self._presign("put_object", key)

    def _presign(self, operation: str, key: str) -> str:
        url: str = self.client.generate_presigned_url(operation, Params={"Bucket": self.bucket, "Key": key})
        return url

    # What the tests ask of a storage behind the client under test.

    def keys(self, prefix: str = "") -> list[str]:
        """All keys below `prefix`, at most 1,000."""
        answer = self.client.list_objects_v2(Bucket=self.bucket, Prefix=prefix)
        return sorted(entry["Key"] for entry in answer.get("Contents", []))

    def etag(self, key: str) -> str:
        """The object's entity tag, quotes included."""
        tag: str = self.client.head_object(Bucket=self.bucket, Key=key)["ETag"]
        return tag

    def uploads(self, key: str) -> list[str]:
        """Ids of the uploads of a key that are neither completed nor aborted.

        MinIO knows them at every node only if it is asked for one key.
        """
        answer = self.client.list_multipart_uploads(Bucket=self.bucket, Prefix=key)
        return [entry["UploadId"] for entry in answer.get("Uploads", [])]
