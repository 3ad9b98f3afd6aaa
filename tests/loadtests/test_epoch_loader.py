"""The training job, with data sets in memory; `tests/wire/test_epoch.py` has real ones."""

from collections import Counter

import pytest

from loadtests.epoch_job import BUCKET, LOADERS, SAMPLE_SIZE, Batch, Job, key_of
from tests.support.objects import content

epoch_loader = pytest.importorskip("loadtests.epoch_loader", reason="the extra `torch` is not installed")

JOB = Job("boto3", samples=10, batch=4, step=0.0, workers=0)


def body(number: int) -> bytes:
    return content(f"/{BUCKET}/{key_of(number)}", 0, SAMPLE_SIZE)


class Samples:
    """A data set whose first reads of some samples fail; `bodies` are those that differ from what the storage has."""

    def __init__(self, failures: Counter[int] | None = None, bodies: dict[int, bytes] | None = None) -> None:
        self.failures = failures or Counter()
        self.bodies = bodies or {}

    def __len__(self) -> int:
        return JOB.samples

    def __getitem__(self, index: int) -> object:
        if self.failures[index] > 0:
            self.failures[index] -= 1
            raise ConnectionResetError(f"sample {index}")
        return epoch_loader.sample(key_of(index), self.bodies.get(index) or body(index))


def batches(dataset: object, job: Job = JOB) -> list[Batch]:
    told: list[Batch] = []
    epoch_loader.run(job, dataset, told.append)
    return told


def test_an_epoch_has_each_sample_once_in_an_order_that_follows_from_the_seed() -> None:
    first, again, other = (batches(Samples(), Job("boto3", 10, 4, 0.0, workers=0, seed=seed)) for seed in (1, 1, 2))
    assert [len(batch.numbers) for batch in first] == [4, 4, 2]
    orders = [[number for batch in epoch for number in batch.numbers] for epoch in (first, again, other)]
    assert sorted(orders[0]) == list(range(10))
    assert orders[0] == orders[1] != orders[2]
    assert sum(batch.wrong for batch in first) == 0


def test_a_byte_that_differs_makes_its_sample_wrong() -> None:
    altered = bytearray(body(3))
    altered[-1] ^= 1
    assert sum(batch.wrong for batch in batches(Samples(bodies={3: bytes(altered)}))) == 1


def test_an_object_of_another_sample_is_wrong_under_its_own_key() -> None:
    assert sum(batch.wrong for batch in batches(Samples(bodies={3: body(4)}))) == 1


def test_an_object_that_was_cut_ends_the_epoch() -> None:
    with pytest.raises(ValueError, match="has 1000 bytes instead of 262144"):
        batches(Samples(bodies={3: body(3)[:1000]}))


def test_a_read_that_fails_ends_the_epoch() -> None:
    with pytest.raises(ConnectionResetError):
        batches(Samples(Counter({3: 1})))


def test_the_retry_loop_reads_again_so_often_and_not_once_more() -> None:
    patient = epoch_loader.TriedAgain(Samples(Counter({3: 2})), tries=3, pause=0.0)
    assert sum(len(batch.numbers) for batch in batches(patient)) == 10
    with pytest.raises(ConnectionResetError):
        batches(epoch_loader.TriedAgain(Samples(Counter({3: 3})), tries=3, pause=0.0))


def test_every_reader_that_can_be_named_is_there() -> None:
    assert tuple(epoch_loader.LOADERS) == LOADERS
