"""Storage nodes that misbehave on demand, each a process of its own: `python -m loadtests.misbehaving --port 9001`.

    curl -o /dev/null http://127.0.0.1:9001/bench/16MiB-1
    curl -X PUT -d '{"fault": "DiesAfter", "size": 100000, "every": 10}' http://127.0.0.1:9001/-/fault
    curl http://127.0.0.1:9001/-/stats

Objects have the size that their names say (`tests.support.objects`); faults are those of `tests.support.faults`.
"""

import argparse
import asyncio
import json
import signal
import socket
import ssl
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import uvloop

from loadtests.child import running
from loadtests.mortal_node import MortalNode
from loadtests.ports import free_ports
from tests.support.faults import Fault, to_json
from tests.support.serving import HOST, faults_of, serving

HEALTH_PATH = "/health"

ROOT = Path(__file__).parents[1]

CONTROL_SECONDS = 5.0
"""How long a node may take to carry out an order; a frozen one takes none."""


class ControlError(Exception):
    """A node did not understand an order."""


class MisbehavingNode(MortalNode):
    """A node that takes orders on a socket of its own. One that starts anew has the faults of its start."""

    def __init__(self, port: int, folder: Path, arguments: Sequence[str], certificate: Path | None = None) -> None:
        self._control = folder / f"node-{port}.sock"
        argv = [sys.executable, "-m", "loadtests.misbehaving", "--port", str(port)]
        argv += ["--control", str(self._control), *arguments]
        if certificate:
            argv += ["--certificate", str(certificate)]
        environment = {"PYTHONPATH": str(ROOT)}
        start = partial(running, f"node-{port}", argv, folder, self._takes_orders, environment=environment)
        super().__init__(f"{'https' if certificate else 'http'}://{HOST}:{port}", start)

    def set_fault(self, *faults: Fault) -> None:
        """From now on these faults and no others. Raises OSError if the node does not live."""
        self._order("PUT", "/-/fault", json.dumps([to_json(fault) for fault in faults]))

    def clear(self) -> None:
        """From now on nothing is wrong."""
        self.set_fault()

    def stats(self) -> dict[str, Any]:
        """What the present process counted, see `Storage.stats`. Raises OSError if it does not live."""
        stats: dict[str, Any] = self._order("GET", "/-/stats")
        return stats

    def _takes_orders(self) -> bool:
        with socket.socket(socket.AF_UNIX) as line:
            return line.connect_ex(str(self._control)) == 0

    def _order(self, method: str, path: str, body: str = "") -> Any:
        """Send an order to the node's Unix socket; HTTP by hand, since the answer's form is known."""
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(CONTROL_SECONDS)
            line.connect(str(self._control))
            head = f"{method} {path} HTTP/1.1\r\nHost: node\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
            line.sendall(head.encode() + body.encode())
            answer = b"".join(iter(lambda: line.recv(65_536), b""))
        document = json.loads(answer.partition(b"\r\n\r\n")[2])
        if not answer.startswith(b"HTTP/1.1 200 "):
            raise ControlError(document["error"])
        return document


@contextmanager
def misbehaving_nodes(
    count: int, folder: Path, *arguments: str, certificate: Path | None = None
) -> Iterator[Sequence[MisbehavingNode]]:
    """`count` nodes on free ports, their files in `folder`, started with further `arguments`. Raises ChildError.

    `certificate` is a PEM file with chain and key, for nodes that speak TLS.
    """
    with ExitStack() as stack:
        nodes = []
        for port in free_ports(count):
            nodes.append(MisbehavingNode(port, folder, arguments, certificate))
            stack.callback(nodes[-1].end)
        yield nodes


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="misbehaving", description="A storage node that misbehaves on demand.")
    parser.add_argument("--port", type=int, required=True, help=f"port of {HOST} to serve on")
    parser.add_argument("--control", type=Path, help="Unix socket that takes orders even if the port does not")
    parser.add_argument("--fault", type=faults_of, action="extend", default=[], metavar="JSON", help="to begin with")
    parser.add_argument("--health-path", default=HEALTH_PATH, help="path of probes (default %(default)s)")
    parser.add_argument("--versioned", action="store_true", help="answer with x-amz-version-id")
    parser.add_argument("--certificate", type=Path, help="PEM file with certificate and key: serve https")
    return parser.parse_args(argv)


async def serve(arguments: argparse.Namespace) -> None:
    """Serve until SIGTERM or SIGINT."""
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    tls = None
    if arguments.certificate is not None:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(arguments.certificate)
    async with serving(
        *arguments.fault,
        port=arguments.port,
        control=arguments.control,
        tls=tls,
        health_path=arguments.health_path,
        is_versioned=arguments.versioned,
    ):
        await ended.wait()


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parse_arguments(argv)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(arguments))
    except OSError as error:
        print(f"misbehaving: cannot serve on {HOST}:{arguments.port}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
