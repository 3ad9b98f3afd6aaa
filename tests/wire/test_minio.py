"""Nodes of a real MinIO die, hang and lose their quorum behind s3edge, which has the configuration of compose/.

Clients try nothing again unless a test says so: what fails is seen.
"""

import hashlib
import json
import random
import threading
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ReadTimeoutError

from loadtests.cluster.edge import Edge, running_edge
from loadtests.cluster.keys import new_keys
from loadtests.cluster.minio import CLUSTER_PATH, CLUSTER_READ_PATH, LIVE_PATH, MinioNode, minio_nodes
from loadtests.ports import free_ports
from tests.wire.drivers.boto import Boto3
from tests.wire.endpoint import MIB, Endpoint

pytestmark = [pytest.mark.wire, pytest.mark.minio, pytest.mark.timeout(180)]

PATIENCE = 30.0
"""Seconds; of four nodes, s3edge and clients on two processors that do other things too."""

# More than all sockets on the way hold: a node that has begun to send it has not ended before it is read.
LARGE = random.Random(5).randbytes(64 * MIB)
SHA256 = hashlib.sha256(LARGE).hexdigest()


@dataclass(frozen=True)
class Behind:
    """An erasure set behind s3edge, with a bucket of its own."""

    nodes: Sequence[MinioNode]
    edge: Edge
    client: Boto3

    def asked(self, path: str) -> Any:
        """What the admin address answers."""
        with urllib.request.urlopen(f"{self.edge.admin}/api/v1/{path}", timeout=10) as answer:
            return json.load(answer)

    def states(self) -> dict[str, str]:
        """How each node stands, by its name."""
        return {node["name"]: node["state"] for node in self.asked("nodes")["nodes"]}

    def is_whole(self) -> bool:
        """Whether each node finds enough of the others, and s3edge uses all."""
        return set(self.states().values()) == {"up"} and all(node.is_healthy(CLUSTER_PATH) for node in self.nodes)

    def until(self, is_so: Callable[[], bool]) -> None:
        """Return when it is so."""
        self.edge.child.wait_until(is_so, PATIENCE)

    def sender_of(self, key: str) -> MinioNode:
        """The node that sends an object's body now."""
        [flow] = [flow for flow in self.asked("flows")["flows"] if flow["key"] == key]
        [node] = [node for node in self.nodes if node.name == flow["node"]]
        return node

    @contextmanager
    def begun(self, key: str) -> Iterator[tuple[MinioNode, Callable[[], str]]]:
        """A read of which the first MiB has come: its node, and what reads the rest and tells the SHA-256 of all."""
        read = hashlib.sha256()
        with closing(self.client.client.get_object(Bucket=self.client.bucket, Key=key)["Body"]) as body:
            read.update(body.read(MIB))

            def rest() -> str:
                for piece in body.iter_chunks(MIB):
                    read.update(piece)
                return read.hexdigest()

            yield self.sender_of(key), rest

    def told(self, kind: str) -> list[str]:
        """The decisions of a kind, in words, once there is one: workers tell the supervisor a little later."""
        found: list[str] = []

        def is_told() -> bool:
            found[:] = [event["text"] for event in self.asked("events")["events"] if event["event"] == kind]
            return bool(found)

        self.until(is_told)
        return found

    @contextmanager
    def without(self, *nodes: MinioNode) -> Iterator[None]:
        """Nodes that are taken away in the block are there again after it, and s3edge uses them."""
        try:
            yield
        finally:
            for node in nodes:
                node.restart()
            self.until(self.is_whole)


@pytest.fixture
def behind(minio_program: None, tmp_path: Path) -> Iterator[Behind]:
    """New nodes for each test: after some were away, MinIO takes a while until all know the same again."""
    keys = new_keys()
    with (
        minio_nodes(4, tmp_path, keys) as nodes,
        running_edge([node.url for node in nodes], "minio", keys, tmp_path, *free_ports(2)) as edge,
        closing(Boto3(Endpoint("minio", edge.url, None, keys.admin.access, keys.admin.secret), "bucket")) as client,
    ):
        behind = Behind(nodes, edge, client)
        behind.until(behind.is_whole)
        client.client.create_bucket(Bucket=client.bucket)
        yield behind


def test_all_nodes_tell_the_same_of_an_object(behind: Behind) -> None:
    """By which s3edge knows that a body may go on from another node."""
    behind.client.put("plain", LARGE[:MIB])
    behind.client.multipart("parts", LARGE[: 11 * MIB])
    for key in ("plain", "parts"):
        told = set()
        for node in behind.nodes:
            with closing(Boto3(replace(behind.client.endpoint, url=node.url), behind.client.bucket)) as client:
                head = client.client.head_object(Bucket=client.bucket, Key=key)
                told.add((head["ETag"], head["LastModified"], head["ContentLength"]))
        [(etag, _, _)] = told
        assert not etag.startswith("W/")


def test_a_body_goes_on_from_another_node_when_its_own_is_killed(behind: Behind) -> None:
    behind.client.put("large", LARGE)
    with behind.begun("large") as (node, rest):
        node.kill()
        assert rest() == SHA256
        [resumed] = behind.told("BodyResumed")
        assert node.name not in resumed


def test_a_body_outlives_a_node_that_is_frozen_for_a_while(behind: Behind) -> None:
    """Only for a while: the other nodes of an erasure set answer nothing as long as one of them stands still."""
    behind.client.put("large", LARGE)
    with behind.begun("large") as (node, rest):
        node.freeze()
        thaw = threading.Timer(3, node.thaw)
        thaw.start()
        assert rest() == SHA256
        thaw.join()
        [broken] = behind.told("BodyBroken")
        assert broken.startswith(f"{node.name} stalled after ")


def test_small_objects_are_written_and_read_while_a_node_dies_and_comes_back(behind: Behind) -> None:
    written: list[str] = []
    is_over = threading.Event()

    def write_and_read(number: int) -> None:
        with closing(Boto3(behind.client.endpoint, behind.client.bucket)) as client:
            while not is_over.is_set():
                key = f"{number}/{len(written)}"
                client.put(key, key.encode() * 1000)
                assert client.get(key) == key.encode() * 1000
                written.append(key)

    with working([partial(write_and_read, number) for number in range(4)], is_over), behind.without(behind.nodes[2]):
        behind.until(lambda: len(written) > 20)
        behind.nodes[2].kill()
        before = len(written)
        behind.until(lambda: behind.states()[behind.nodes[2].name] == "down" and len(written) > before + 20)
    assert len(written) > 40


def test_an_upload_in_parts_goes_on_while_a_node_dies(behind: Behind) -> None:
    """Parts are larger than what s3edge keeps, so botocore sends again those that the dead node had begun.

    For a moment MinIO also refuses writes by SlowDownWrite, though three of its four drives are enough.
    """
    config = Config(retries={"total_max_attempts": 8})
    with closing(Boto3(behind.client.endpoint, behind.client.bucket, config)) as client:
        killer = threading.Timer(0.2, behind.nodes[1].kill)
        killer.start()
        client.multipart("parts", LARGE)
        killer.join()
        assert client.get("parts") == LARGE


def test_without_a_quorum_reads_go_on(behind: Behind) -> None:
    """MinIO refuses writes by SlowDownWrite then, or lets them hang; a node is not slowed down for that."""
    refusals: set[str] = set()
    is_over = threading.Event()

    def write() -> None:
        with closing(Boto3(behind.client.endpoint, behind.client.bucket, Config(read_timeout=3))) as client:
            while not is_over.is_set():
                try:
                    client.put(uuid4().hex, b"content")
                except ClientError as error:
                    refusals.add(error.response["Error"]["Code"])
                except ReadTimeoutError:
                    continue

    behind.client.put("there", LARGE[:MIB])
    lost, left = behind.nodes[:2], behind.nodes[2:]
    with behind.without(*lost), working([write] * 4, is_over):
        for node in lost:
            node.kill()
        behind.until(lambda: not any(node.is_healthy(CLUSTER_PATH) for node in left))
        behind.until(lambda: sorted(behind.states().values()) == ["down", "down", "up", "up"])
        assert [node.is_healthy(path) for node in left for path in (LIVE_PATH, CLUSTER_READ_PATH)] == [True] * 4
        for _ in range(40):
            assert behind.client.get("there") == LARGE[:MIB]
        assert [node["throttled_to"] for node in behind.asked("nodes")["nodes"]] == [None] * 4
    assert refusals <= {"SlowDownWrite"}
    behind.client.put("new", b"content")
    assert behind.client.get("new") == b"content"


@contextmanager
def working(jobs: Sequence[Callable[[], None]], is_over: threading.Event) -> Iterator[None]:
    """Jobs in threads for the length of the block; raises what one of them raised."""
    failures: list[BaseException] = []

    def run(job: Callable[[], None]) -> None:
        try:
            job()
        except BaseException as error:  # noqa: BLE001  # raised anew by the thread that has the test
            failures.append(error)

    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        is_over.set()
        for thread in threads:
            thread.join()
    if failures:
        raise failures[0]
