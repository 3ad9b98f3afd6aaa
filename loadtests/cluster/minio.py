"""A MinIO cluster on loopback: one process and one drive for each node, one erasure set."""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from minio.credentials.providers import StaticProvider
from minio.error import MinioAdminException
from minio.minioadmin import MinioAdmin

from loadtests.child import Child, running
from loadtests.cluster.keys import Keys
from loadtests.ports import answers, free_ports

PROGRAM = "minio"
FEWEST_NODES = 2
"""MinIO takes no fewer drives for an erasure set."""

START_SECONDS = 60.0
"""Four nodes on two processors answer 5 to 7 s after their start."""

CLUSTER_PATH = "/minio/health/cluster"
"""Answered 200 while the cluster can write."""


class MinioError(Exception):
    """The cluster is not as asked; the text says what is missing."""


@dataclass(frozen=True)
class MinioNode:
    """One running node."""

    port: int
    child: Child

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        return self.child.pid


@contextmanager
def minio_nodes(count: int, folder: Path, keys: Keys) -> Iterator[Sequence[MinioNode]]:
    """Nodes with drives in `folder`, users for both tenants; enters when the cluster can write.

    Raises ChildError, MinioError.
    """
    program = shutil.which(PROGRAM)
    if program is None:
        raise MinioError(f"no {PROGRAM} on PATH; with Go: go install github.com/minio/minio@latest")
    if count < FEWEST_NODES:
        raise MinioError(f"MinIO needs at least {FEWEST_NODES} nodes, found {count}")
    ports = free_ports(count)
    drives = [f"http://127.0.0.1:{port}{folder}/drive-{port}" for port in ports]
    common = [program, "server", "--quiet", "--certs-dir", str(folder / "certs")]
    with ExitStack() as stack:
        nodes = []
        for port in ports:
            argv = [*common, "--address", f"127.0.0.1:{port}", *drives]
            environment = _environment(port, keys)
            # A node alone is not ready: it waits for the others.
            start = running(f"minio-{port}", argv, folder, lambda: True, environment=environment)
            nodes.append(MinioNode(port, stack.enter_context(start)))
        for node in nodes:
            node.child.wait_until(partial(answers, node.port, CLUSTER_PATH), START_SECONDS)
        _add_users(ports[0], keys)
        yield nodes


def _environment(port: int, keys: Keys) -> dict[str, str]:
    settings = {
        "MINIO_ROOT_USER": keys.admin.access,
        "MINIO_ROOT_PASSWORD": keys.admin.secret,
        "MINIO_BROWSER": "off",
        "MINIO_UPDATE": "off",
        # Drives of a test may share a disk with the system.
        "MINIO_CI_CD": "on",
    }
    if Path("/.dockerenv").exists() or "KUBERNETES_SERVICE_HOST" in os.environ:
        # Inside a container MinIO waits until its own name is no loopback address, unless told which one it is.
        settings["_MINIO_SERVER_LOCAL"] = f"127.0.0.1:{port}"
    return settings


def _add_users(port: int, keys: Keys) -> None:
    """As compose/minio/setup.sh does by mc."""
    admin = MinioAdmin(
        endpoint=f"127.0.0.1:{port}",
        credentials=StaticProvider(keys.admin.access, keys.admin.secret),
        secure=False,
    )
    try:
        for key, policy in ((keys.rag, "readonly"), (keys.training, "readwrite")):
            admin.user_add(key.access, key.secret)
            admin.attach_policy([policy], user=key.access)
    except MinioAdminException as error:
        raise MinioError(f"cannot add users: {error}") from error
