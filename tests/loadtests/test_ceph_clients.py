import io
import random
from typing import Any

import pytest

from loadtests.ceph_clients import Clients, WrongBytes, path_of, read
from tests.support.objects import content, size_of


class Bucket:
    """What boto3's client does in reading, with bytes `damaged` on their way."""

    def __init__(self, damaged: bytes = b"", cut: int = 0) -> None:
        self.damaged, self.cut = damaged, cut
        self.ranges: list[str | None] = []

    def get_object(self, Bucket: str, Key: str, Range: str | None = None) -> dict[str, Any]:  # noqa: N803
        self.ranges.append(Range)
        size = size_of(path_of(Key))
        first, last = map(int, Range.removeprefix("bytes=").split("-")) if Range else (0, size - 1)
        body = content(path_of(Key), first, last - first + 1)
        body = self.damaged + body[len(self.damaged) :]
        return {"Body": io.BytesIO(body[: len(body) - self.cut])}


def test_objects_are_read_whole_and_by_range_and_true_ones_pass() -> None:
    bucket, rng = Bucket(), random.Random(1)
    for _ in range(20):
        read(bucket, rng)
    assert None in bucket.ranges
    assert any(bucket.ranges)


@pytest.mark.parametrize("bucket", [Bucket(damaged=b"\0\0\0\0\0\0\0\0"), Bucket(cut=1)])
def test_damaged_and_short_objects_are_wrong(bucket: Bucket) -> None:
    with pytest.raises(WrongBytes):
        read(bucket, random.Random(1))


def test_a_failure_is_counted_with_its_kind_and_told(capsys: pytest.CaptureFixture[str]) -> None:
    clients = Clients(port=9, seed=1)
    outcomes = iter([None, WrongBytes("key"), None, ConnectionError("gone")])

    def once(client: Any, rng: random.Random) -> None:
        outcome = next(outcomes)
        if isinstance(outcome, ConnectionError):
            clients.is_over.set()
        if outcome is not None:
            raise outcome

    clients.go_on("reads", 1, once)
    assert clients.counts == {"reads": 4, "failed reads": 2}
    assert capsys.readouterr().err == "reads: WrongBytes: key\nreads: ConnectionError: gone\n"
