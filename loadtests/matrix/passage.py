"""A narrow passage between a client and what it reads from: it lets bytes down at a pace, and tells how many passed.

On loopback an object is there before anyone could kill the node that sends it.
"""

import socket
import socketserver
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Lock, Thread

from loadtests.nodes import KIB, MIB

PACE = 24 * MIB
"""Bytes per second, over all connections together."""

BUFFER = 128 * KIB
"""Bytes that a socket of the passage holds back, so that what was sent is not far from what has passed."""

PIECE = 64 * KIB
LOOK_SECONDS = 0.01


class Passage(socketserver.ThreadingTCPServer):
    """Relays connections to a port of 127.0.0.1. A connection that breaks behind it is ended in front of it."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, target: int) -> None:
        self.target = target
        self.passed = 0
        self._lock = Lock()
        self._free = time.monotonic()
        super().__init__(("127.0.0.1", 0), _Relay)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def take_turn(self, size: int) -> None:
        """Wait until `size` more bytes may pass down."""
        with self._lock:
            self._free = max(self._free, time.monotonic()) + size / PACE
            wait = self._free - time.monotonic()
            self.passed += size
        time.sleep(max(0.0, wait))

    def wait_for(self, size: int, is_over: Callable[[], bool]) -> bool:
        """Return once `size` bytes have passed down: True; or once it is over: False."""
        while self.passed < size:
            if is_over():
                return False
            time.sleep(LOOK_SECONDS)
        return True


class _Relay(socketserver.BaseRequestHandler):
    server: Passage

    def handle(self) -> None:
        client: socket.socket = self.request
        with socket.socket() as node:
            node.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
            try:
                node.connect(("127.0.0.1", self.server.target))
            except OSError:
                _end(client)
                return
            upwards = Thread(target=_pump, args=(client, node, None), daemon=True)
            upwards.start()
            _pump(node, client, self.server)
            upwards.join()


def _pump(source: socket.socket, sink: socket.socket, passage: Passage | None) -> None:
    """Move bytes until the source ends, through the passage if there is one; then end the sink in the same way."""
    try:
        while piece := source.recv(PIECE):
            if passage is not None:
                passage.take_turn(len(piece))
            sink.sendall(piece)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        _end(source)
        _end(sink)


def _end(sock: socket.socket) -> None:
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


@contextmanager
def passage_to(target: int) -> Iterator[Passage]:
    """A passage to a port for the length of the block."""
    with Passage(target) as passage:
        thread = Thread(target=passage.serve_forever, args=(LOOK_SECONDS,), daemon=True)
        thread.start()
        try:
            yield passage
        finally:
            passage.shutdown()
            thread.join()
