"""An epoch of a PyTorch training job while nodes fail: `python -m loadtests.epoch`.

torch's DataLoader reads each sample of a data set once, in random order, by four worker processes; a step of the model
is a pause. The nodes can bring twice what it takes, so that an epoch without faults runs at the pace of the GPU. Every
5 s a node is killed, or frozen, and is back 2.5 s later. Each proxy has all its epochs in a row.

A read that fails ends a training job. An epoch that died is run once more with the loop that users then write around
`__getitem__`: up to four further tries, each after 1 s.
"""

import argparse
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import accumulate
from textwrap import shorten
from typing import Any

from loadtests import question
from loadtests.child import Child, running
from loadtests.epoch_job import LOADERS, Epoch, Job, load
from loadtests.faults import Action, Mark, Mortal, freezes, kills
from loadtests.findings import Finding
from loadtests.misbehaving import ROOT, misbehaving_nodes
from loadtests.needs import require_packages
from loadtests.nodes import KIB, scratch
from loadtests.question import Panel, Report
from loadtests.rivals import FAILOVER_PROXIES, SIDEKICK, SUBJECT, there
from loadtests.scenario import CountedNode
from tests.support.faults import AnswersLate, Trickles

QUESTION = "An epoch of a PyTorch data loader while nodes fail"

NODE_COUNT = 4
PACE = (AnswersLate(0.005), Trickles(64 * KIB, 0.003))
"""A node sends a sample of 256 KiB in 14 ms: four workers bring 280 a second, the GPU takes 128."""

FAULT_SECONDS = 5.0
"""From one fault to the next; a node is away for half of it."""

SEED = 3
"""Every proxy loses the same nodes at the same times."""

NONE = "none"
FAULTS: Mapping[str, Callable[[Sequence[Mortal], float, random.Random, float], Sequence[Action]]] = {
    "killed": kills,
    "frozen": freezes,
}
"""What befalls nodes, by the names that `--faults` takes; NONE is the epoch that the others are measured against."""

PROXIES = (SUBJECT, "haproxy", "nginx", SIDEKICK)
"""Those that are compared unless told, as far as they are there."""

READERS = ("s3torchconnector", "boto3")
"""Those that are compared unless told. s3fs costs twice the processor time, and does as boto3 does."""

TRIES = 5
"""Of the loop that users write."""

READY_SECONDS = 60.0
"""How long a job may take to its first batch: importing torch alone takes 3 s of a core."""

PATIENCE = 4.0
LEAST_PATIENCE = 60.0
"""Times the GPU's own time, and seconds at least, after which a job is ended that is not over."""

THROUGHPUT_LIMIT = 10.0
LEAST_SECONDS = 30.0
"""Percent of an epoch's throughput that faults may cost, and how long an epoch must be to tell: it has six faults."""

DEATH_WIDTH = 120
"""Characters of a death's reason in the table; the raw figures have it whole."""

POINT_SECONDS = 1.0
"""What one point of a chart stands for: eight batches."""

COLUMNS = (
    "reader",
    "through",
    "faults",
    "batches",
    "of",
    "batches/s",
    "% of without faults",
    "stall s",
    "longest wait s",
    "lost",
    "repeated",
    "wrong",
    "died of",
)
"""A stall is what batches were waited for beyond the median wait. Lost samples of an epoch that died are all that were
still to come."""


@dataclass(frozen=True)
class Run:
    """One epoch through one proxy, and what was done to the nodes meanwhile, in seconds since the first batch."""

    proxy: str
    fault: str
    epoch: Epoch
    marks: Sequence[Mark] = ()

    @property
    def has_retry_loop(self) -> bool:
        return self.epoch.job.tries > 1


def run(proxy: str, fault: str, job: Job) -> Run:
    """One epoch with nodes of its own. Raises ChildError and OSError."""
    with ExitStack() as stack:
        folder = stack.enter_context(scratch())
        storage = [CountedNode(node) for node in stack.enter_context(misbehaving_nodes(NODE_COUNT, folder))]
        for node in storage:
            node.misbehave(*PACE)
        port = stack.enter_context(FAILOVER_PROXIES[proxy](storage, folder, None)).port
        file = folder / "batches.jsonl"
        argv = [sys.executable, "-m", "loadtests.epoch_loader", str(port), job.to_json(), str(file)]
        environment = {"PYTHONPATH": str(ROOT)}
        child = stack.enter_context(
            running("job", argv, folder, lambda: bool(load(file)), READY_SECONDS, environment=environment)
        )
        began = load(file)[0].at
        most = max(LEAST_PATIENCE, PATIENCE * job.batches * job.step)
        plan = FAULTS.get(fault)
        actions = plan(storage, most, random.Random(SEED), FAULT_SECONDS) if plan else ()
        marks = play_beside(actions, began, partial(has_ended, child))
        has_ended(child, max(0.0, began + most - time.monotonic()))
        batches = load(file)
        return Run(proxy, fault, Epoch(job, batches, "" if len(batches) == job.batches else death(child)), marks)


def play_beside(
    actions: Iterable[Action],
    began: float,
    has_ended: Callable[[float], bool],
    now: Callable[[], float] = time.monotonic,
) -> list[Mark]:
    """Do each action when it is due, until the job has ended; what was done, in seconds since `began`.

    `has_ended` waits for the end of the job, so many seconds at most, and says whether it came.
    """
    marks: list[Mark] = []
    for action in sorted(actions, key=lambda action: action.at):
        if has_ended(max(0.0, began + action.at - now())):
            break
        at = now() - began
        action.do()
        if action.text:
            marks.append(Mark(at, action.text))
    return marks


def has_ended(child: Child, seconds: float) -> bool:
    """Whether the process has ended by itself, or does within `seconds`."""
    try:
        child.process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def death(child: Child) -> str:
    """Why a job ended before its last batch: the last line of its traceback, if it has come to an end at all."""
    code = child.process.poll()
    if code is None:
        return "was not over in time"
    lines = child.log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else f"exit code {code}"


def epochs(loader: str, proxies: Sequence[str], faults: Sequence[str], samples: int) -> list[Run]:
    """Of each proxy: an epoch without faults, one with each fault, and another with a retry loop if that one died."""
    runs: list[Run] = []
    job = Job(loader, samples)

    def once(proxy: str, fault: str, job: Job) -> Run:
        print(f"{loader} through {proxy}, faults: {fault}, tries: {job.tries} ...", file=sys.stderr, flush=True)
        runs.append(run(proxy, fault, job))
        print(f"  {in_short(runs[-1].epoch)}", file=sys.stderr, flush=True)
        return runs[-1]

    for proxy in proxies:
        once(proxy, NONE, job)
        for fault in faults:
            if once(proxy, fault, job).epoch.death:
                once(proxy, fault, replace(job, tries=TRIES))
    return runs


def in_short(epoch: Epoch) -> str:
    end = f", died: {epoch.death}" if epoch.death else ""
    return (
        f"{len(epoch.batches)} of {epoch.job.batches} batches, {epoch.batches_per_second:.2f}/s, "
        f"stall {epoch.stall:.2f} s, longest wait {epoch.longest_wait:.2f} s{end}"
    )


def share(one: Run, runs: Sequence[Run]) -> float:
    """Percent of the throughput that the same proxy had in the epoch without faults; `nan` if one of them died."""
    without = next(other.epoch for other in runs if other.proxy == one.proxy and other.fault == NONE)
    if one.epoch.death or without.death:
        return float("nan")
    return 100 * one.epoch.batches_per_second / without.batches_per_second


def cells(one: Run, runs: Sequence[Run]) -> list[str]:
    """A line of the table, in the order of COLUMNS. `runs` are those of the same reader."""
    epoch = one.epoch
    return [
        epoch.job.loader,
        one.proxy,
        f"{one.fault}, retry loop" if one.has_retry_loop else one.fault,
        f"{len(epoch.batches):,}",
        f"{epoch.job.batches:,}",
        f"{epoch.batches_per_second:.2f}",
        f"{share(one, runs):.1f}",
        f"{epoch.stall:.2f}",
        f"{epoch.longest_wait:.2f}",
        f"{epoch.lost:,}",
        f"{epoch.repeated:,}",
        f"{epoch.wrong:,}",
        shorten(epoch.death, DEATH_WIDTH).replace("|", "\\|"),
    ]


def judge(runs: Sequence[Run]) -> list[Finding]:
    """What s3edge must show, without a retry loop; nothing is asked of others."""
    findings: list[Finding] = []
    for one in runs:
        if one.proxy == SUBJECT and one.fault != NONE and not one.has_retry_loop:
            of = f"{one.epoch.job.loader}, nodes {one.fault}"
            findings += [
                Finding(f"{of}: samples lost", one.epoch.lost, 0),
                Finding(f"{of}: samples repeated", one.epoch.repeated, 0),
                Finding(f"{of}: samples with wrong bytes", one.epoch.wrong, 0),
                Finding(
                    f"{of}: throughput that faults cost", 100 - share(one, runs), THROUGHPUT_LIMIT, "%", LEAST_SECONDS
                ),
            ]
    return findings


def panels(runs: Sequence[Run]) -> list[Panel]:
    """Batches and stall over time, a line for each proxy. `runs` are those with the same fault."""
    marks = max((one.marks for one in runs), key=len, default=())
    rates = {one.proxy: in_points((at, 1.0) for at, _ in one.epoch.stalls()) for one in runs}
    stalls = {one.proxy: list(accumulate(in_points(one.epoch.stalls()))) for one in runs}
    return [
        Panel("batches/s", POINT_SECONDS, rates, marks=marks),
        Panel("stall so far, s", POINT_SECONDS, stalls, marks=marks),
    ]


def in_points(values: Iterable[tuple[float, float]]) -> list[float]:
    """The sums of `values`, each at its second, in points of POINT_SECONDS."""
    sums: list[float] = []
    for at, value in values:
        point = int(at / POINT_SECONDS)
        sums += [0.0] * (point + 1 - len(sums))
        sums[point] += value
    return sums


def facts(one: Run) -> dict[str, Any]:
    """What is kept of a run beside the table: each batch as [seconds since the first, seconds of waiting]."""
    first = one.epoch.batches[0].at
    return {
        "proxy": one.proxy,
        "fault": one.fault,
        "job": asdict(one.epoch.job),
        "marks": [asdict(mark) for mark in one.marks],
        "batches": [[round(batch.at - first, 4), round(batch.wait, 4)] for batch in one.epoch.batches],
        "death": one.epoch.death,
    }


def answer(seconds: float, loaders: Sequence[str], faults: Sequence[str], proxies: Sequence[str]) -> Report:
    """All epochs of each reader. Raises ChildError and OSError."""
    lines: list[Sequence[str]] = []
    findings: list[Finding] = []
    charts: dict[str, Sequence[Panel]] = {}
    raw: dict[str, Any] = {}
    usual = Job("", 0)
    samples = max(2, round(seconds / usual.step)) * usual.batch
    for loader in loaders:
        runs = epochs(loader, proxies, faults, samples)
        lines += [cells(one, runs) for one in runs]
        findings += judge(runs)
        for fault in faults:
            drawn = [one for one in runs if one.fault == fault and not one.has_retry_loop]
            charts[f"An epoch by {loader}, a node {fault} every {FAULT_SECONDS:g} s"] = panels(drawn)
        raw[loader] = [facts(one) for one in runs]
    return Report(COLUMNS, lines, findings, charts, raw)


def main() -> int:
    """Answer the question; the exit code, as `run` says."""
    parser = argparse.ArgumentParser(prog="epoch", description=QUESTION)
    parser.add_argument("--seconds", type=float, default=40, help="about how long an epoch takes (default %(default)g)")
    parser.add_argument(
        "--proxies", nargs="+", choices=FAILOVER_PROXIES, metavar="PROXY", help=", ".join(FAILOVER_PROXIES)
    )
    parser.add_argument(
        "--readers", nargs="+", choices=LOADERS, default=READERS, metavar="READER", help=", ".join(LOADERS)
    )
    parser.add_argument(
        "--faults", nargs="+", choices=FAULTS, default=list(FAULTS), metavar="FAULT", help=", ".join(FAULTS)
    )

    def answered(told: argparse.Namespace) -> Report:
        require_packages("torch", "torch", "s3torchconnector")
        proxies = told.proxies or there(PROXIES)
        return answer(told.seconds, told.readers, told.faults, proxies).measured_for(told.seconds)

    return question.run(parser, answered, ["haproxy", "nginx"])


if __name__ == "__main__":
    sys.exit(main())
