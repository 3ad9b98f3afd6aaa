"""A training job that reads each sample of a data set once: what it does, and what became of each of its batches.

The job itself is `epoch_loader`; this part needs no torch.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Self

from loadtests.nodes import KIB

BUCKET = "datasets"
SAMPLE_SIZE = 256 * KIB
"""Bytes. All samples are alike, so that torch stacks a batch without further code, as it does with crops of images."""

LOADERS = ("s3torchconnector", "boto3", "s3fs")
"""By which samples can be read: Amazon's connector for PyTorch, boto3 in a data set of one's own, fsspec."""


def key_of(number: int) -> str:
    """The key of sample `number`; the nodes know size and bytes by it (`tests.support.objects`)."""
    return f"epoch/{SAMPLE_SIZE}B-{number}"


def number_of(key: str) -> int:
    """The sample that has this key."""
    return int(key.rpartition("-")[2])


@dataclass(frozen=True)
class Job:
    """One epoch: `samples` in an order drawn by `seed`, read by `workers` processes, `batch` at a time.

    `step` are the seconds that a batch is worked on, as a GPU would. `loader` names how a sample is read. A read that
    fails is tried `tries` times in all by the job itself, beyond what its S3 client does.
    """

    loader: str
    samples: int
    batch: int = 16
    step: float = 0.125
    workers: int = 4
    tries: int = 1
    seed: int = 6

    @property
    def batches(self) -> int:
        """How many batches an epoch has; the last may be smaller."""
        return -(-self.samples // self.batch)

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        return cls(**json.loads(text))


@dataclass(frozen=True)
class Batch:
    """A batch that came: when, on the clock of `time.monotonic`, after how many seconds of waiting, and with what.

    `numbers` are its samples; `wrong` of them had bytes that they do not have in the storage.
    """

    at: float
    wait: float
    numbers: Sequence[int]
    wrong: int

    def to_json(self) -> str:
        return json.dumps(asdict(self))


def load(file: Path) -> list[Batch]:
    """The batches that the job has written to `file`, one a line; a line that is not whole is left out."""
    if not file.exists():
        return []
    lines = file.read_text().split("\n")[:-1]
    return [Batch(**json.loads(line)) for line in lines]


@dataclass(frozen=True)
class Epoch:
    """What became of `job`. `death` is why it ended before its last batch, empty if it did not."""

    job: Job
    batches: Sequence[Batch]
    death: str = ""

    @property
    def lost(self) -> int:
        """Samples that no batch had."""
        return self.job.samples - len(self._seen())

    @property
    def repeated(self) -> int:
        """Samples that came again, each time counted."""
        return sum(count - 1 for count in self._seen().values())

    @property
    def wrong(self) -> int:
        return sum(batch.wrong for batch in self.batches)

    @property
    def seconds(self) -> float:
        """From the first batch to the last: starting the workers is not the storage's affair."""
        return self.batches[-1].at - self.batches[0].at if self.batches else 0.0

    @property
    def batches_per_second(self) -> float:
        return (len(self.batches) - 1) / self.seconds if self.seconds else float("nan")

    @property
    def longest_wait(self) -> float:
        """Seconds; the first batch, for which all workers start, does not count."""
        return max((batch.wait for batch in self.batches[1:]), default=float("nan"))

    @property
    def stall(self) -> float:
        """Seconds that batches were waited for beyond the median wait, all together."""
        return sum(seconds for _, seconds in self.stalls())

    def stalls(self) -> Iterator[tuple[float, float]]:
        """For each batch but the first: when it came, in seconds since the first, and the wait beyond the median."""
        later = self.batches[1:]
        usual = median(batch.wait for batch in later) if later else 0.0
        for batch in later:
            yield batch.at - self.batches[0].at, max(0.0, batch.wait - usual)

    def _seen(self) -> Counter[int]:
        return Counter(number for batch in self.batches for number in batch.numbers)
