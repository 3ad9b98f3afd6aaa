"""A MinIO cluster on loopback: one process and one drive for each node, one erasure set."""

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import urllib3
from minio.credentials.providers import StaticProvider
from minio.error import MinioAdminException
from minio.minioadmin import MinioAdmin

from loadtests.certificate import Certificate
from loadtests.child import running
from loadtests.cluster.keys import Keys
from loadtests.mortal_node import MortalNode
from loadtests.ports import answers, free_ports

PROGRAM = "minio"
INSTALL = "go install github.com/minio/minio@latest"
FEWEST_NODES = 2
"""MinIO takes no fewer drives for an erasure set."""

START_SECONDS = 60.0
"""Four nodes on two processors answer 5 to 7 s after their start."""

LIVE_PATH = "/minio/health/live"
"""Answered 200 as long as the node serves."""

CLUSTER_PATH = "/minio/health/cluster"
"""Answered 200 while the cluster can write: of four drives, three."""

CLUSTER_READ_PATH = "/minio/health/cluster/read"
"""Answered 200 while the cluster can read: of four drives, two."""


class MinioError(Exception):
    """The cluster is not as asked; the text says what is missing."""


class MinioNode(MortalNode):
    """One node. A node alone is not ready: it waits for the others."""

    def __init__(self, url: str, folder: Path, argv: Sequence[str], environment: Mapping[str, str]) -> None:
        scheme, _, self.name = url.partition("://")
        self.is_tls = scheme == "https"
        log = f"minio-{self.name.partition(':')[2]}"
        super().__init__(url, partial(running, log, argv, folder, lambda: True, environment=environment))

    @property
    def pid(self) -> int:
        return self.child.pid

    def is_healthy(self, path: str) -> bool:
        """Whether it answers 200 on one of the paths above, within a second."""
        return answers(self.port, path, self.is_tls)

    def wait_until_it_writes(self) -> None:
        """Return once the cluster can write, as this node sees it. Raises ChildError."""
        self.child.wait_until(lambda: self.is_healthy(CLUSTER_PATH), START_SECONDS)

    def restart(self) -> None:
        """Start anew on the same port and drive; returns when it can write. Raises ChildError."""
        super().restart()
        self.wait_until_it_writes()


@contextmanager
def minio_nodes(
    count: int, folder: Path, keys: Keys, certificate: Certificate | None = None
) -> Iterator[Sequence[MinioNode]]:
    """Nodes with drives in `folder`, users for both tenants; enters when the cluster can write.

    With a certificate they speak TLS, with each other too. Raises ChildError, MinioError.
    """
    program = shutil.which(PROGRAM)
    if program is None:
        raise MinioError(f"no {PROGRAM} on PATH; with Go: {INSTALL}")
    if count < FEWEST_NODES:
        raise MinioError(f"MinIO needs at least {FEWEST_NODES} nodes, found {count}")
    ports = free_ports(count)
    scheme = "https" if certificate else "http"
    drives = [f"{scheme}://127.0.0.1:{port}{folder}/drive-{port}" for port in ports]
    shown = folder / f"certs-{scheme}"
    if certificate:
        _lay_out(certificate, shown)
    common = [program, "server", "--quiet", "--certs-dir", str(shown)]
    with ExitStack() as stack:
        nodes = []
        for port in ports:
            argv = [*common, "--address", f"127.0.0.1:{port}", *drives]
            nodes.append(MinioNode(f"{scheme}://127.0.0.1:{port}", folder, argv, _environment(port, keys)))
            stack.callback(nodes[-1].end)
        for node in nodes:
            node.wait_until_it_writes()
        _add_users(nodes[0], keys, certificate)
        yield nodes


def _lay_out(certificate: Certificate, folder: Path) -> None:
    """Where MinIO looks for its own certificate, and for the authorities of other nodes."""
    (folder / "CAs").mkdir(parents=True)
    files = {
        "public.crt": certificate.chain,
        "private.key": certificate.key,
        "CAs/authority.crt": certificate.authority,
    }
    for name, file in files.items():
        shutil.copyfile(file, folder / name)


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


def _add_users(node: MinioNode, keys: Keys, certificate: Certificate | None) -> None:
    """As compose/minio/setup.sh does by mc."""
    admin = MinioAdmin(
        endpoint=node.name,
        credentials=StaticProvider(keys.admin.access, keys.admin.secret),
        secure=node.is_tls,
        http_client=urllib3.PoolManager(ca_certs=str(certificate.authority)) if certificate else None,
    )
    try:
        for key, policy in ((keys.rag, "readonly"), (keys.training, "readwrite")):
            admin.user_add(key.access, key.secret)
            admin.attach_policy([policy], user=key.access)
    except MinioAdminException as error:
        raise MinioError(f"cannot add users: {error}") from error
