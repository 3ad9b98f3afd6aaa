"""boto3 clients as they come, on a Ceph cluster behind a proxy: `python -m loadtests.ceph_clients PORT SEED`.

Readers get objects whole and by range, `get_object()["Body"].read()`, and compare every byte. Writers put objects and
make multipart uploads, read back what they wrote and compare it. All settings are boto3's defaults, its retries too.

Prints `ready` once the objects are there, goes on until standard input closes, then prints the counts as JSON.
"""

import json
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import boto3
from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError

from loadtests.ceph.lab import ACCESS_KEY, REGION, SECRET_KEY
from loadtests.nodes import KIB, MIB
from tests.support.objects import content, matches, size_of

READERS = 8
WRITERS = 2
"""Threads, each with a client of its own: enough that every gateway has several requests under way when it dies."""

SIZES = (4 * KIB, 256 * KIB, 4 * MIB, 16 * MIB)
KEYS = 4
PART_SIZE = 5 * MIB
"""The smallest part that S3 takes, except for the last."""

PARTS = 3
PUT_SIZE = MIB
END_SECONDS = 25.0
"""How long what is under way may take at the end; what takes longer has failed."""

BUCKET = "failover"


class WrongBytes(Exception):
    """What was read is not what was written."""


class Clients:
    """What all threads share: where the proxy is, whether it is over, and what they counted."""

    def __init__(self, port: int, seed: int) -> None:
        self.endpoint = f"http://127.0.0.1:{port}"
        self.seed = seed
        self.is_over = threading.Event()
        self.counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def connect(self) -> Any:
        """A client of boto3 with nothing but what it must be told."""
        keys = {"aws_access_key_id": ACCESS_KEY, "aws_secret_access_key": SECRET_KEY, "region_name": REGION}
        return boto3.session.Session().client("s3", endpoint_url=self.endpoint, **keys)

    def go_on(self, kind: str, number: int, once: Callable[[Any, random.Random], None]) -> None:
        """Do `once` again and again; count `kind`, and `failed kind` with the reason on stderr."""
        client, rng = self.connect(), random.Random(self.seed * 1000 + number)
        while not self.is_over.is_set():
            failure = ""
            try:
                once(client, rng)
            except (WrongBytes, ClientError, BotoCoreError, Boto3Error, OSError) as error:
                failure = f"{type(error).__name__}: {error}"
            with self._lock:
                self.counts[kind] += 1
                self.counts[f"failed {kind}"] += bool(failure)
            if failure:
                print(f"{kind}: {failure}", file=sys.stderr, flush=True)


def path_of(key: str) -> str:
    """The name under which the bytes of an object are known."""
    return f"/{BUCKET}/{key}"


def fill(client: Any) -> None:
    """Make the bucket and the objects that readers read."""
    client.create_bucket(Bucket=BUCKET)
    for size in SIZES:
        for number in range(KEYS):
            key = f"{size}B-{number}"
            client.put_object(Bucket=BUCKET, Key=key, Body=content(path_of(key), 0, size))


def read(client: Any, rng: random.Random) -> None:
    """One object or a part of one. Raises WrongBytes, and what boto3 raises."""
    key = f"{rng.choice(SIZES)}B-{rng.randrange(KEYS)}"
    size, first = size_of(path_of(key)), 0
    if rng.random() < 0.5:
        body = client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    else:
        first = rng.randrange(size)
        size = rng.randint(1, size - first)
        span = f"bytes={first}-{first + size - 1}"
        body = client.get_object(Bucket=BUCKET, Key=key, Range=span)["Body"].read()
    if len(body) != size or not matches(path_of(key), first, body):
        raise WrongBytes(f"{key} from {first}: {len(body)} bytes of {size}")


def put(client: Any, rng: random.Random) -> None:
    """One object in one request."""
    key = f"{PUT_SIZE}B-put-{rng.getrandbits(32):08x}"
    body = content(path_of(key), 0, PUT_SIZE)
    client.put_object(Bucket=BUCKET, Key=key, Body=body)
    compare(client, key, body)


def upload(client: Any, rng: random.Random) -> None:
    """An upload in PARTS parts."""
    key = f"{PARTS * PART_SIZE}B-upload-{rng.getrandbits(32):08x}"
    body = content(path_of(key), 0, PARTS * PART_SIZE)
    identity = client.create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"]
    parts = []
    for number in range(1, PARTS + 1):
        part = body[(number - 1) * PART_SIZE : number * PART_SIZE]
        done = client.upload_part(Bucket=BUCKET, Key=key, UploadId=identity, PartNumber=number, Body=part)
        parts.append({"ETag": done["ETag"], "PartNumber": number})
    client.complete_multipart_upload(Bucket=BUCKET, Key=key, UploadId=identity, MultipartUpload={"Parts": parts})
    compare(client, key, body)


def compare(client: Any, key: str, body: bytes) -> None:
    """Read back what was written, and forget it. Raises WrongBytes."""
    if client.get_object(Bucket=BUCKET, Key=key)["Body"].read() != body:
        raise WrongBytes(f"{key} is not what was written")
    client.delete_object(Bucket=BUCKET, Key=key)


def main() -> None:
    clients = Clients(port=int(sys.argv[1]), seed=int(sys.argv[2]))
    fill(clients.connect())
    jobs = [("reads", read)] * READERS + [("puts", put), ("uploads", upload)] * (WRITERS // 2)
    threads = [
        threading.Thread(target=clients.go_on, args=(kind, number, once), name=f"{kind} {number}", daemon=True)
        for number, (kind, once) in enumerate(jobs)
    ]
    for thread in threads:
        thread.start()
    print("ready", flush=True)
    sys.stdin.read()
    clients.is_over.set()
    end = time.monotonic() + END_SECONDS
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    clients.counts["stuck"] = sum(thread.is_alive() for thread in threads)
    print(json.dumps(clients.counts), flush=True)


if __name__ == "__main__":
    main()
