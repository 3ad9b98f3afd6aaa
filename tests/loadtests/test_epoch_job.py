import math
from pathlib import Path

from loadtests.epoch_job import BUCKET, SAMPLE_SIZE, Batch, Epoch, Job, key_of, load, number_of
from tests.support.objects import size_of

JOB = Job("boto3", samples=6, batch=2)


def batch(at: float, wait: float, *numbers: int, wrong: int = 0) -> Batch:
    return Batch(at, wait, numbers, wrong)


def test_the_nodes_know_the_size_of_a_sample_by_its_key() -> None:
    assert size_of(f"/{BUCKET}/{key_of(17)}") == SAMPLE_SIZE
    assert number_of(key_of(17)) == 17


def test_a_job_passes_a_command_line_unaltered() -> None:
    job = Job("s3fs", samples=100, batch=8, step=0.5, workers=2, tries=3, seed=9)
    assert Job.from_json(job.to_json()) == job


def test_the_last_batch_may_be_smaller() -> None:
    assert [Job("boto3", samples, batch=4).batches for samples in (8, 9, 12)] == [2, 3, 3]


def test_a_line_that_is_not_whole_yet_is_no_batch(tmp_path: Path) -> None:
    file = tmp_path / "batches.jsonl"
    assert load(file) == []
    one = Batch(1.5, 0.25, [3, 1], 0)
    file.write_text(f"{one.to_json()}\n{one.to_json()[:20]}")
    assert load(file) == [one]


def test_a_whole_epoch_has_every_sample_once() -> None:
    epoch = Epoch(JOB, [batch(10.0, 3.0, 4, 1), batch(10.5, 0.1, 0, 2), batch(11.0, 0.1, 5, 3)])
    assert (epoch.lost, epoch.repeated, epoch.wrong) == (0, 0, 0)
    assert (epoch.seconds, epoch.batches_per_second) == (1.0, 2.0)


def test_what_is_lost_repeated_or_wrong_is_counted_by_the_sample() -> None:
    epoch = Epoch(JOB, [batch(10.0, 3.0, 4, 4), batch(10.5, 0.1, 4, 2, wrong=1), batch(11.0, 0.1, 5, 3, wrong=1)])
    assert (epoch.lost, epoch.repeated, epoch.wrong) == (2, 2, 2)


def test_a_stall_is_what_is_waited_beyond_the_median_and_the_start_of_the_workers_is_none() -> None:
    waits = [9.0, 0.25, 0.25, 0.5, 2.25]
    epoch = Epoch(JOB, [batch(10.0 + number, wait, number) for number, wait in enumerate(waits)])
    assert list(epoch.stalls()) == [(1.0, 0.0), (2.0, 0.0), (3.0, 0.125), (4.0, 1.875)]
    assert (epoch.stall, epoch.longest_wait) == (2.0, 2.25)


def test_an_epoch_of_one_batch_has_no_pace() -> None:
    epoch = Epoch(JOB, [batch(10.0, 3.0, 4, 1)])
    assert math.isnan(epoch.batches_per_second)
    assert math.isnan(epoch.longest_wait)
    assert (epoch.stall, epoch.lost) == (0.0, 4)
