"""The matrix's own view of a storage: what clients are to find there, and what they left there.

It goes to a node itself, by boto3, whatever way the client under test takes.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.parquet
from botocore.config import Config
from botocore.exceptions import ClientError

from loadtests.matrix.client import Endpoint
from loadtests.nodes import MIB
from tests.support.objects import content

MANY = 1005
"""Keys that a list has to bring: more than one page, which holds 1,000."""

MANY_PREFIX = "many/"
LARGE_SIZE = 24 * MIB
"""Of the object in whose middle a node is killed; `passage.PACE` makes a second of it."""

LARGE = {"bytes": "large.bin", "parquet": "large.parquet"}
"""Its key, by what clients read."""

WRITERS = 8
"""Threads that put the objects of all runs."""


class Store:
    """A bucket at one node. Methods raise botocore's ClientError and BotoCoreError, after so many attempts."""

    def __init__(self, endpoint: Endpoint, attempts: int = 5) -> None:
        self.bucket = endpoint.bucket
        self.client: Any = boto3.session.Session().client(
            "s3",
            endpoint_url=endpoint.url,
            region_name=endpoint.region,
            aws_access_key_id=endpoint.access_key,
            aws_secret_access_key=endpoint.secret_key,
            verify=str(endpoint.authority) if endpoint.authority else None,
            # Ceph 16 takes no trailers, which boto3 otherwise sends over HTTPS.
            config=Config(
                s3={"addressing_style": "path"},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                max_pool_connections=WRITERS,
                retries={"total_max_attempts": attempts},
            ),
        )

    def close(self) -> None:
        self.client.close()

    def put(self, key: str, body: bytes) -> None:
        self.client.put_object(Bucket=self.bucket, Key=key, Body=body)

    def get(self, key: str) -> bytes | None:
        """The bytes of an object; None where there is none."""
        try:
            with closing(self.client.get_object(Bucket=self.bucket, Key=key)["Body"]) as body:
                return bytes(body.read())
        except self.client.exceptions.NoSuchKey:
            return None

    def parts(self, key: str) -> int:
        """In how many parts an object was uploaded: what its ETag says after the dash; 0 if in one request."""
        _, _, count = str(self.client.head_object(Bucket=self.bucket, Key=key)["ETag"]).strip('"').partition("-")
        return int(count or 0)

    def keys(self, prefix: str) -> list[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]

    def fill(self) -> None:
        """Make the bucket, and what all clients find there: many small objects and a large one of either kind.

        What is there is not put again: nodes by HTTP and by HTTPS may share it.
        """
        try:
            self.client.create_bucket(Bucket=self.bucket)
        except ClientError as error:
            if error.response["Error"]["Code"] not in {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}:
                raise
        body = bytes_of("large", LARGE_SIZE)
        objects = dict.fromkeys(many_keys(), b"")
        objects |= {LARGE["bytes"]: body, LARGE["parquet"]: parquet_of(body)}
        there = set(self.keys(""))
        with ThreadPoolExecutor(WRITERS) as pool:
            for done in [pool.submit(self.put, key, value) for key, value in objects.items() if key not in there]:
                done.result()


def many_keys() -> Sequence[str]:
    """What a list below MANY_PREFIX brings."""
    return [f"{MANY_PREFIX}{number:04d}" for number in range(MANY)]


def bytes_of(name: str, size: int) -> bytes:
    """Bytes that no other name has."""
    return content(f"/matrix/{name}", 0, size)


def parquet_of(body: bytes) -> bytes:
    """A Parquet file with the bytes, a multiple of eight, as an int64 column `n`, neither encoded nor compressed."""
    column = pa.Array.from_buffers(pa.int64(), len(body) // 8, [None, pa.py_buffer(body)])
    sink = pa.BufferOutputStream()
    table = pa.table({"n": column})
    pa.parquet.write_table(table, sink, compression="none", use_dictionary=False)
    return bytes(sink.getvalue().to_pybytes())
