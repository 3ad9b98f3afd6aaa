"""Checkpoints as files, how they are compared, and what becomes of one, by a store in memory."""

import io
import os
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.checkpoint_writers import Checkpoint, Job, Log, Save, Writer, WrongBytes, compare, path_of
from tests.support.objects import content

PATH = "/checkpoints/3000B-1"
JOB = Job("http://127.0.0.1:9", "checkpoints", "key", "secret", end_seconds=1.0)


class Memory:
    """A store of one body, with `damage` done to it from byte `at` on, `cut` bytes short; saving may end in `error`."""

    name = "memory"
    failures: tuple[type[Exception], ...] = (ConnectionError,)

    def __init__(
        self,
        damage: bytes = b"",
        at: int = 0,
        cut: int = 0,
        error: Exception | None = None,
        breaks_off: bool = False,
    ) -> None:
        self.damage, self.at, self.cut, self.error, self.breaks_off = damage, at, cut, error, breaks_off
        self.body = b""

    def save(self, key: str, size: int) -> None:
        if self.error is not None:
            raise self.error
        body = content(path_of(JOB.bucket, key), 0, size)
        self.body = body[: self.at] + self.damage + body[self.at + len(self.damage) : size - self.cut]

    def read(self, key: str) -> Iterator[bytes]:
        stream = io.BytesIO(self.body)
        while chunk := stream.read(700):
            yield chunk
            if self.breaks_off:
                raise ConnectionError("broke off")


@given(st.lists(st.tuples(st.integers(0, 3500), st.integers(-1, 3500)), max_size=5))
def test_a_checkpoint_is_read_from_any_place_as_a_file_in_memory_is(steps: list[tuple[int, int]]) -> None:
    ours, theirs = Checkpoint(PATH, 3000), io.BytesIO(content(PATH, 0, 3000))
    for at, size in steps:
        assert ours.seek(at) == theirs.seek(at)
        assert ours.read(size) == theirs.read(size)
    assert ours.seek(0, os.SEEK_END) == 3000
    assert ours.seek(-10, os.SEEK_CUR) == 2990


def test_what_was_saved_whole_passes_and_anything_else_is_wrong() -> None:
    for store, is_right in ((Memory(), True), (Memory(b"\0" * 8, 2000), False), (Memory(cut=1), False)):
        store.save("3000B-1", 3000)
        if is_right:
            compare(store, JOB.bucket, "3000B-1", 3000)
        else:
            with pytest.raises(WrongBytes):
                compare(store, JOB.bucket, "3000B-1", 3000)


def test_a_log_survives_its_way_through_json() -> None:
    log = Log(saves=[Save("boto3", 1.0, 2.0, 64, reading="cut")], calls=5, tries=7, answers={"UploadPart: 502": 2})
    assert Log.from_json(log.to_json()) == log
    assert log.retries == 2


class Whole:
    """A bucket that is said to hold everything; `forgotten` are the keys that were deleted."""

    def __init__(self) -> None:
        self.forgotten: list[str] = []

    def holds(self, key: str, size: int) -> bool:
        return True

    def forget(self, key: str) -> None:
        self.forgotten.append(key)


def written(store: Memory) -> Save:
    """What is logged of one checkpoint of 3,000 bytes, which is forgotten in any case."""
    log, bucket = Log(began=5.0), Whole()
    writer = Writer(JOB, log, store, bucket, 0)
    writer.once(3000, began=7.0)
    assert writer.under_way is None
    (key,) = bucket.forgotten
    assert key.startswith("3000B-")
    (seen,) = log.saves
    assert (seen.client, seen.started, seen.size) == ("memory", 2.0, 3000)
    return seen


def test_a_checkpoint_that_is_read_back_as_it_was_saved_went_well() -> None:
    seen = written(Memory())
    assert (seen.failure, seen.reading, seen.is_wrong, seen.is_stored) == ("", "", False, False)


def test_one_that_is_there_though_its_writer_was_told_that_it_failed_is_known() -> None:
    seen = written(Memory(error=ConnectionError("gone")))
    assert (seen.failure, seen.reading, seen.is_stored) == ("ConnectionError: gone", "", True)


def test_wrong_bytes_are_told_apart_from_a_body_that_breaks_off() -> None:
    assert written(Memory(b"\0" * 8)).is_wrong
    seen = written(Memory(breaks_off=True))
    assert (seen.failure, seen.reading, seen.is_wrong) == ("", "ConnectionError: broke off", False)
