"""The storage nodes of a cluster, by kind."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from loadtests.ceph.lab import ACCESS_KEY, SECRET_KEY
from loadtests.ceph_failover import running_lab
from loadtests.cluster.keys import Key, Keys
from loadtests.cluster.minio import minio_nodes
from s3edge.demo.nodes import Nodes


@dataclass(frozen=True)
class Storage:
    """Running nodes that hold the same objects; `preset` is how s3edge probes them, `keys` are those they take."""

    urls: tuple[str, ...]
    preset: str
    keys: Keys
    pids: tuple[int, ...] = ()


StartStorage = Callable[[int, Path, Keys], AbstractContextManager[Storage]]
"""Starts so many nodes with files in a folder and, where it can choose, these keys."""


@contextmanager
def moto(count: int, folder: Path, keys: Keys) -> Iterator[Storage]:
    """Nodes of `s3edge demo`: one process, all objects in memory, any key is good. Raises StartError."""
    with Nodes(count) as nodes:
        yield Storage(nodes.urls, "s3", keys)


@contextmanager
def minio(count: int, folder: Path, keys: Keys) -> Iterator[Storage]:
    """One erasure set over `count` drives, each in a process of its own. Raises ChildError, MinioError."""
    with minio_nodes(count, folder, keys) as nodes:
        yield Storage(tuple(node.url for node in nodes), "minio", keys, tuple(node.pid for node in nodes))


@contextmanager
def ceph(count: int, folder: Path, keys: Keys) -> Iterator[Storage]:
    """Gateways of the Ceph lab, which is left as it was found. Its user gets the tenants' keys. Raises LabError."""
    with running_lab(gateways=count) as lab:
        for key in (keys.rag, keys.training):
            lab.add_key(key.access, key.secret)
        pids = [lab.gateway(number).pid() for number in range(1, count + 1)]
        admin = Key(ACCESS_KEY, SECRET_KEY)
        yield Storage(lab.access.endpoints, "ceph", replace(keys, admin=admin), tuple(pid for pid in pids if pid))


KINDS: dict[str, StartStorage] = {"minio": minio, "ceph": ceph, "moto": moto}
