"""Signed requests on a real cluster whose gateways are killed: `python -m loadtests.ceph_failover`.

Four gateways of the Ceph lab, one killed every 2 s and started again 1 s later; `ceph_clients` read and write.
"""

import argparse
import os
import random
import signal
import sys
from argparse import Namespace
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from loadtests.ceph.daemon import Daemon
from loadtests.ceph.lab import Lab, missing_programs
from loadtests.ceph_clients import READERS, WRITERS
from loadtests.crowd import crowd
from loadtests.faults import kills, play
from loadtests.findings import Finding
from loadtests.needs import Missing, install_hint
from loadtests.nodes import scratch
from loadtests.question import Report, run
from loadtests.rivals import FAILOVER_PROXIES, SIDEKICK, SUBJECT, Paths, there

HEALTH_PATH = "/swift/healthcheck"
"""Answered 200 by a gateway without a signature."""

KILL_SECONDS = 2.0
"""As in `killed_nodes`. A gateway answers 0.1 s after its start."""

SEED = 3
KINDS = ("reads", "puts", "uploads")
PROXIES = (SUBJECT, "haproxy", "nginx", SIDEKICK)


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


def run_behind(name: str, lab: Lab, seconds: float) -> dict[str, int]:
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


def report(counts: Mapping[str, Mapping[str, int]]) -> Report:
    """What each proxy's clients counted; nothing is asked of rivals."""
    counted = [*(key for kind in KINDS for key in (kind, f"failed {kind}")), "stuck"]
    clients = f"{READERS} readers, {WRITERS} writers"
    lines = [[proxy, clients, *(f"{one.get(key, 0):,}" for key in counted)] for proxy, one in counts.items()]
    findings = judge(counts[SUBJECT]) if SUBJECT in counts else []
    return Report(("proxy", "clients", *counted), lines, findings, raw={"counts": counts})


def answer(told: Namespace) -> Report:
    if missing := missing_programs():
        raise Missing(install_hint(missing, sorted(set(missing.values()))))
    counts: dict[str, dict[str, int]] = {}
    with running_lab() as lab:
        for name in told.proxies or there(PROXIES):
            print(f"{name}, {told.seconds:g} s ...", file=sys.stderr, flush=True)
            counts[name] = run_behind(name, lab, told.seconds)
            lab.up()
    return report(counts)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="ceph_failover", description="Gateways of a Ceph cluster are killed under boto3"
    )
    parser.add_argument("--seconds", type=float, default=60, help="length of each run (default %(default)g)")
    parser.add_argument("--proxies", nargs="+", choices=FAILOVER_PROXIES, metavar="PROXY", help=", ".join(PROXIES))
    return run(parser, answer, ["haproxy", "nginx"])


if __name__ == "__main__":
    sys.exit(main())
