"""A relay that notes what passes through it, to compare what a client sent with what a node received."""

import re
import socket
import socketserver
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock, Thread

PIECE = 64 << 10  # bytes
HEAD = re.compile(rb"(?:DELETE|GET|HEAD|POST|PUT) [^\r\n]* HTTP/1\.1\r\n(?:[^\r\n]+\r\n)*\r\n")


class Tap(socketserver.ThreadingTCPServer):
    """Relays connections to `target`, an authority, and keeps the bytes that clients sent."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        self.target = (host, int(port))
        self._lock = Lock()
        self._streams: list[bytearray] = []
        super().__init__(("127.0.0.1", 0), _Relay)

    @property
    def authority(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    def note(self) -> bytearray:
        """A place for the bytes of one more connection."""
        stream = bytearray()
        with self._lock:
            self._streams.append(stream)
        return stream

    def heads(self, containing: str) -> list[bytes]:
        """The request heads seen so far whose target contains a text, sorted. Bodies must not look like heads."""
        with self._lock:
            found = [head for stream in self._streams for head in HEAD.findall(bytes(stream))]
        return sorted(head for head in found if containing.encode() in head.partition(b"\r\n")[0])


class _Relay(socketserver.BaseRequestHandler):
    server: Tap

    def handle(self) -> None:
        client: socket.socket = self.request
        stream = self.server.note()
        with socket.create_connection(self.server.target) as node:
            answers = Thread(target=_pump, args=(node, client), daemon=True)
            answers.start()
            _pump(client, node, stream)
            answers.join()


def _pump(source: socket.socket, sink: socket.socket, stream: bytearray | None = None) -> None:
    """Move bytes until one side ends, noting them before they are passed on; then end the other side too."""
    try:
        while piece := source.recv(PIECE):
            if stream is not None:
                stream += piece
            sink.sendall(piece)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # a side that is gone ends the relay of its connection


@contextmanager
def tapped(target: str) -> Iterator[Tap]:
    """A tap in front of `target` for the block."""
    with Tap(target) as tap:
        thread = Thread(target=tap.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield tap
        finally:
            tap.shutdown()
            thread.join()
