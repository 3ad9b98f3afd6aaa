import http.client
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from loadtests.certificate import issue_certificate
from loadtests.misbehaving import ControlError, MisbehavingNode, main, misbehaving_nodes, parse_arguments
from loadtests.nodes import scratch
from loadtests.ports import answers
from tests.support.faults import DiesAfter, Fails, Fault, Refuses
from tests.support.objects import content


@pytest.fixture
def folder() -> Iterator[Path]:
    """Short, since the path of a Unix socket has at most 107 characters."""
    with scratch() as path:
        yield path


def get(node: MisbehavingNode, path: str) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", node.port, timeout=10)
    try:
        connection.request("GET", path)
        return connection.getresponse().read()
    finally:
        connection.close()


def test_nodes_serve_objects_and_take_orders_each_for_itself(folder: Path) -> None:
    with misbehaving_nodes(2, folder) as (first, second):
        first.set_fault(DiesAfter(1000), Fails(next=0))
        with pytest.raises(ConnectionResetError):
            get(first, "/bench/4KiB")
        assert get(second, "/bench/4KiB") == content("/bench/4KiB", 0, 4096)
        first.clear()
        assert get(first, "/bench/4KiB") == content("/bench/4KiB", 0, 4096)
        assert (first.stats()["attempts"], second.stats()["statuses"]) == (2, {"200": 1})
        children = [first.child, second.child]
    assert all(child.process.poll() == 0 for child in children)


def test_a_killed_node_is_back_on_its_port(folder: Path) -> None:
    with misbehaving_nodes(1, folder) as (node,):
        node.set_fault(Fails())
        node.kill()
        with pytest.raises(ConnectionRefusedError):
            get(node, "/health")
        with pytest.raises(OSError, match="refused"):
            node.stats()
        node.restart()
        assert get(node, "/bench/7B") == content("/bench/7B", 0, 7), "with nothing wrong"
        assert node.stats()["attempts"] == 1


def test_a_frozen_node_answers_when_it_is_thawed(folder: Path) -> None:
    with misbehaving_nodes(1, folder) as (node,):
        node.freeze()
        assert not answers(node.port, "/health")
        node.thaw()
        assert answers(node.port, "/health")
        node.freeze()
    assert node.child.process.poll() == 0


def test_a_node_is_told_its_faults_at_the_start_and_speaks_tls(folder: Path) -> None:
    bundle = issue_certificate(folder).bundle
    arguments = ("--fault", '{"fault": "Fails", "probes": true, "next": 1}', "--health-path", "/alive")
    with misbehaving_nodes(1, folder, *arguments, certificate=bundle) as (node,):
        assert node.url == f"https://127.0.0.1:{node.port}"
        assert not answers(node.port, "/alive", is_tls=True)
        assert answers(node.port, "/alive", is_tls=True)
        assert (node.stats()["probes"], node.stats()["attempts"]) == (2, 0)


def test_a_restart_wakes_a_frozen_node_and_brings_back_the_faults_of_the_start(folder: Path) -> None:
    with misbehaving_nodes(1, folder, "--fault", '{"fault": "Closes"}') as (node,):
        node.clear()
        node.freeze()
        node.restart()
        with pytest.raises(http.client.RemoteDisconnected):
            get(node, "/bench/7B")


def test_a_port_that_is_taken_is_one_clear_line(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["--port", str(port)]) == 1
    assert capsys.readouterr().err.startswith(f"misbehaving: cannot serve on 127.0.0.1:{port}: [Errno 98]")


def test_a_shut_port_opens_again(folder: Path) -> None:
    with misbehaving_nodes(1, folder) as (node,):
        node.set_fault(Refuses())
        with pytest.raises(ConnectionRefusedError):
            get(node, "/health")
        node.clear()
        assert get(node, "/health") == b""


def test_an_order_that_is_not_understood_is_an_error(folder: Path) -> None:
    with misbehaving_nodes(1, folder) as (node,), pytest.raises(ControlError, match="an object with a fault of"):
        node.set_fault(Fault())


@pytest.mark.parametrize("text", ["", "{}", '{"fault": "Sleeps"}'])
def test_a_wrong_fault_on_the_command_line_is_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse_arguments(["--port", "1", "--fault", text])
    assert re.search("argument --fault: invalid", capsys.readouterr().err)
