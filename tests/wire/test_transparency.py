"""What leaves each client is what reaches the node, byte for byte."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from s3edge.demo.nodes import Nodes
from tests.wire.drivers.boto import Boto3
from tests.wire.drivers.driver import Driver
from tests.wire.edge import edge
from tests.wire.endpoint import Endpoint
from tests.wire.matrix import DRIVERS, ODD_KEYS
from tests.wire.tap import Tap, tapped

pytestmark = pytest.mark.wire

# Meant for the next neighbour only, so s3edge takes them out (RFC 9110, 7.6.1).
HOP_FIELDS = (b"connection:", b"keep-alive:", b"te:")


@pytest.fixture(scope="module")
def taps(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Tap, Tap]]:
    """A tap before s3edge and one behind it, in front of a storage with the bucket `wire`."""
    with Nodes(1) as nodes, tapped(nodes.urls[0].removeprefix("http://")) as behind:
        with closing(Boto3(Endpoint("direct", nodes.urls[0]), "wire")) as storage:
            storage.client.create_bucket(Bucket="wire")
        folder = tmp_path_factory.mktemp("edge")
        with edge(folder, "--node", f"http://{behind.authority}") as running, tapped(running.authority) as before:
            yield before, behind


@pytest.mark.parametrize("kind", DRIVERS, ids=[kind.name for kind in DRIVERS])
def test_heads_reach_the_node_as_the_client_sent_them(taps: tuple[Tap, Tap], kind: type[Driver], folder: str) -> None:
    before, behind = taps
    endpoint = Endpoint("tapped", f"http://{before.authority}")
    with closing(kind(endpoint, "wire")) as driver:
        driver.put(f"{folder}object", b"content")
        driver.get_range(f"{folder}object", 1, 3)
        driver.copy(f"{folder}object", f"{folder}copy")
        driver.delete(f"{folder}object")

    sent = before.heads(folder)
    assert len(sent) >= 4
    assert [without_added(head) for head in behind.heads(folder)] == [without_hop_fields(head) for head in sent]


def test_odd_targets_reach_the_node_as_the_client_sent_them(taps: tuple[Tap, Tap], folder: str) -> None:
    before, behind = taps
    with closing(Boto3(Endpoint("tapped", f"http://{before.authority}"), "wire")) as client:
        for key in ODD_KEYS:
            client.put(folder + key, b"content")
    sent = before.heads(folder)
    assert len(sent) == len(ODD_KEYS)
    assert [target(head) for head in behind.heads(folder)] == [target(head) for head in sent]


def target(head: bytes) -> bytes:
    return head.split(b" ", 2)[1]


def without_hop_fields(head: bytes) -> bytes:
    lines = head.splitlines(keepends=True)
    return b"".join(line for line in lines if not line.lower().startswith(HOP_FIELDS))


def without_added(head: bytes) -> bytes:
    """What the node received but for the one field that s3edge adds at the end."""
    *lines, added, end = head.splitlines(keepends=True)
    assert added.startswith(b"X-Forwarded-For: 127.0.0.1")
    return b"".join([*lines, end])
