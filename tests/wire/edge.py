"""s3edge as a process of its own."""

import json
import sys
import urllib.request
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme

from loadtests.child import Child, running
from loadtests.ports import answers, free_ports


@dataclass(frozen=True)
class Certificate:
    """PEM files: what a client trusts, what the server shows, and its key."""

    ca: Path
    chain: Path
    key: Path
    both: Path

    @property
    def flags(self) -> tuple[str, ...]:
        """What `s3edge serve` is told."""
        return "--tls-certificate", str(self.chain), "--tls-key", str(self.key)


def issue_certificate(folder: Path) -> Certificate:
    """Write a certificate for 127.0.0.1 and localhost, and its authority's."""
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", "localhost")
    files = Certificate(folder / "ca.pem", folder / "edge.pem", folder / "edge.key", folder / "both.pem")
    authority.cert_pem.write_to_path(files.ca)
    issued.cert_chain_pems[0].write_to_path(files.chain)
    issued.private_key_pem.write_to_path(files.key)
    issued.private_key_and_cert_chain_pem.write_to_path(files.both)
    return files


@dataclass(frozen=True)
class RunningEdge:
    """`s3edge serve` as it runs; `authority` is the host and port that clients use."""

    authority: str
    admin: str
    child: Child

    def node_states(self) -> list[str]:
        """What the admin server says of the nodes, in their order."""
        with urllib.request.urlopen(f"{self.admin}/api/v1/nodes", timeout=5) as answer:
            return [node["state"] for node in json.load(answer)["nodes"]]

    def wait_for(self, states: Sequence[str]) -> None:
        """Return when the nodes are in these states; ChildError when that takes 15 seconds."""
        self.child.wait_until(lambda: self.node_states() == list(states), 15)


@contextmanager
def edge(folder: Path, *options: str) -> Iterator[RunningEdge]:
    """Run `s3edge serve` with one worker and `options`, which name the nodes; enters once a node is up."""
    listen, admin = free_ports(2)
    command = [sys.executable, "-m", "s3edge", "serve", "--workers", "1"]
    command += ["--listen", f"127.0.0.1:{listen}", "--admin", f"127.0.0.1:{admin}", *options]
    with running("s3edge", command, folder, lambda: answers(admin, "/-/ready")) as child:
        yield RunningEdge(f"127.0.0.1:{listen}", f"http://127.0.0.1:{admin}", child)


def node_flags(urls: Iterable[str]) -> list[str]:
    """What `s3edge serve` is told about nodes."""
    return [word for url in urls for word in ("--node", url)]
