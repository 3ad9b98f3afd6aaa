import asyncio
import math
import random
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Self

import pytest
from botocore.exceptions import ClientError

from loadtests.cluster.keys import new_keys
from loadtests.nodes import MIB
from loadtests.traffic import (
    DATASETS,
    FAILURES,
    JOBS,
    LARGE,
    PART,
    SMALL,
    Tally,
    WrongBytes,
    fill,
    get,
    keys_of,
    main,
    quantile,
    read_large,
    read_small,
    repeat,
    write_checkpoint,
)
from tests.support.objects import content, size_of
from tests.support.virtual_time import run


class Body:
    """A streamed answer."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return

    async def read(self) -> bytes:
        return self._data


class Bucket:
    """A client of a storage that holds what was put, and damages what `damage` says."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.puts: list[str] = []
        self.parts: list[bytes] = []
        self.damage: Callable[[bytes], bytes] = bytes

    async def get_object(self, Bucket: str, Key: str, Range: str) -> dict[str, Any]:  # noqa: N803  # boto's names
        first, last = map(int, Range.removeprefix("bytes=").split("-"))
        return {"Body": Body(self.damage(self.objects[f"/{Bucket}/{Key}"][first : last + 1]))}

    async def put_object(self, Bucket: str, Key: str, Body: bytes) -> None:  # noqa: N803
        self.puts.append(Key)
        self.objects[f"/{Bucket}/{Key}"] = Body

    async def list_objects_v2(self, Bucket: str) -> dict[str, Any]:  # noqa: N803
        prefix = f"/{Bucket}/"
        return {
            "Contents": [{"Key": path.removeprefix(prefix), "Size": len(data)} for path, data in self.objects.items()]
        }

    async def create_multipart_upload(self, **where: str) -> dict[str, str]:
        self.parts.clear()
        return {"UploadId": "1"}

    async def upload_part(self, Body: bytes, PartNumber: int, **where: str) -> dict[str, str]:  # noqa: N803
        assert PartNumber == len(self.parts) + 1
        self.parts.append(Body)
        return {"ETag": f'"{PartNumber}"'}

    async def complete_multipart_upload(self, Bucket: str, Key: str, **rest: Any) -> None:  # noqa: N803
        assert [part["PartNumber"] for part in rest["MultipartUpload"]["Parts"]] == [1, 2, 3]
        self.objects[f"/{Bucket}/{Key}"] = b"".join(self.parts)

    async def delete_object(self, Bucket: str, Key: str) -> None:  # noqa: N803
        del self.objects[f"/{Bucket}/{Key}"]


@pytest.fixture
def bucket() -> Bucket:
    each = Bucket()
    for key in (SMALL[0], LARGE[0]):
        each.objects[f"/{DATASETS}/{key}"] = content(f"/{DATASETS}/{key}", 0, size_of(f"/{key}"))
    return each


def test_filling_puts_what_is_missing_or_has_another_size(bucket: Bucket) -> None:
    bucket.objects[f"/{DATASETS}/{SMALL[1]}"] = b"too short"
    run(fill(bucket))
    assert set(bucket.puts) == {*SMALL, *LARGE} - {SMALL[0], LARGE[0]}
    bucket.puts.clear()
    run(fill(bucket))
    assert bucket.puts == []


@pytest.mark.parametrize(
    "damage",
    [lambda data: data[:-1], lambda data: b"\0" + data[1:], lambda data: data + b"x"],
    ids=["missing", "other", "additional"],
)
def test_a_missing_another_or_an_additional_byte_is_seen(bucket: Bucket, damage: Callable[[bytes], bytes]) -> None:
    bucket.damage = damage
    with pytest.raises(WrongBytes, match=SMALL[0]):
        run(get(bucket, DATASETS, SMALL[0], 0, size_of(f"/{SMALL[0]}"), Tally("rag")))


def test_readers_read_objects_whole_and_parts_of_large_ones(bucket: Bucket) -> None:
    run(fill(bucket))
    small, large = Tally("rag"), Tally("training")

    async def read() -> None:
        for seed in range(20):
            await read_small(bucket, random.Random(seed), small)
            await read_large(bucket, random.Random(seed), large)

    run(read())
    assert small.received > 0
    assert large.received % MIB == 0


def test_a_checkpoint_goes_in_parts_is_read_back_and_forgotten(bucket: Bucket) -> None:
    tally, before = Tally("training"), set(bucket.objects)
    run(write_checkpoint(bucket, random.Random(1), tally))
    assert (tally.sent, tally.received) == (3 * PART, 3 * PART)
    assert set(bucket.objects) == before


def test_failures_are_counted_by_name_and_do_not_end_the_work(capsys: pytest.CaptureFixture[str]) -> None:
    ended, tally = asyncio.Event(), Tally("rag")
    outcomes = iter(
        [
            ClientError({"Error": {"Code": "SlowDown"}}, "GetObject"),
            WrongBytes("datasets/k from 0: 1 bytes of 2"),
            ConnectionResetError("gone"),
            None,
        ]
    )

    async def once(client: Any, rng: random.Random, tally: Tally) -> None:
        outcome = next(outcomes)
        if outcome is not None:
            raise outcome
        ended.set()

    async def main() -> None:
        await repeat(once, None, random.Random(1), tally, ended)

    run(main())
    assert tally.failures == Counter({"SlowDown": 1, "WrongBytes": 1, "ConnectionResetError": 1})
    assert tally.done == 1
    assert capsys.readouterr().err.count("rag: once: ") == 3


def test_a_line_tells_the_last_seconds_and_all_failures() -> None:
    tally = Tally("rag", received=10 * MIB, times=[0.2, 0.1], failures=Counter(SlowDown=3))
    line = " ".join(tally.line(2.0).split())
    assert line == (
        "rag 1.0 requests/s, 5.0 MiB/s read, 0.0 written, p50 200 ms, p99 200 ms, failed so far: 3 x SlowDown"
    )
    assert "0.0 requests/s" in tally.line(2.0)
    assert "3 x SlowDown" in tally.line(2.0)


def test_quantiles_are_those_of_the_nearest_rank() -> None:
    assert [quantile([1, 2, 3, 4], share) for share in (0.0, 0.5, 0.99, 1.0)] == [1, 3, 4, 4]
    assert math.isnan(quantile([], 0.5))


def test_each_tenant_signs_with_its_own_key() -> None:
    keys = new_keys()
    assert keys_of(keys.environment()) == {"rag": keys.rag, "training": keys.training}
    assert {job.tenant for job in JOBS} == {"rag", "training"}


@pytest.fixture
def sigterm() -> Iterator[None]:
    """As a test finds it, since `main` takes it."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.usefixtures("sigterm")
def test_without_keys_it_says_which_is_missing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("RAG_ACCESS_KEY", "RAG_SECRET_KEY"):
        monkeypatch.delenv(name, raising=False)
    assert main([]) == 2
    assert "RAG_ACCESS_KEY is not set" in capsys.readouterr().err


def test_all_that_a_client_may_raise_is_a_failure() -> None:
    assert issubclass(ClientError, FAILURES)
    assert issubclass(TimeoutError, FAILURES)
