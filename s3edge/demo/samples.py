"""The objects that the demo reads."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config

BUCKET = "demo"
ACCESS_KEY = "demo"
SECRET_KEY = "demo-secret"
REGION = "us-east-1"

KIB = 1 << 10
MIB = 1 << 20

# Sizes in bytes and how many objects of each: small ones as a RAG service reads them, large ones as training does. The
# largest are more than what Linux's socket buffers hold between a node and a client, about 20 MiB, so that they are on
# their way for as long as they are read.
SIZES = ((4 * KIB, 16), (64 * KIB, 10), (MIB, 8), (8 * MIB, 4), (64 * MIB, 2))


@dataclass(frozen=True)
class Sample:
    """An object whose content is known."""

    key: str
    content: bytes


def make_samples() -> list[Sample]:
    """The same samples in each run."""
    return list(_samples(random.Random(0)))


def _samples(chance: random.Random) -> Iterator[Sample]:
    for size, count in SIZES:
        unit, name = (MIB, "MiB") if size >= MIB else (KIB, "KiB")
        for number in range(count):
            yield Sample(f"{size // unit}{name}/{number:02}.bin", chance.randbytes(size))


def connect(url: str, connections: int = 1) -> Any:
    """A boto3 client that makes one attempt at a request, so that each error of the endpoint at `url` is seen."""
    return boto3.client(
        "s3",
        endpoint_url=url,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        region_name=REGION,
        config=Config(
            connect_timeout=5,
            read_timeout=10,
            retries={"total_max_attempts": 1},
            max_pool_connections=connections,
            s3={"addressing_style": "path"},
        ),
    )


def write_samples(url: str, samples: list[Sample]) -> None:
    """Create the bucket and put the samples into it."""
    client = connect(url)
    try:
        client.create_bucket(Bucket=BUCKET)
        for sample in samples:
            client.put_object(Bucket=BUCKET, Key=sample.key, Body=sample.content)
    finally:
        client.close()
