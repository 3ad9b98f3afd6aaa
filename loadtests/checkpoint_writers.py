"""Writers of checkpoints, as their users set them up: `python -m loadtests.checkpoint_writers JOB FILE`.

JOB is a `Job` in JSON. Prints `ready`, saves and reads back until standard input closes, lets what is under way come to
its end, writes what became of each checkpoint to FILE, and prints a line of JSON with the count.

boto3 uploads by `upload_fileobj` with its defaults: parts of 8 MiB, ten at a time, each tried five times. Amazon's
connector for PyTorch saves by its `S3Checkpoint`, and its client, the CRT, in parts of the same size. What is saved is
read back as one body, compared byte for byte, and forgotten.
"""

import importlib.util
import io
import json
import math
import os
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import boto3
from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from loadtests.nodes import MIB
from tests.support.objects import content, matches

SIZES = {64 * MIB: 60, 128 * MIB: 30, 256 * MIB: 10}
"""Bytes of a checkpoint: percent of all."""

EVERY = 8.0
"""Seconds from the beginning of one checkpoint of a writer to that of its next, if it takes no longer: a job computes
between them. Four writers save 50 MiB/s by this, of which the lab's disk can hold a minute."""

CHUNK = MIB
"""Bytes that are compared, or handed to a writer, at once."""

REGION = "us-east-1"
CONNECTOR = "s3torchconnector"


class WrongBytes(Exception):
    """What was read is not what was saved."""


@dataclass(frozen=True)
class Job:
    """Where to save, as whom, and how many writers do so.

    What is under way at the end may take `end_seconds` more; `connector` tells whether every other writer has that.
    """

    endpoint: str
    bucket: str
    access_key: str
    secret_key: str
    end_seconds: float
    connector: bool = False
    writers: int = 4
    seed: int = 1

    def to_json(self) -> str:
        return json.dumps(asdict(self))


@dataclass(frozen=True)
class Save:
    """What became of one checkpoint. `started` is seconds since the run began; `took` is until it was saved, or not.

    `failure` is empty if it was saved, `reading` if it could be read back; `is_wrong` if other bytes were read.
    `is_stored` tells of one whose writer was told that it failed whether it was there, whole, all the same.
    """

    client: str
    started: float
    took: float
    size: int
    failure: str = ""
    reading: str = ""
    is_wrong: bool = False
    is_stored: bool = False


@dataclass
class Log:
    """What all writers did. `calls` counts boto3's requests and `tries` how often it sent them; `answers` counts what
    made it send one again, by operation."""

    began: float = 0.0
    saves: list[Save] = field(default_factory=list)
    calls: int = 0
    tries: int = 0
    answers: dict[str, int] = field(default_factory=dict)

    @property
    def retries(self) -> int:
        return self.tries - self.calls

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Log":
        fields = json.loads(text)
        return cls(saves=[Save(**one) for one in fields.pop("saves")], **fields)


class Store(Protocol):
    """One way to save a checkpoint, with the errors that mean that it could not."""

    name: str

    @property
    def failures(self) -> tuple[type[Exception], ...]: ...

    def save(self, key: str, size: int) -> None: ...

    def read(self, key: str) -> Iterator[bytes]: ...


class Bucket(Protocol):
    """What is where all writers save."""

    def holds(self, key: str, size: int) -> bool:
        """Whether an object of this size is there, as far as can be found out."""

    def forget(self, key: str) -> None:
        """Delete it, if that can be done."""


class Checkpoint(io.RawIOBase):
    """A file of `size` bytes, which follow from its path: none of it is kept in memory."""

    def __init__(self, path: str, size: int) -> None:
        self._path = path
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        return self._at

    def read(self, size: int = -1) -> bytes:
        left = max(0, self._size - self._at)
        piece = content(self._path, self._at, left if size < 0 else min(size, left))
        self._at += len(piece)
        return piece


class ByBoto3:
    """boto3's managed upload and plain reads."""

    name = "boto3"
    failures: tuple[type[Exception], ...] = (ClientError, BotoCoreError, Boto3Error, HTTPClientError, OSError)

    def __init__(self, job: Job, log: Log) -> None:
        keys = {"aws_access_key_id": job.access_key, "aws_secret_access_key": job.secret_key, "region_name": REGION}
        self._bucket = job.bucket
        self._log = log
        self._client: Any = boto3.session.Session().client("s3", endpoint_url=job.endpoint, **keys)
        events = self._client.meta.events
        events.register("before-call.s3", self._called)
        events.register("request-created.s3", self._sent)
        events.register("response-received.s3", self._answered)

    def save(self, key: str, size: int) -> None:
        self._client.upload_fileobj(Checkpoint(path_of(self._bucket, key), size), self._bucket, key)

    def read(self, key: str) -> Iterator[bytes]:
        body = self._client.get_object(Bucket=self._bucket, Key=key)["Body"]
        yield from body.iter_chunks(CHUNK)

    def holds(self, key: str, size: int) -> bool:
        """See `Bucket`."""
        try:
            return bool(self._client.head_object(Bucket=self._bucket, Key=key)["ContentLength"] == size)
        except self.failures:
            return False

    def forget(self, key: str) -> None:
        """See `Bucket`."""
        try:
            self._client.delete_object(Bucket=self._bucket, Key=key)
        except self.failures as error:
            print(f"delete {key}: {complaint(error)}", file=sys.stderr, flush=True)

    def _called(self, **_: Any) -> None:
        self._log.calls += 1

    def _sent(self, **_: Any) -> None:
        self._log.tries += 1

    def _answered(
        self, event_name: str, response_dict: dict[str, Any] | None, exception: Exception | None, **_: Any
    ) -> None:
        status = None if response_dict is None else response_dict["status_code"]
        if status is None or status >= 400:
            bad = f"{event_name.rsplit('.', 1)[-1]}: {status or type(exception).__name__}"
            self._log.answers[bad] = self._log.answers.get(bad, 0) + 1


class ByConnector:
    """The checkpoints of Amazon's connector for PyTorch, whose client is the CRT's."""

    name = CONNECTOR

    def __init__(self, job: Job) -> None:
        # torch takes seconds to load, and is not there everywhere
        connector = importlib.import_module(CONNECTOR)
        os.environ |= {"AWS_ACCESS_KEY_ID": job.access_key, "AWS_SECRET_ACCESS_KEY": job.secret_key}
        path_style = connector.S3ClientConfig(force_path_style=True)
        self._checkpoint = connector.S3Checkpoint(region=REGION, endpoint=job.endpoint, s3client_config=path_style)
        self._bucket = job.bucket
        self.failures: tuple[type[Exception], ...] = (connector.S3Exception, OSError)

    def save(self, key: str, size: int) -> None:
        file = Checkpoint(path_of(self._bucket, key), size)
        with self._checkpoint.writer(f"s3://{self._bucket}/{key}") as writer:
            while chunk := file.read(CHUNK):
                writer.write(chunk)

    def read(self, key: str) -> Iterator[bytes]:
        with self._checkpoint.reader(f"s3://{self._bucket}/{key}") as reader:
            while chunk := reader.read(CHUNK):
                yield chunk


def path_of(bucket: str, key: str) -> str:
    """The name under which the bytes of an object are known."""
    return f"/{bucket}/{key}"


def is_installed() -> bool:
    """Whether the connector is there."""
    return importlib.util.find_spec(CONNECTOR) is not None


def compare(store: Store, bucket: str, key: str, size: int) -> None:
    """Read a checkpoint back. Raises WrongBytes, and the store's failures."""
    at = 0
    for chunk in store.read(key):
        if not matches(path_of(bucket, key), at, chunk):
            raise WrongBytes(f"{key}: other bytes within {len(chunk)} from {at} on")
        at += len(chunk)
    if at != size:
        raise WrongBytes(f"{key}: {at} bytes of {size}")


class Writer:
    """One writer; `bucket` looks whether a checkpoint is there, and deletes, whatever its store is."""

    def __init__(self, job: Job, log: Log, store: Store, bucket: Bucket, number: int) -> None:
        self._job = job
        self._log = log
        self._store = store
        self._bucket = bucket
        self._rng = random.Random(1000 * job.seed + number)
        self.under_way: Save | None = None

    def go_on(self, is_over: threading.Event) -> None:
        """One checkpoint after the other until it `is_over`."""
        while not is_over.is_set():
            began = time.monotonic()
            (size,) = self._rng.choices(list(SIZES), list(SIZES.values()))
            self.once(size, began)
            is_over.wait(max(0.0, began + EVERY - time.monotonic()))

    def once(self, size: int, began: float) -> None:
        """Save one, read it back, forget it; what became of it is logged. `began` is on the clock of monotonic."""
        store = self._store
        key = f"{size}B-{self._rng.getrandbits(48):012x}"
        self.under_way = Save(store.name, began - self._log.began, math.nan, size, "not over in the end")
        failure = ""
        try:
            store.save(key, size)
        except store.failures as error:
            failure = complaint(error)
        seen = replace(self.under_way, took=time.monotonic() - began, failure=failure)
        seen = replace(seen, is_stored=self._bucket.holds(key, size)) if failure else self._read_back(key, seen)
        self.under_way = None
        self._log.saves.append(seen)
        if seen.failure or seen.reading:
            print(f"{store.name}, {key}: {seen.failure or seen.reading}", file=sys.stderr, flush=True)
        self._bucket.forget(key)

    def _read_back(self, key: str, seen: Save) -> Save:
        try:
            compare(self._store, self._job.bucket, key, seen.size)
        except WrongBytes as error:
            return replace(seen, is_wrong=True, reading=str(error))
        except self._store.failures as error:
            return replace(seen, reading=complaint(error))
        return seen


def complaint(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def stores(job: Job, log: Log) -> Sequence[Callable[[], Store]]:
    """What writers save by, in turn."""
    by_boto3, by_connector = partial(ByBoto3, job, log), partial(ByConnector, job)
    return [by_boto3, by_connector] if job.connector else [by_boto3]


def main() -> None:
    job, file = Job(**json.loads(sys.argv[1])), Path(sys.argv[2])
    log = Log()
    kinds = stores(job, log)
    writers = [
        Writer(job, log, kinds[number % len(kinds)](), ByBoto3(job, Log()), number) for number in range(job.writers)
    ]
    is_over = threading.Event()
    threads = [
        threading.Thread(target=writer.go_on, args=[is_over], name=f"writer {number}", daemon=True)
        for number, writer in enumerate(writers)
    ]
    log.began = time.monotonic()
    for thread in threads:
        thread.start()
    print("ready", flush=True)
    sys.stdin.read()
    is_over.set()
    end = time.monotonic() + job.end_seconds
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    ended = time.monotonic() - log.began
    for writer in writers:
        if (stuck := writer.under_way) is not None:
            log.saves.append(replace(stuck, took=ended - stuck.started))
    file.write_text(log.to_json())
    print(json.dumps({"saves": len(log.saves)}), flush=True)
    os._exit(0)  # the pool of an upload that hangs would be waited for


if __name__ == "__main__":
    main()
