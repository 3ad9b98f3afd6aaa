"""s3edge as a process of its own before a node that the test plays itself, on a loop of its own."""

import asyncio
import json
import socket
import ssl
import sys
import urllib.request
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from loadtests.child import Child, running
from loadtests.ports import answers, free_ports
from tests.support.client import Client, dial
from tests.support.node import Node

LOCAL = "127.0.0.1"


def limit(seconds: float) -> float:
    """Patience with real processes: what normally takes milliseconds, on a busy machine."""
    return seconds * 10


class NodeSocket:
    """The listening socket of a node, which outlives the node: probes by TCP always find it."""

    def __init__(self) -> None:
        self.sock = socket.create_server((LOCAL, 0), backlog=1024)
        self.port: int = self.sock.getsockname()[1]

    @asynccontextmanager
    async def played_by(self, node: Node, tls: ssl.SSLContext | None = None) -> AsyncIterator[Node]:
        """Let `node` play its scripts on each connection."""
        server = await asyncio.get_running_loop().create_server(node.accept, sock=self.sock.dup(), ssl=tls)
        try:
            async with node:
                yield node
        finally:
            server.close()

    def close(self) -> None:
        self.sock.close()


@dataclass(frozen=True)
class Service:
    """A running `s3edge serve` with one worker."""

    child: Child
    port: int
    admin: int

    @property
    def worker(self) -> int:
        """The worker's process id."""
        return int(Path(f"/proc/{self.child.pid}/task/{self.child.pid}/children").read_text().split()[0])

    @property
    def resident(self) -> int:
        """The worker's memory in bytes."""
        for line in Path(f"/proc/{self.worker}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("the worker has no memory")

    @property
    def descriptors(self) -> int:
        """How many files, sockets and pipes the worker has open."""
        return len(list(Path(f"/proc/{self.worker}/fd").iterdir()))

    def dial(self, tls: ssl.SSLContext | None = None) -> AbstractAsyncContextManager[Client]:
        """A client's connection, reset at the end of the block."""
        connect = partial(asyncio.get_running_loop().create_connection, ssl=tls)
        return dial(connect, LOCAL, self.port, patience=limit(2))

    async def metric(self, name: str) -> float:
        """The sum of a metric's samples."""
        text = await asyncio.to_thread(self.scrape)
        values = [line.rpartition(" ")[2] for line in text.splitlines() if line.startswith((name + " ", name + "{"))]
        return sum(float(value) for value in values)

    def scrape(self) -> str:
        """What `/metrics` says."""
        with urllib.request.urlopen(f"http://{LOCAL}:{self.admin}/metrics", timeout=limit(1)) as answer:
            content: bytes = answer.read()
            return content.decode()


@contextmanager
def service(
    folder: Path, *nodes: str, environment: Mapping[str, str] | None = None, **sections: Any
) -> Iterator[Service]:
    """Run s3edge before these nodes (URLs), probed by TCP so that they see no request but the clients'.

    `listen`, `admin`, `connections` and `tls` (the nodes') are the configuration's sections, without addresses.
    """
    port, admin = free_ports(2)
    cluster = {"name": "storage", "nodes": nodes, "health": {"preset": "tcp"}}
    cluster |= {name: sections.pop(name) for name in ("connections", "tls") if name in sections}
    listen = {"address": f"{LOCAL}:{port}", **sections.pop("listen", {})}
    config = {
        "listen": listen,
        "admin": {"address": f"{LOCAL}:{admin}", **sections.pop("admin", {})},
        "workers": 1,
        "clusters": [cluster],
        **sections,
    }
    file = folder / "s3edge.yaml"
    file.write_text(json.dumps(config), "utf-8")
    command = [sys.executable, "-m", "s3edge", "serve", "--config", str(file)]
    with running("s3edge", command, folder, lambda: answers(admin, "/-/ready"), environment=environment) as child:
        yield Service(child, port, admin)
