"""The storages that clients are tried on: nodes that can be killed and started again, by kind."""

import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from loadtests.ceph.lab import ACCESS_KEY, SECRET_KEY, Lab
from loadtests.ceph.lab import missing_programs as missing_of_ceph
from loadtests.ceph_failover import HEALTH_PATH, Gateway, running_lab
from loadtests.certificate import Certificate
from loadtests.child import running
from loadtests.cluster.keys import new_keys
from loadtests.cluster.minio import INSTALL, LIVE_PATH, minio_nodes
from loadtests.cluster.minio import PROGRAM as MINIO
from loadtests.needs import install_hint
from loadtests.ports import answers, free_ports
from loadtests.rivals import Node as ProxiedNode
from loadtests.rivals import Paths
from s3edge.demo.nodes import Nodes

NODES = 4
TLS_NODES = 2
"""One that is killed, and one to look at the storage meanwhile; MinIO has no erasure set of fewer."""

RESTART_SECONDS = 30.0

NO_TRAILERS = {
    "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
    "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
}
"""Ceph 16 knows no trailers, in which Amazon's SDKs otherwise send checksums: it answers 411, MissingContentLength."""


class StorageError(Exception):
    """A storage is not as asked; the text says what is wrong."""


class Node(ProxiedNode, Protocol):
    """A storage node that can be killed, and started again: it serves when `restart` returns."""

    def kill(self) -> None: ...

    def restart(self) -> None: ...


@dataclass(frozen=True)
class Storage:
    """Nodes by HTTP, all with the same objects, and nodes by HTTPS, which may have others.

    Who has the keys may do everything; `paths` are those for a proxy in front; `settings` is what clients of this
    storage need in their environment.
    """

    version: str
    plain: Sequence[Node]
    tls: Sequence[Node]
    access_key: str
    secret_key: str
    paths: Paths
    settings: Mapping[str, str] = field(default_factory=dict)


class LabGateway(Gateway):
    """A gateway of the Ceph lab."""

    def restart(self) -> None:
        super().restart()
        await_node(self.url, HEALTH_PATH)


class TlsGateway:
    """One more gateway of the lab's cluster, which speaks TLS; `stack` ends its processes. Raises StorageError."""

    def __init__(self, lab: Lab, folder: Path, certificate: Certificate, stack: ExitStack) -> None:
        (self.port,) = free_ports(1)
        self.url = f"https://127.0.0.1:{self.port}"
        self._stack = stack
        name = f"rgw.tls-{self.port}"
        data = folder / name
        data.mkdir()
        shown = f"ssl_certificate={certificate.chain} ssl_private_key={certificate.key}"
        argv = ["radosgw", "-f", "-c", str(lab.config), "-n", f"client.{name}", "--rgw-data", str(data)]
        argv += ["--rgw-frontends", f"beast ssl_endpoint=127.0.0.1:{self.port} {shown} tcp_nodelay=1"]
        self._start = partial(running, name, argv, folder, lambda: True)
        self.restart()

    def kill(self) -> None:
        self._child.process.kill()
        self._child.process.wait()

    def restart(self) -> None:
        self._child = self._stack.enter_context(self._start())
        await_node(self.url, HEALTH_PATH)


@dataclass(frozen=True)
class MotoNode:
    """A port of moto: it is cut off instead of killed."""

    nodes: Nodes
    number: int

    @property
    def url(self) -> str:
        return self.nodes.urls[self.number]

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or 0

    def kill(self) -> None:
        self.nodes.take_away(self.number)

    def restart(self) -> None:
        self.nodes.give_back(self.number)


def await_node(url: str, health: str) -> None:
    """Return once a node answers. Raises StorageError."""
    parts = urlsplit(url)
    deadline = time.monotonic() + RESTART_SECONDS
    while not answers(parts.port or 0, health, is_tls=parts.scheme == "https"):
        if time.monotonic() > deadline:
            raise StorageError(f"{url} does not serve {RESTART_SECONDS:g} s after it was started again")
        time.sleep(0.05)


@contextmanager
def moto(folder: Path, certificate: Certificate) -> Iterator[Storage]:
    """Two processes, one by HTTP and one by HTTPS, with all objects in memory; any key is good. Raises StartError."""
    with Nodes(NODES) as plain, Nodes(TLS_NODES, "--certificate", str(certificate.bundle)) as tls:
        yield Storage(
            f"moto {version('moto')}",
            [MotoNode(plain, number) for number in range(NODES)],
            [MotoNode(tls, number) for number in range(TLS_NODES)],
            "matrix",
            "matrix-secret",
            Paths(health="/", served="/"),
        )


@contextmanager
def minio(folder: Path, certificate: Certificate) -> Iterator[Storage]:
    """An erasure set by HTTP and another one by HTTPS. Raises ChildError, MinioError."""
    keys = new_keys()
    with ExitStack() as stack:
        plain = stack.enter_context(minio_nodes(NODES, folder, keys))
        tls = stack.enter_context(minio_nodes(TLS_NODES, folder, keys, certificate))
        paths = Paths(health=LIVE_PATH, served=LIVE_PATH)
        yield Storage(_minio_version(), plain, tls, keys.admin.access, keys.admin.secret, paths)


@contextmanager
def ceph(folder: Path, certificate: Certificate) -> Iterator[Storage]:
    """Gateways of the Ceph lab, and others of its cluster that speak TLS. Raises ChildError, LabError, StorageError."""
    with running_lab(gateways=NODES) as lab, ExitStack() as stack:
        gateways = [LabGateway(port, lab.gateway(number)) for number, port in enumerate(lab.gateway_ports, start=1)]
        tls = [TlsGateway(lab, folder, certificate, stack) for _ in range(TLS_NODES)]
        paths = Paths(health=HEALTH_PATH, served=HEALTH_PATH)
        yield Storage(_ceph_version(), gateways, tls, ACCESS_KEY, SECRET_KEY, paths, NO_TRAILERS)


def _ceph_version() -> str:
    said = subprocess.run(["radosgw", "--version"], capture_output=True, text=True, timeout=30, check=True)
    return f"Ceph {said.stdout.split()[2]}"


def _minio_version() -> str:
    """The release or, of one that `go install` made, which does not know its own, the day and commit of its source."""
    said = subprocess.run([MINIO, "--version"], capture_output=True, text=True, timeout=30, check=True).stdout.split()[
        2
    ]
    go, program = shutil.which("go"), shutil.which(MINIO)
    if said.startswith("DEVELOPMENT") and go and program:
        built = subprocess.run([go, "version", "-m", program], capture_output=True, text=True, timeout=30, check=True)
        source = re.search(r"^\s*mod\s.*-(\d{4})(\d\d)(\d\d)\d+-(\w+)", built.stdout, re.MULTILINE)
        said = "{}-{}-{} ({})".format(*source.groups()) if source else said
    return f"MinIO {said}"


StartStorage = Callable[[Path, Certificate], AbstractContextManager[Storage]]
"""Starts a storage with files in a folder; its nodes by HTTPS show the certificate."""

KINDS: dict[str, StartStorage] = {"ceph": ceph, "minio": minio, "moto": moto}
"""By preference: those that verify signatures first."""


def missing_for(kind: str) -> str:
    """What is missing for a kind and how to install it; empty if nothing is."""
    if kind == "ceph" and (missing := missing_of_ceph()):
        return install_hint(missing, sorted(set(missing.values())))
    if kind == "minio" and shutil.which(MINIO) is None:
        return f"not found: {MINIO}\nwith Go: {INSTALL}"
    return ""


def default_kind() -> str:
    """The first of KINDS of which nothing is missing."""
    return next(kind for kind in KINDS if not missing_for(kind))
