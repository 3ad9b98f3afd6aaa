"""Checkpoints are saved while nodes are killed: `python -m loadtests.checkpoints [--kind ceph|minio]`.

Four writers save checkpoints of 64 to 256 MiB in parts, read them back and compare every byte, on a real cluster of
four nodes, of which one is killed every 5 s and back 2.5 s later; of MinIO it is always the first. See
`checkpoint_writers` for who they are. `direct` writes to the first node: what the SDK's own retries are worth.
"""

import argparse
import math
import random
import shutil
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Protocol

import boto3

from loadtests.ceph.lab import ACCESS_KEY, SECRET_KEY, missing_programs
from loadtests.ceph_failover import HEALTH_PATH, Gateway, running_lab
from loadtests.checkpoint_writers import REGION, Job, Log, Save, is_installed
from loadtests.cluster.keys import Key, new_keys
from loadtests.cluster.minio import INSTALL, LIVE_PATH, PROGRAM, minio_nodes
from loadtests.crowd import LEAVE_SECONDS, crowd
from loadtests.faults import Mark, Mortal, kills, play
from loadtests.findings import Finding
from loadtests.needs import Missing, install_hint
from loadtests.nodes import MIB, scratch
from loadtests.question import Panel, Report, run
from loadtests.records import percentile
from loadtests.rivals import FAILOVER_PROXIES, SIDEKICK, SUBJECT, Node, Paths, StartProxy, Variant, s3edge_with, there

KILL_SECONDS = 5.0
SEED = 3
NODE_COUNT = 4
DIRECT = "direct"
KEEPING = "s3edge-checkpoint"
PROXIES = (SUBJECT, "haproxy", "nginx", SIDEKICK)
WAYS: Mapping[str, StartProxy] = FAILOVER_PROXIES | {
    KEEPING: partial(s3edge_with, variant=Variant("checkpoint", "failover: {buffer: 8MiB}"))
}
"""`s3edge-checkpoint` keeps parts until they are stored, as policies/checkpoint-write.yaml says."""

SETTLE_SECONDS = 25.0
"""A checkpoint takes a few seconds, and boto3's five tries, with its pauses between them, some more."""

LOCKED_SECONDS = 150.0
"""MinIO looks each minute for locks that nobody has confirmed for a minute (cmd/lock-rest-server.go). A node that dies
with a part in its hands leaves that part locked for so long, and its upload waits at whichever node it is tried again.
"""

BUCKET = "checkpoints"
POINT_SECONDS = 1.0
"""What one value of a chart stands for."""

COLUMNS = (
    "through",
    "client",
    "saved",
    "failed",
    "of these stored",
    "not read back",
    "wrong",
    "MiB/s",
    "p50 s",
    "longest s",
    "retries of boto3",
    "uploads left over",
)
"""`failed` are those whose writer was told so; some of these are there, whole, all the same. `MiB/s` is what all hold
over the sum of the times in which they were saved. boto3's retries and what is left over are those of all clients."""


class ClusterNode(Node, Mortal, Protocol):
    """A storage node that can be killed."""


@dataclass(frozen=True)
class Cluster:
    """Four running nodes, of which the `mortal` ones are killed; `paths` are those by which they are probed.

    `key` is one that may write; `settles` is the seconds after which nothing waits for a killed node any more;
    `takes_connector` tells whether Amazon's connector for PyTorch can save there.
    """

    nodes: Sequence[ClusterNode]
    mortal: Sequence[ClusterNode]
    paths: Paths
    key: Key
    settles: float
    takes_connector: bool


@contextmanager
def minio() -> Iterator[Cluster]:
    """A MinIO of its own: what killed nodes have locked is not the next run's. Raises Missing, ChildError.

    It is always the first node that is killed. An upload that began while one was away is kept by the other three, and
    if another died, MinIO would refuse it for want of a quorum, whoever stands between.
    """
    if shutil.which(PROGRAM) is None:
        raise Missing(f"not found: {PROGRAM}\nwith Go: {INSTALL}")
    keys = new_keys()
    with scratch() as folder, minio_nodes(NODE_COUNT, folder, keys) as nodes:
        paths = Paths(LIVE_PATH, LIVE_PATH)
        yield Cluster(nodes, nodes[:1], paths, keys.admin, settles=LOCKED_SECONDS, takes_connector=True)


@contextmanager
def ceph() -> Iterator[Cluster]:
    """The gateways of the Ceph lab, which is left as it was found. Raises Missing, LabError.

    Amazon's connector cannot save there, with or without a proxy: it looks for an ETag in the head of the answer to
    CompleteMultipartUpload, where Ceph 16 has none (`Header "ETag" not found`).
    """
    if missing := missing_programs():
        raise Missing(install_hint(missing, sorted(set(missing.values()))))
    with running_lab(NODE_COUNT) as lab:
        gateways = [Gateway(port, lab.gateway(number)) for number, port in enumerate(lab.gateway_ports, start=1)]
        paths, key = Paths(HEALTH_PATH, HEALTH_PATH), Key(ACCESS_KEY, SECRET_KEY)
        yield Cluster(gateways, gateways, paths, key, settles=SETTLE_SECONDS, takes_connector=False)
        lab.up()


KINDS: Mapping[str, Callable[[], AbstractContextManager[Cluster]]] = {"ceph": ceph, "minio": minio}


@dataclass(frozen=True)
class Outcome:
    """What writers did through one way to the nodes, how many uploads they left over, and when nodes were killed."""

    log: Log
    left_over: int
    marks: Sequence[Mark]


def run_behind(name: str, start: Callable[[], AbstractContextManager[Cluster]], seconds: float) -> Outcome:
    """One run with a cluster that is whole at its beginning. Raises ChildError, CrowdError, LabError, Missing."""
    with ExitStack() as stack:
        cluster = stack.enter_context(start())
        folder = stack.enter_context(scratch())
        first = cluster.nodes[0].port
        port = first
        if name != DIRECT:
            proxy = WAYS[name](cluster.nodes, folder, None, paths=cluster.paths)
            port = stack.enter_context(proxy).port
        bucket = f"{BUCKET}-{name}"
        storage = connect(first, cluster.key)
        storage.create_bucket(Bucket=bucket)
        has_connector = cluster.takes_connector and is_installed()
        key = cluster.key
        job = Job(f"http://127.0.0.1:{port}", bucket, key.access, key.secret, cluster.settles, has_connector)
        file = folder / "log.json"
        actions = kills(cluster.mortal, seconds, random.Random(SEED), every=KILL_SECONDS)
        with crowd("loadtests.checkpoint_writers", [job.to_json(), str(file)]) as writers:
            marks = play(actions, seconds)
            writers.leave(cluster.settles + LEAVE_SECONDS)
        left_over = storage.list_multipart_uploads(Bucket=bucket).get("Uploads", [])
        for each in left_over:
            storage.abort_multipart_upload(Bucket=bucket, Key=each["Key"], UploadId=each["UploadId"])
        return Outcome(Log.from_json(file.read_text()), len(left_over), marks)


def connect(port: int, key: Key) -> Any:
    """A client of one node."""
    keys = {"aws_access_key_id": key.access, "aws_secret_access_key": key.secret, "region_name": REGION}
    return boto3.session.Session().client("s3", endpoint_url=f"http://127.0.0.1:{port}", **keys)


def lines(name: str, outcome: Outcome) -> Iterator[list[str]]:
    """A line of the table for each client, in the order of COLUMNS."""
    saves = outcome.log.saves
    for client in dict.fromkeys(one.client for one in saves):
        own = [one for one in saves if one.client == client]
        well = [one for one in own if not one.failure]
        took = sorted(one.took for one in well)
        rate = sum(one.size for one in well) / MIB / max(1e-9, sum(took))
        yield [
            name,
            client,
            f"{len(well):,}",
            f"{len(own) - len(well):,}",
            f"{sum(one.is_stored for one in own):,}",
            f"{sum(bool(one.reading) for one in own):,}",
            f"{sum(one.is_wrong for one in own):,}",
            f"{rate:,.1f}",
            f"{percentile(took, 0.5):.2f}",
            f"{max((one.took for one in own), default=math.nan):.2f}",
            f"{outcome.log.retries:,}",
            f"{outcome.left_over:,}",
        ]


def judge(name: str, outcome: Outcome) -> list[Finding]:
    """What s3edge must show: nothing is lost, and nothing is left."""
    saves = outcome.log.saves
    return [
        Finding(f"{name}: checkpoints that were not saved", sum(bool(one.failure) for one in saves), 0),
        Finding(f"{name}: checkpoints that were not read back", sum(bool(one.reading) for one in saves), 0),
        Finding(f"{name}: checkpoints with wrong bytes", sum(one.is_wrong for one in saves), 0),
        Finding(f"{name}: incomplete uploads left over", outcome.left_over, 0),
    ]


def series(saves: Sequence[Save], seconds: float) -> list[float]:
    """MiB/s saved in each of the run's stretches of POINT_SECONDS, as if each checkpoint had come at an even pace."""
    points = [0.0] * math.ceil(seconds / POINT_SECONDS)
    for one in saves:
        for number in range(len(points)):
            begin, end = number * POINT_SECONDS, (number + 1) * POINT_SECONDS
            shared = max(0.0, min(end, one.started + one.took) - max(begin, one.started))
            if not one.failure and shared:
                points[number] += one.size / MIB * shared / one.took / POINT_SECONDS
    return points


def failures(saves: Sequence[Save], seconds: float) -> list[float]:
    """How many had failed by the end of each stretch."""
    ends = [one.started + one.took for one in saves if one.failure or one.reading]
    return [
        float(sum(end <= (number + 1) * POINT_SECONDS for end in ends))
        for number in range(math.ceil(seconds / POINT_SECONDS))
    ]


def answer(told: Namespace) -> Report:
    outcomes: dict[str, Outcome] = {}
    table: list[Sequence[str]] = []
    for name in told.proxies or [DIRECT, KEEPING, *there(PROXIES)]:
        print(f"{told.kind}, {name}, {told.seconds:g} s ...", file=sys.stderr, flush=True)
        outcomes[name] = run_behind(name, KINDS[told.kind], told.seconds)
        for line in lines(name, outcomes[name]):
            table.append(line)
            print(" | ".join(line), file=sys.stderr, flush=True)
    findings = [finding for name in (SUBJECT, KEEPING) if name in outcomes for finding in judge(name, outcomes[name])]
    raw = {"kind": told.kind, "outcomes": {name: asdict(outcome) for name, outcome in outcomes.items()}}
    title = f"A node of {told.kind} is killed every {KILL_SECONDS:g} s"
    return Report(COLUMNS, table, findings, {title: panels(outcomes, told.seconds)}, raw)


def panels(outcomes: Mapping[str, Outcome], seconds: float) -> list[Panel]:
    """What was saved and what failed, with the kills of the first run marked: all have the same plan."""
    marks = next(iter(outcomes.values())).marks
    saved = {name: series(outcome.log.saves, seconds) for name, outcome in outcomes.items()}
    failed = {name: failures(outcome.log.saves, seconds) for name, outcome in outcomes.items()}
    return [
        Panel("saved, MiB/s", POINT_SECONDS, saved, marks=marks),
        Panel("failed so far", POINT_SECONDS, failed, marks=marks),
    ]


def usual_kind() -> str:
    """Ceph where its packages are."""
    return "minio" if missing_programs() else "ceph"


def main() -> int:
    parser = argparse.ArgumentParser(prog="checkpoints", description="Checkpoints are saved while nodes are killed")
    parser.add_argument("--seconds", type=float, default=60, help="length of each run (default %(default)g)")
    parser.add_argument("--kind", choices=KINDS, default=usual_kind(), help="the storage (default here: %(default)s)")
    known = [DIRECT, *WAYS]
    parser.add_argument("--proxies", nargs="+", choices=known, metavar="PROXY", help=", ".join(known))
    return run(parser, answer, ["haproxy", "nginx"])


if __name__ == "__main__":
    sys.exit(main())
