"""The demo's storage: one S3 state served on several ports, each of which can be taken away and given back.

Runs as its own process, `python -m s3edge.demo.storage`, and talks with its parent by lines: it says
`ready PORT PORT PORT`, then answers `down N` and `up N` (N counts from 0) with the same line, and ends on `quit` or
when its parent's pipe closes.
"""

import argparse
import socket
import ssl
import sys
from collections.abc import Iterable
from threading import Lock, Thread
from typing import Any
from wsgiref.types import WSGIApplication

from moto.moto_server.werkzeug_app import create_backend_app
from werkzeug.serving import ThreadedWSGIServer

from s3edge.demo.handler import KeepAliveHandler

HOST = "127.0.0.1"
# Seconds between two looks at the request to stop; so long at most does a node taken away still accept connections.
STOP_POLL = 0.02


class NodeServer(ThreadedWSGIServer):
    """A WSGI server that knows its open connections, so that it can cut them as the death of a process would."""

    def __init__(self, port: int, app: WSGIApplication, tls: ssl.SSLContext | None) -> None:
        self._connections: set[socket.socket] = set()
        self._lock = Lock()
        super().__init__(HOST, port, app, KeepAliveHandler, ssl_context=tls)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Be quiet about connections that end early: by the client, or because the node was taken away."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    def cut_connections(self) -> None:
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # the client was faster


class DemoNode:
    """One port of the storage.

    A second socket stays bound to the port without listening: while the node is away connections are refused, and no
    other process can be given the port.
    """

    def __init__(self, app: WSGIApplication, tls: ssl.SSLContext | None) -> None:
        self._app = app
        self._tls = tls
        self._running: tuple[NodeServer, Thread] | None = None
        self._reservation = socket.socket()
        self._reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._reservation.bind((HOST, 0))
        self.port: int = self._reservation.getsockname()[1]

    def up(self) -> None:
        if self._running is not None:
            return
        server = NodeServer(self.port, self._app, self._tls)
        thread = Thread(target=server.serve_forever, args=(STOP_POLL,), name=f"node-{self.port}", daemon=True)
        thread.start()
        self._running = server, thread

    def down(self) -> None:
        if self._running is None:
            return
        server, thread = self._running
        self._running = None
        server.shutdown()
        thread.join()
        server.cut_connections()


def obey(nodes: list[DemoNode], lines: Iterable[str]) -> None:
    """Carry out the parent's lines until it says `quit` or closes its end."""
    for line in lines:
        match line.split():
            case ["down", number]:
                nodes[int(number)].down()
            case ["up", number]:
                nodes[int(number)].up()
            case ["quit"]:
                return
            case _:
                print("unknown", end=" ")
        print(line.strip(), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m s3edge.demo.storage", description=__doc__)
    parser.add_argument("--nodes", type=int, default=3, help="how many ports (default 3)")
    parser.add_argument("--certificate", help="PEM file with certificate and key: serve https instead of http")
    options = parser.parse_args()
    tls = None
    if options.certificate is not None:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(options.certificate)
    app = create_backend_app("s3")
    nodes = [DemoNode(app, tls) for _ in range(options.nodes)]
    for node in nodes:
        node.up()
    print("ready", *(node.port for node in nodes), flush=True)
    try:
        obey(nodes, sys.stdin)
    except KeyboardInterrupt:
        pass  # a person ended a storage started by hand


if __name__ == "__main__":
    main()
