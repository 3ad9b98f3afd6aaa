"""Three nodes, one state."""

import socket
import subprocess
import sys
from contextlib import closing
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import HTTPClientError

from s3edge.demo.nodes import Nodes
from s3edge.demo.samples import BUCKET, Sample, connect, write_samples
from s3edge.errors import StartError

MIB = 1 << 20
LARGE = Sample("large", bytes(64 * MIB))  # more than all buffers between two sockets of one machine

pytestmark = pytest.mark.wire


def test_what_one_node_stores_all_nodes_serve(nodes: Nodes) -> None:
    write_samples(nodes.urls[0], [Sample("object", b"content")])
    for url in nodes.urls:
        with closing(connect(url)) as client:
            assert client.get_object(Bucket=BUCKET, Key="object")["Body"].read() == b"content"


def test_a_node_taken_away_refuses_connections_until_it_is_given_back(nodes: Nodes) -> None:
    url = urlsplit(nodes.urls[1])
    nodes.take_away(1)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((url.hostname, url.port), timeout=5)
    nodes.give_back(1)
    socket.create_connection((url.hostname, url.port), timeout=5).close()


def test_a_node_taken_away_cuts_the_answers_it_is_giving(nodes: Nodes) -> None:
    write_samples(nodes.urls[0], [LARGE])
    client = connect(nodes.urls[2])
    with closing(client), closing(client.get_object(Bucket=BUCKET, Key="large")["Body"]) as body:
        assert len(body.read(MIB)) == MIB
        nodes.take_away(2)
        with pytest.raises(HTTPClientError):
            body.read()
    nodes.give_back(2)


def test_taking_twice_and_giving_twice_does_no_harm(nodes: Nodes) -> None:
    for _ in range(2):
        nodes.take_away(0)
    for _ in range(2):
        nodes.give_back(0)


def test_a_node_that_is_not_there_is_a_clear_failure() -> None:
    with Nodes(1) as nodes, pytest.raises(StartError, match="the storage process ended"):
        nodes.take_away(7)


def test_the_storage_ends_with_its_parents_pipe() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "s3edge.demo.storage"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith(b"ready ")
    process.communicate(timeout=10)
    assert process.returncode == 0
