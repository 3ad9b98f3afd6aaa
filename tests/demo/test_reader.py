"""The reader notices what it is there to notice."""

import asyncio
import random
from collections.abc import Callable

import pytest

from s3edge.demo.nodes import Nodes
from s3edge.demo.reader import Reader, Tally
from s3edge.demo.samples import Sample, make_samples, write_samples

pytestmark = pytest.mark.wire


def read_until(url: str, sample: Sample, is_enough: Callable[[Tally], bool]) -> Tally:
    """Let a reader read `sample` until its tally is as wanted, for 10 seconds at most."""

    async def read() -> Tally:
        with Reader(url, [sample], random.Random(0)) as reader:
            reading = asyncio.create_task(reader.run(), name="reader")
            async with asyncio.timeout(10):
                while not is_enough(reader.tally):  # noqa: ASYNC110  # a tally is looked at, it tells nobody
                    await asyncio.sleep(0.01)
            reading.cancel()
            await asyncio.wait((reading,))
            return reader.tally

    return asyncio.run(read())


def test_objects_and_bytes_are_counted(nodes: Nodes) -> None:
    sample = Sample("right", b"content")
    write_samples(nodes.urls[0], [sample])
    tally = read_until(nodes.urls[1], sample, lambda tally: tally.objects >= 5)
    assert tally.octets == 7 * tally.objects
    assert (tally.errors, tally.wrong) == (0, 0)


def test_wrong_bytes_are_counted(nodes: Nodes) -> None:
    write_samples(nodes.urls[0], [Sample("wrong", b"content")])
    tally = read_until(nodes.urls[0], Sample("wrong", b"c0ntent"), lambda tally: tally.wrong >= 3)
    assert tally.wrong == tally.objects


def test_errors_are_counted_and_the_last_is_kept(nodes: Nodes) -> None:
    write_samples(nodes.urls[0], [])
    tally = read_until(nodes.urls[0], Sample("absent", b""), lambda tally: tally.errors >= 3)
    assert tally.objects == 0
    assert "NoSuchKey" in tally.last_error


def test_samples_are_a_few_dozen_from_4_kib_to_64_mib_and_the_same_each_time() -> None:
    samples = make_samples()
    sizes = [len(sample.content) for sample in samples]
    assert 24 <= len(samples) <= 60
    assert (min(sizes), max(sizes)) == (4 << 10, 64 << 20)
    assert len({sample.key for sample in samples}) == len(samples)
    assert samples == make_samples()
