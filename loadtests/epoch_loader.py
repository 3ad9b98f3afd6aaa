"""The training job: one epoch by torch's DataLoader, `python -m loadtests.epoch_loader PORT JOB FILE`.

JOB is a `Job` in JSON; samples are read from 127.0.0.1:PORT. Each batch is a line of FILE (`epoch_job.Batch`) as soon
as it came. Bytes are compared where the model would get them, behind the worker processes. A read that fails ends the
job with a traceback, as it ends a training run. The GPU is a pause.
"""

import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

import boto3
import s3fs
import torch
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from s3torchconnector import S3ClientConfig, S3Exception, S3MapDataset
from torch.utils.data import DataLoader

from loadtests.epoch_job import BUCKET, SAMPLE_SIZE, Batch, Job, key_of, number_of
from tests.support.objects import matches

REGION = "us-east-1"

RETRY_PAUSE = 1.0
"""Seconds before the job's own retry; what such loops usually have."""

READ_FAILURES = (S3Exception, BotoCoreError, ClientError, OSError)

Sample = tuple[int, torch.Tensor]
"""The number of a sample, and its bytes."""


class Dataset(Protocol):
    """What DataLoader asks of a data set with random access."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Sample: ...


def sample(key: str, body: bytes) -> Sample:
    """What the job makes of an object. Raises ValueError if it has another size than all others."""
    if len(body) != SAMPLE_SIZE:
        raise ValueError(f"{key} has {len(body)} bytes instead of {SAMPLE_SIZE}")
    return number_of(key), torch.frombuffer(bytearray(body), dtype=torch.uint8)


class Objects:
    """A data set as many write it themselves: an object for each index.

    `connect` makes a function that reads an object by its key; each worker process calls it for itself, since
    connections must not be shared across a fork.
    """

    def __init__(self, keys: Sequence[str], connect: Callable[[], Callable[[str], bytes]]) -> None:
        self._keys = keys
        self._connect = connect
        self._read: Callable[[str], bytes] | None = None

    def __len__(self) -> int:
        return len(self._keys)

    def __getitem__(self, index: int) -> Sample:
        if self._read is None:
            self._read = self._connect()
        key = self._keys[index]
        return sample(key, self._read(key))


class TriedAgain:
    """The loop that users write around `__getitem__` once a read has cost them an epoch."""

    def __init__(self, dataset: Dataset, tries: int, pause: float = RETRY_PAUSE) -> None:
        self._dataset = dataset
        self._tries = tries
        self._pause = pause

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitem__(self, index: int) -> Sample:
        for _ in range(self._tries - 1):
            try:
                return self._dataset[index]
            except READ_FAILURES as error:
                print(f"sample {index} is tried again: {error}", file=sys.stderr, flush=True)
                time.sleep(self._pause)
        return self._dataset[index]


def by_s3torchconnector(endpoint: str, keys: Sequence[str]) -> Dataset:
    """Amazon's own data set, on its native client; only what it must be told is set."""
    dataset: Dataset = S3MapDataset.from_objects(
        [f"s3://{BUCKET}/{key}" for key in keys],
        region=REGION,
        endpoint=endpoint,
        transform=_sample_of_reader,
        s3client_config=S3ClientConfig(force_path_style=True),
    )
    return dataset


def _sample_of_reader(reader: Any) -> Sample:
    return sample(reader.key, reader.read())


def by_boto3(endpoint: str, keys: Sequence[str]) -> Dataset:
    """`get_object()["Body"].read()` with boto3's defaults."""

    def connect() -> Callable[[str], bytes]:
        client = boto3.session.Session().client(
            "s3", endpoint_url=endpoint, region_name=REGION, config=Config(s3={"addressing_style": "path"})
        )

        def read(key: str) -> bytes:
            body: bytes = client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
            return body

        return read

    return Objects(keys, connect)


def by_s3fs(endpoint: str, keys: Sequence[str]) -> Dataset:
    """fsspec's S3 file system with its defaults, as Hugging Face data sets and pandas use it."""

    def connect() -> Callable[[str], bytes]:
        files = s3fs.S3FileSystem(endpoint_url=endpoint, client_kwargs={"region_name": REGION})

        def read(key: str) -> bytes:
            body: bytes = files.cat_file(f"{BUCKET}/{key}")
            return body

        return read

    return Objects(keys, connect)


LOADERS: dict[str, Callable[[str, Sequence[str]], Dataset]] = {
    "s3torchconnector": by_s3torchconnector,
    "boto3": by_boto3,
    "s3fs": by_s3fs,
}
"""By the names in `epoch_job.LOADERS`."""


def run(job: Job, dataset: Dataset, told: Callable[[Batch], object]) -> None:
    """Read the data set once, and tell of each batch when it came. Raises what a read raised, as DataLoader does."""
    samples: Any = dataset  # torch's types ask for a subclass, its code for two methods
    order = torch.Generator().manual_seed(job.seed)
    batches: Iterable[Any] = DataLoader(
        samples, batch_size=job.batch, shuffle=True, num_workers=job.workers, generator=order
    )
    asked = time.monotonic()
    for numbers, bodies in batches:
        at = time.monotonic()
        told(batch_of(at, at - asked, numbers.tolist(), bodies))
        time.sleep(max(0.0, at + job.step - time.monotonic()))
        asked = time.monotonic()


def batch_of(at: float, wait: float, numbers: Sequence[int], bodies: torch.Tensor) -> Batch:
    """Compare every byte of the rows of `bodies`, one for each of `numbers`."""
    wrong = sum(
        not matches(f"/{BUCKET}/{key_of(number)}", 0, memoryview(body.numpy()))
        for number, body in zip(numbers, bodies, strict=True)
    )
    return Batch(at, wait, numbers, wrong)


def main(argv: Sequence[str]) -> int:
    port, job, file = int(argv[0]), Job.from_json(argv[1]), Path(argv[2])
    # Nodes do not check signatures; the clients sign as usual.
    os.environ |= {"AWS_ACCESS_KEY_ID": "training", "AWS_SECRET_ACCESS_KEY": "training-secret"}
    dataset = LOADERS[job.loader](f"http://127.0.0.1:{port}", [key_of(number) for number in range(job.samples)])
    if job.tries > 1:
        dataset = TriedAgain(dataset, job.tries)
    with file.open("w") as output:
        run(job, dataset, lambda batch: print(batch.to_json(), file=output, flush=True))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
