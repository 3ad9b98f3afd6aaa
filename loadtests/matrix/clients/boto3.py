"""boto3, with nothing but what it must be told: five attempts, checksums where the operation knows them.

In us-east-1 it presigns by Signature Version 2, which storage and s3edge must take as well.
"""

import io
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from importlib import metadata
from typing import Any

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config

from loadtests.matrix.client import PART_SIZE, Endpoint
from loadtests.matrix.clients.library import Library


def version() -> str:
    return metadata.version("boto3")


@contextmanager
def start(endpoint: Endpoint) -> Iterator["Boto3"]:
    with closing(boto3.session.Session().client("s3", **settings(endpoint), config=Config(**PATH_STYLE))) as client:
        yield Boto3(client, endpoint.bucket)


PATH_STYLE = {"s3": {"addressing_style": "path"}}
"""What botocore's Config is told: the bucket stands in the path, since names below the endpoint's need DNS."""


def settings(endpoint: Endpoint) -> dict[str, Any]:
    """The arguments of a client of botocore, but for its Config."""
    return {
        "endpoint_url": endpoint.url,
        "aws_access_key_id": endpoint.access_key,
        "aws_secret_access_key": endpoint.secret_key,
        "region_name": endpoint.region,
        "verify": str(endpoint.authority) if endpoint.authority else None,
    }


class Boto3(Library):
    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def put(self, key: str, body: bytes) -> None:
        self._client.put_object(Bucket=self._bucket, Key=key, Body=body)

    def get(self, key: str) -> bytes:
        content: bytes = self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        return content

    def get_range(self, key: str, first: int, last: int) -> bytes:
        answer = self._client.get_object(Bucket=self._bucket, Key=key, Range=f"bytes={first}-{last}")
        content: bytes = answer["Body"].read()
        return content

    def list(self, prefix: str) -> Sequence[str]:
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
        return [entry["Key"] for page in pages for entry in page.get("Contents", ())]

    def multipart(self, key: str, body: bytes) -> None:
        parts = TransferConfig(multipart_threshold=PART_SIZE, multipart_chunksize=PART_SIZE)
        self._client.upload_fileobj(io.BytesIO(body), self._bucket, key, Config=parts)

    def delete(self, key: str) -> None:
        self._client.delete_object(Bucket=self._bucket, Key=key)

    def presign(self, key: str, seconds: int) -> str:
        at = {"Bucket": self._bucket, "Key": key}
        url: str = self._client.generate_presigned_url("get_object", Params=at, ExpiresIn=seconds)
        return url
