"""`python -m loadtests.matrix`: clients in processes of their own, nodes that die, the command as a user runs it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from loadtests.ceph.lab import Lab
from loadtests.matrix.client import Endpoint
from loadtests.matrix.outcome import Outcome, Result
from loadtests.matrix.passage import passage_to
from loadtests.matrix.performance import Gone, Performance, performing
from loadtests.matrix.performer import Task
from loadtests.matrix.record import load
from loadtests.matrix.store import Store
from s3edge.demo.nodes import Nodes

ROOT = Path(__file__).parents[2]
RUN_SECONDS = 150
"""Of one client on all ways, with the start of its storage, on a machine that does other things too."""

pytestmark = [pytest.mark.wire, pytest.mark.timeout(RUN_SECONDS)]


@pytest.fixture
def task(tmp_path: Path) -> Iterator[Task]:
    """Something to do at a storage that has its bucket."""
    with Nodes(1) as nodes:
        endpoint = Endpoint(nodes.urls[0], "key", "secret", "us-east-1", "matrix", None, tmp_path)
        store = Store(endpoint)
        store.client.create_bucket(Bucket="matrix")
        store.close()
        yield Task("put", endpoint, endpoint, "mine/")


@pytest.fixture
def boto3(tmp_path: Path) -> Iterator[Performance]:
    with performing("boto3", {}, tmp_path / "stderr.log") as performance:
        yield performance


def test_a_performer_does_one_task_after_the_other(boto3: Performance, task: Task) -> None:
    assert boto3.version
    for action in ("put", "get", "range", "delete", "odd keys", "presigned"):
        result = boto3.do(replace(task, action=action))
        assert replace(result, seconds=0) == Result(Outcome.OK), action
        assert result.seconds > 0
    assert not boto3.is_lost


def test_a_task_that_takes_too_long_has_hung_and_its_processes_are_gone(tmp_path: Path, task: Task) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        elsewhere = replace(task.endpoint, url=f"http://127.0.0.1:{silent.getsockname()[1]}")
        with performing("boto3", {}, tmp_path / "stderr.log") as performance:
            performance.tell(replace(task, endpoint=elsewhere).to_json())
            result = performance.result(seconds=0.5)
            assert (result.outcome, result.reason) == (Outcome.HUNG, "not over after 0.5 s")
            assert performance.is_lost
    assert performance.process.returncode == -signal.SIGKILL


def test_a_client_that_crashes_is_told_from_one_that_fails(boto3: Performance, task: Task) -> None:
    boto3.process.kill()
    boto3.process.wait()
    result = boto3.do(task)
    assert (result.outcome, result.reason) == (Outcome.CRASHED, "signal SIGKILL")


def test_a_client_that_is_not_installed_says_how_to_get_it(tmp_path: Path) -> None:
    empty = {"PATH": str(tmp_path), "S3EDGE_MATRIX_NODE": str(tmp_path)}
    with pytest.raises(Gone) as raised, performing("aws-sdk-js", empty, tmp_path / "stderr.log"):
        pass
    assert raised.value.outcome is Outcome.NOT_INSTALLED
    assert "npm" in str(raised.value) or "node" in str(raised.value)


def test_a_passage_counts_what_came_down_and_ends_with_what_is_behind_it() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as behind,
        passage_to(behind.getsockname()[1]) as passage,
        socket.create_connection(("127.0.0.1", passage.port)) as client,
    ):
        server, _ = behind.accept()
        client.sendall(b"up")
        assert server.recv(10) == b"up"
        server.sendall(b"down")
        assert client.recv(10) == b"down"
        assert passage.wait_for(4, lambda: False)
        assert not passage.wait_for(5, lambda: True)
        server.close()
        assert client.recv(10) == b""


@contextmanager
def matrix(results: Path, *options: str, **variables: str) -> Iterator["subprocess.Popen[str]"]:
    """The command, ended in any case."""
    argv = [sys.executable, "-m", "loadtests.matrix", "--results", str(results), *options]
    process = subprocess.Popen(
        argv, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True, env=os.environ | variables
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)


def went_well(results: Path, clients: list[str]) -> None:
    """Every action of the clients through s3edge, with a node that died for each."""
    [run] = load(results)
    assert run.clients == clients
    for trial in run.trials:
        if trial.way.endswith(" s3edge"):
            bad = {action: result for action, result in trial.results.items() if not (result.is_ok or result.is_absent)}
            assert bad == {}, trial.client
            assert trial.results["node dies"].reason == ""
    assert (results / "clients.md").read_text().startswith("# S3 clients")


def test_the_command_tries_a_client_on_all_ways(tmp_path: Path) -> None:
    with matrix(tmp_path, "--kind", "moto", "--clients", "boto3") as process:
        output, _ = process.communicate(timeout=RUN_SECONDS)
    assert process.returncode == 0, output
    went_well(tmp_path, ["boto3"])


@pytest.mark.ceph
def test_two_clients_go_well_on_a_storage_that_verifies_signatures(ceph_lab: Lab, tmp_path: Path) -> None:
    with matrix(
        tmp_path, "--kind", "ceph", "--clients", "boto3", "aiobotocore", CEPH_LAB=str(ceph_lab.folder)
    ) as process:
        output, _ = process.communicate(timeout=RUN_SECONDS)
    assert process.returncode == 0, output
    went_well(tmp_path, ["boto3", "aiobotocore"])


def test_ctrl_c_leaves_nothing_running(tmp_path: Path) -> None:
    with matrix(tmp_path, "--kind", "moto", "--clients", "boto3") as process:
        deadline = time.monotonic() + RUN_SECONDS
        while not (begun := children_of(process.pid)) and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    assert begun
    while any(Path(f"/proc/{pid}").exists() for pid in begun):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert not (tmp_path / "clients.json").exists()


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
