"""Nodes by TLS, nodes that go and come back, and the end of s3edge itself."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from s3edge.demo.nodes import Nodes
from tests.wire.drivers.boto import Boto3
from tests.wire.edge import Certificate, RunningEdge, edge, issue_certificate, node_flags
from tests.wire.endpoint import Endpoint

pytestmark = pytest.mark.wire


@pytest.fixture
def nodes() -> Iterator[Nodes]:
    """A storage of this test's own with the bucket `wire`."""
    with Nodes() as nodes:
        with closing(Boto3(Endpoint("direct", nodes.urls[0]), "wire")) as storage:
            storage.client.create_bucket(Bucket="wire")
        yield nodes


@pytest.fixture
def running(nodes: Nodes, tmp_path: Path) -> Iterator[RunningEdge]:
    with edge(tmp_path, *node_flags(nodes.urls)) as running:
        running.wait_for(["up", "up", "up"])
        yield running


@pytest.fixture
def client(running: RunningEdge) -> Iterator[Boto3]:
    with closing(Boto3(Endpoint("http", f"http://{running.authority}"), "wire")) as client:
        yield client


def test_reads_go_on_while_a_node_is_away(nodes: Nodes, running: RunningEdge, client: Boto3) -> None:
    client.put("object", b"content")
    nodes.take_away(1)
    for _ in range(20):
        assert client.get("object") == b"content", "a connection that cannot be made is another node's turn"
    running.wait_for(["up", "down", "up"])
    assert client.get("object") == b"content"
    nodes.give_back(1)
    running.wait_for(["up", "up", "up"])


def test_without_a_node_the_answer_is_503_at_once_until_one_is_back(
    nodes: Nodes, running: RunningEdge, client: Boto3
) -> None:
    client.put("object", b"content")
    for number in range(3):
        nodes.take_away(number)
    running.wait_for(["down", "down", "down"])
    with pytest.raises(ClientError) as refused:
        client.get("object")
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    assert refused.value.response["Error"]["Code"] == "ServiceUnavailable"
    nodes.give_back(2)
    running.wait_for(["down", "down", "up"])
    assert client.get("object") == b"content"


CONFIG = """\
clusters:
  - name: storage
    nodes: [{url}]
    tls: {{ca: {ca}}}
"""


def test_nodes_are_reached_by_tls_when_their_authority_is_trusted(certificate: Certificate, tmp_path: Path) -> None:
    with Nodes(1, "--certificate", str(certificate.both)) as nodes:
        config = tmp_path / "s3edge.yaml"
        config.write_text(CONFIG.format(url=nodes.urls[0], ca=certificate.ca))
        with (
            edge(tmp_path, "--config", str(config)) as running,
            closing(Boto3(Endpoint("http", f"http://{running.authority}"), "wire")) as client,
        ):
            client.client.create_bucket(Bucket="wire")
            client.put("object", b"content" * 100_000)
            assert client.get("object") == b"content" * 100_000


def test_a_node_whose_authority_is_not_trusted_is_down(certificate: Certificate, tmp_path: Path) -> None:
    stranger = tmp_path / "stranger"
    stranger.mkdir()
    with (
        Nodes(1, "--certificate", str(certificate.both)) as trusted,
        Nodes(1, "--certificate", str(issue_certificate(stranger).both)) as untrusted,
    ):
        config = tmp_path / "s3edge.yaml"
        config.write_text(CONFIG.format(url=f"{trusted.urls[0]}, {untrusted.urls[0]}", ca=certificate.ca))
        with edge(tmp_path, "--config", str(config)) as running:
            running.wait_for(["up", "down"])


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_sigterm_does_not_wait_for_connections_without_a_request(
    nodes: Nodes, certificate: Certificate, tmp_path: Path, scheme: str
) -> None:
    flags = certificate.flags if scheme == "https" else ()
    with edge(tmp_path, *node_flags(nodes.urls), *flags) as running:
        endpoint = Endpoint(scheme, f"{scheme}://{running.authority}", certificate.ca)
        with closing(Boto3(endpoint, "wire")) as client:
            client.put("object", b"content")
            running.child.process.terminate()
            assert running.child.process.wait(5) == 0
