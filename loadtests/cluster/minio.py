"""A MinIO cluster on loopback: one process and one drive for each node, one erasure set."""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from minio.credentials.providers import StaticProvider
from minio.error import MinioAdminException
from minio.minioadmin import MinioAdmin

from loadtests.certificate import Certificate
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
    """One node as it was started; `start` starts it again, at the same port and with the same drive."""

    port: int
    child: Child
    start: Callable[[], AbstractContextManager[Child]]
    is_tls: bool = False

    @property
    def url(self) -> str:
        return f"{'https' if self.is_tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        return self.child.pid


@contextmanager
def minio_nodes(
    count: int, folder: Path, keys: Keys, certificate: Certificate | None = None
) -> Iterator[Sequence[MinioNode]]:
    """Nodes with drives in `folder`, users for both tenants; enters when the cluster can write.

    With a certificate they speak TLS, to each other too. Raises ChildError, MinioError.
    """
    program = shutil.which(PROGRAM)
    if program is None:
        raise MinioError(f"no {PROGRAM} on PATH; with Go: go install github.com/minio/minio@latest")
    if count < FEWEST_NODES:
        raise MinioError(f"MinIO needs at least {FEWEST_NODES} nodes, found {count}")
    ports = free_ports(count)
    is_tls = certificate is not None
    scheme = "https" if is_tls else "http"
    drives = [f"{scheme}://127.0.0.1:{port}{folder}/drive-{port}" for port in ports]
    certificates = folder / f"certificates-{scheme}"
    if certificate:
        _install(certificate, certificates)
    common = [program, "server", "--quiet", "--certs-dir", str(certificates)]
    with ExitStack() as stack:
        nodes = []
        for port in ports:
            argv = [*common, "--address", f"127.0.0.1:{port}", *drives]
            environment = _environment(port, keys)
            # A node alone is not ready: it waits for the others.
            start = partial(running, f"minio-{port}", argv, folder, lambda: True, environment=environment)
            nodes.append(MinioNode(port, stack.enter_context(start()), start, is_tls))
        for node in nodes:
            node.child.wait_until(partial(answers, node.port, CLUSTER_PATH, is_tls), START_SECONDS)
        _add_users(ports[0], keys, is_tls)
        yield nodes


def _install(certificate: Certificate, folder: Path) -> None:
    """Lay a certificate where MinIO looks for its own, and the authority for those of others."""
    (folder / "CAs").mkdir(parents=True)
    names = {"public.crt": certificate.chain, "private.key": certificate.key, "CAs/ca.crt": certificate.authority}
    for name, file in names.items():
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


def _add_users(port: int, keys: Keys, is_tls: bool) -> None:
    """As compose/minio/setup.sh does by mc."""
    admin = MinioAdmin(
        endpoint=f"127.0.0.1:{port}",
        credentials=StaticProvider(keys.admin.access, keys.admin.secret),
        secure=is_tls,
        # It is our own process on loopback, and its authority is in no bundle.
        cert_check=False,
    )
    try:
        for key, policy in ((keys.rag, "readonly"), (keys.training, "readwrite")):
            admin.user_add(key.access, key.secret)
            admin.attach_policy([policy], user=key.access)
    except MinioAdminException as error:
        raise MinioError(f"cannot add users: {error}") from error
