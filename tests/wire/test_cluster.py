"""`python -m loadtests.cluster up` as a user runs it, for each kind of storage that is here."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import boto3
import pytest

from loadtests.ceph.lab import Lab

START_SECONDS = 120
END_SECONDS = 60
"""Of everything at once, on a machine that does other things too."""

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.wire, pytest.mark.timeout(START_SECONDS + END_SECONDS)]


@dataclass(frozen=True)
class Running:
    """A cluster that said it is up."""

    process: subprocess.Popen[str]
    environment: dict[str, str]
    folder: Path
    ports: list[int]
    prometheus: str | None

    def end(self, number: signal.Signals = signal.SIGINT) -> int:
        """Its exit code after a signal."""
        self.process.send_signal(number)
        return self.process.wait(END_SECONDS)


def is_open(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def cluster(kind: str, *options: str, **variables: str) -> Iterator[Running]:
    """`up` of a kind, with these environment variables, ended in any case."""
    argv = [sys.executable, "-m", "loadtests.cluster", "up", "--kind", kind, *options]
    environment = {**os.environ, **variables}
    process = subprocess.Popen(
        argv, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True, env=environment
    )
    try:
        assert process.stdout is not None
        said = {}
        for line in process.stdout:
            name, _, text = line.partition("  ")
            said[name] = text.strip()
            if name == "end":
                break
        assert said.get("end") == "Ctrl-C", f"it ended with {process.wait(END_SECONDS)}; the reason is printed above"
        keys = Path(said["keys"].removeprefix("source "))
        environment = dict(line.removeprefix("export ").split("=", 1) for line in keys.read_text().splitlines())
        assert keys.stat().st_mode & 0o077 == 0, "it holds secrets"
        urls = [said["s3edge"], said["admin"].split()[0], *said["nodes"].split()]
        ports = [int(url.rpartition(":")[2]) for url in urls]
        prometheus = said["prometheus"] if said["prometheus"].startswith("http") else None
        yield Running(process, environment, keys.parent, ports, prometheus)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.communicate(timeout=END_SECONDS)


def traffic(running: Running) -> subprocess.CompletedProcess[str]:
    """Reads and writes through s3edge for a second."""
    endpoint = running.environment["AWS_ENDPOINT_URL"]
    argv = [sys.executable, "-m", "loadtests.traffic", "--seconds", "1", "--endpoint", endpoint]
    return subprocess.run(
        argv, cwd=ROOT, env=os.environ | running.environment, capture_output=True, text=True, timeout=100, check=False
    )


def works(running: Running) -> None:
    """`traffic` sees nothing fail."""
    done = traffic(running)
    assert done.returncode == 0, done.stdout + done.stderr


def works_in_the_end(running: Running) -> None:
    """The same of MinIO, whose nodes are not at one for a while after a start or a death, whatever their health says.

    Meanwhile one may not find what another has, or refuse to begin an upload in parts; s3edge does not send that twice.
    """
    deadline = time.monotonic() + START_SECONDS
    while (done := traffic(running)).returncode:
        assert time.monotonic() < deadline, done.stdout + done.stderr


def until_watched(prometheus: str) -> None:
    """Return once Prometheus has scraped s3edge."""
    deadline = time.monotonic() + START_SECONDS
    query = f'{prometheus}/api/v1/query?query=up{{job="s3edge"}}==1'
    while time.monotonic() < deadline:
        with urllib.request.urlopen(query, timeout=10) as answer:
            if json.load(answer)["data"]["result"]:
                return
        time.sleep(0.1)
    pytest.fail("Prometheus did not reach s3edge")


def is_over(running: Running) -> None:
    """Nobody listens any more, and no file is left."""
    assert not any(map(is_open, running.ports))
    assert not running.folder.exists()


def test_moto_serves_until_ctrl_c_and_nothing_is_left() -> None:
    with cluster("moto", "--nodes", "3") as running:
        assert len(running.ports) == 5
        works(running)
        if running.prometheus is not None:
            until_watched(running.prometheus)
        assert running.end() == 0
        is_over(running)


def test_sigterm_ends_it_too() -> None:
    with cluster("moto", "--nodes", "1") as running:
        assert running.end(signal.SIGTERM) == 128 + signal.SIGTERM
        is_over(running)


def test_ctrl_c_in_the_middle_of_the_start_leaves_nothing_either() -> None:
    argv = [sys.executable, "-m", "loadtests.cluster", "up", "--kind", "moto"]
    process = subprocess.Popen(argv, cwd=ROOT, start_new_session=True)
    deadline = time.monotonic() + START_SECONDS
    while not (begun := children_of(process.pid)) and time.monotonic() < deadline:
        time.sleep(0.001)
    process.send_signal(signal.SIGINT)
    process.wait(END_SECONDS)
    assert begun
    # The storage sees that its parent is gone, and ends by itself.
    while any(Path(f"/proc/{pid}").exists() for pid in begun):
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.minio
@pytest.mark.usefixtures("minio_program")
def test_an_erasure_set_of_minio_is_read_and_written_without_one_of_its_nodes() -> None:
    with cluster("minio") as running:
        works_in_the_end(running)
        nodes = [pid for pid in children_of(running.process.pid) if "minio" in command_of(pid)]
        assert len(nodes) == 4
        os.kill(nodes[0], signal.SIGKILL)
        works_in_the_end(running)
        assert running.end() == 0
        is_over(running)


@pytest.mark.minio
@pytest.mark.usefixtures("minio_program")
def test_tenants_of_minio_may_do_what_their_policies_say() -> None:
    with cluster("minio", "--nodes", "2") as running:
        given = running.environment
        clients = {
            tenant: boto3.client(
                "s3",
                endpoint_url=given["AWS_ENDPOINT_URL"],
                region_name="us-east-1",
                aws_access_key_id=given[f"{tenant}_ACCESS_KEY"],
                aws_secret_access_key=given[f"{tenant}_SECRET_KEY"],
            )
            for tenant in ("RAG", "TRAINING")
        }
        clients["TRAINING"].put_object(Bucket="datasets", Key="k", Body=b"x")
        assert clients["RAG"].get_object(Bucket="datasets", Key="k")["Body"].read() == b"x"
        with pytest.raises(clients["RAG"].exceptions.ClientError, match="AccessDenied"):
            clients["RAG"].put_object(Bucket="datasets", Key="k", Body=b"y")


@pytest.mark.ceph
def test_ceph_serves_until_ctrl_c(ceph_lab: Lab) -> None:
    with cluster("ceph", "--nodes", "2", CEPH_LAB=str(ceph_lab.folder)) as running:
        works(running)
        assert running.end() == 0
        assert not running.folder.exists()


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def command_of(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].decode()
