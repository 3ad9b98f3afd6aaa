"""A MinIO cluster on loopback: one process and one drive for each node, one erasure set."""

import os
import shutil
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from minio.credentials.providers import StaticProvider
from minio.error import MinioAdminException
from minio.minioadmin import MinioAdmin

from loadtests.child import Child, running
from loadtests.cluster.keys import Keys
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


class MinioNode:
    """One node; `child` is its present process. A node alone is not ready: it waits for the others."""

    def __init__(self, port: int, folder: Path, argv: Sequence[str], environment: Mapping[str, str]) -> None:
        self.port = port
        self.name = f"127.0.0.1:{port}"
        self.url = f"http://{self.name}"
        self._folder = folder
        self._argv = argv
        self._environment = environment
        self._life = ExitStack()
        self.child = self._start()

    @property
    def pid(self) -> int:
        return self.child.pid

    def is_healthy(self, path: str) -> bool:
        """Whether it answers 200 on one of the paths above, within a second."""
        return answers(self.port, path)

    def wait_until_it_writes(self) -> None:
        """Return once the cluster can write, as this node sees it. Raises ChildError."""
        self.child.wait_until(lambda: self.is_healthy(CLUSTER_PATH), START_SECONDS)

    def kill(self) -> None:
        """SIGKILL: connections are lost, new ones refused."""
        self.child.process.kill()
        self.child.process.wait()

    def restart(self) -> None:
        """Start anew on the same port and drive; returns when it can write. Raises ChildError."""
        self.end()
        self.child = self._start()
        self.wait_until_it_writes()

    def freeze(self) -> None:
        """SIGSTOP: the kernel still takes connections and bytes, nobody answers."""
        self.child.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen node go on."""
        self.child.process.send_signal(signal.SIGCONT)

    def end(self) -> None:
        """End the process, frozen or not."""
        self.thaw()
        self._life.close()

    def _start(self) -> Child:
        start = running(f"minio-{self.port}", self._argv, self._folder, lambda: True, environment=self._environment)
        return self._life.enter_context(start)


@contextmanager
def minio_nodes(count: int, folder: Path, keys: Keys) -> Iterator[Sequence[MinioNode]]:
    """Nodes with drives in `folder`, users for both tenants; enters when the cluster can write.

    Raises ChildError, MinioError.
    """
    program = shutil.which(PROGRAM)
    if program is None:
        raise MinioError(f"no {PROGRAM} on PATH; with Go: {INSTALL}")
    if count < FEWEST_NODES:
        raise MinioError(f"MinIO needs at least {FEWEST_NODES} nodes, found {count}")
    ports = free_ports(count)
    drives = [f"http://127.0.0.1:{port}{folder}/drive-{port}" for port in ports]
    common = [program, "server", "--quiet", "--certs-dir", str(folder / "certs")]
    with ExitStack() as stack:
        nodes = []
        for port in ports:
            argv = [*common, "--address", f"127.0.0.1:{port}", *drives]
            nodes.append(MinioNode(port, folder, argv, _environment(port, keys)))
            stack.callback(nodes[-1].end)
        for node in nodes:
            node.wait_until_it_writes()
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
