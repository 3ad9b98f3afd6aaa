"""Signed requests on a real cluster whose gateways are killed: `python -m loadtests.ceph_failover`.

Four gateways of the Ceph lab, one killed every 2 s and started again 1 s later; `ceph_clients` read and write.
"""

import argparse
import json
import os
import random
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from loadtests.ceph.daemon import Daemon
from loadtests.ceph.lab import Lab, LabError
from loadtests.ceph_clients import READERS, WRITERS
from loadtests.child import ChildError, end_on_sigterm
from loadtests.command import FINDING_COLUMNS
from loadtests.crowd import CrowdError, crowd
from loadtests.faults import kills, play
from loadtests.findings import RESULTS, Finding
from loadtests.machine import describe_machine
from loadtests.needs import has_programs
from loadtests.nodes import scratch
from loadtests.report import Verdict, markdown_table
from loadtests.rivals import FAILOVER_PROXIES, SUBJECT, Paths

HEALTH_PATH = "/swift/healthcheck"
"""Answered 200 by a gateway without a signature."""

KILL_SECONDS = 2.0
"""As in `killed_nodes`. A gateway answers 0.1 s after its start."""

SEED = 3
KINDS = ("reads", "puts", "uploads")


@dataclass(frozen=True)
class Gateway:
    """One gateway as a node of a proxy, and as something that can be killed."""

    port: int
    daemon: Daemon

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def restart(self) -> None:
        self.daemon.start()

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        pid = self.daemon.pid()
        if pid is not None:
            os.kill(pid, number)


def run(name: str, lab: Lab, seconds: float) -> dict[str, int]:
    """What the clients counted behind one proxy. Raises ChildError, CrowdError, LabError."""
    gateways = [Gateway(port, lab.gateway(number)) for number, port in enumerate(lab.gateway_ports, start=1)]
    paths = Paths(health=HEALTH_PATH, served=HEALTH_PATH)
    actions = kills(gateways, seconds, random.Random(SEED), every=KILL_SECONDS)
    with (
        scratch() as folder,
        FAILOVER_PROXIES[name](gateways, folder, None, paths=paths) as proxy,
        crowd("loadtests.ceph_clients", [str(proxy.port), str(SEED)]) as clients,
    ):
        play(actions, seconds)
        return clients.leave()


@contextmanager
def running_lab(gateways: int = 4) -> Iterator[Lab]:
    """The lab with all its gateways; it is left as it was found, running or not. Raises LabError."""
    lab = Lab(gateways=gateways, report=lambda line: print(line, file=sys.stderr, flush=True))
    was_up = lab.monitor.pid() is not None
    try:
        lab.up()
        yield lab
    finally:
        if was_up:
            lab.up()
        else:
            lab.down()


def judge(counts: Mapping[str, int]) -> list[Finding]:
    """Everything that s3edge's clients did must have gone well."""
    findings = [Finding(f"{kind} that failed", counts.get(f"failed {kind}", 0), 0) for kind in KINDS]
    return [*findings, Finding("clients that did not end", counts["stuck"], 0)]


def write_results(counts: Mapping[str, Mapping[str, int]], findings: Sequence[Finding], folder: Path) -> None:
    """The counts of each proxy's clients, and the findings, as ceph_failover.md and .json in `folder`."""
    machine = describe_machine()
    facts = "".join(f"- {key}: {value}\n" for key, value in machine.items())
    counted = [*(key for kind in KINDS for key in (kind, f"failed {kind}")), "stuck"]
    clients = f"{READERS} readers, {WRITERS} writers"
    lines = [[proxy, clients, *(f"{one.get(key, 0):,}" for key in counted)] for proxy, one in counts.items()]
    columns = ("proxy", "clients", *counted)
    text = f"# Gateways of a Ceph cluster are killed under boto3\n\n{facts}\n{markdown_table(columns, lines)}"
    if findings:
        text += f"\n{markdown_table(FINDING_COLUMNS, [finding.cells() for finding in findings])}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ceph_failover.md").write_text(text)
    raw = {"machine": machine, "findings": [asdict(finding) for finding in findings], "counts": counts}
    (folder / "ceph_failover.json").write_text(json.dumps(raw, indent=1) + "\n")
    print(text)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="ceph_failover", description="Kill gateways of a real cluster under boto3.")
    parser.add_argument("--seconds", type=float, default=60, help="length of each run (default %(default)g)")
    parser.add_argument("--proxies", nargs="+", choices=FAILOVER_PROXIES, default=[SUBJECT, "haproxy", "nginx"])
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args(argv)
    if not has_programs("haproxy", "nginx"):
        return 2
    end_on_sigterm()
    counts: dict[str, dict[str, int]] = {}
    try:
        with running_lab() as lab:
            for name in arguments.proxies:
                print(f"{name}, {arguments.seconds:g} s ...", file=sys.stderr, flush=True)
                counts[name] = run(name, lab, arguments.seconds)
                lab.up()
    except (ChildError, CrowdError, LabError) as error:
        print(f"ceph_failover: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    findings = judge(counts[SUBJECT]) if SUBJECT in counts else []
    write_results(counts, findings, arguments.results)
    return 0 if all(finding.verdict is Verdict.MET for finding in findings) else 1


if __name__ == "__main__":
    sys.exit(main())
