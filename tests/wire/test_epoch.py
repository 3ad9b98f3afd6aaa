"""Epochs of a few samples by each reader, as `python -m loadtests.epoch` runs them: real nodes, s3edge, processes."""

import os
from pathlib import Path

import pytest

from loadtests.epoch import NONE, in_short, run
from loadtests.epoch_job import LOADERS, Job
from loadtests.rivals import SUBJECT

pytestmark = pytest.mark.wire
pytest.importorskip("loadtests.epoch_loader", reason="the extra `torch` is not installed")


@pytest.mark.timeout(120)  # importing torch takes seconds in each of the job's processes
@pytest.mark.parametrize("loader", LOADERS)
def test_a_reader_brings_every_sample_once_and_leaves_no_process(loader: str) -> None:
    before = _children()
    one = run(SUBJECT, NONE, Job(loader, samples=24, batch=4, step=0.01, workers=2))
    assert (one.epoch.death, one.epoch.lost, one.epoch.repeated, one.epoch.wrong) == ("", 0, 0, 0), in_short(one.epoch)
    assert _children() == before


def _children() -> str:
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text()
