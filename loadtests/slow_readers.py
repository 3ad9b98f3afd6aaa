"""Clients that read large objects slowly, one after the other: `python -m loadtests.slow_readers PORT PATH N RATE`.

RATE is bytes per second and reader. Small receive buffers make the proxy feel the slowness at once.
"""

import json
import selectors
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

RECEIVE_BUFFER = 32 * 1024
TURN_SECONDS = 0.1
"""How often each reader takes its share."""


@dataclass
class Counts:
    """What the readers saw: bytes, answers that came whole, and connections that broke before."""

    bytes: int = 0
    whole: int = 0
    broken: int = 0


@dataclass
class SlowReader:
    """One client; each object on a connection of its own, so that its end is the connection's end."""

    port: int
    path: str
    counts: Counts
    sock: socket.socket = field(init=False)
    expected: int | None = field(init=False)
    received: int = field(init=False)

    def __post_init__(self) -> None:
        self.ask()

    def ask(self) -> None:
        """Connect and send the next request."""
        self.expected, self.received = None, 0
        self.sock = socket.socket()
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        self.sock.settimeout(10)
        self.sock.connect(("127.0.0.1", self.port))
        head = f"GET {self.path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nConnection: close\r\n\r\n"
        self.sock.sendall(head.encode())
        self.sock.setblocking(False)

    def read(self, size: int) -> None:
        """Take at most `size` bytes if any are there; at the end of an answer, judge it and ask for the next."""
        try:
            piece = self.sock.recv(size)
        except BlockingIOError:
            return
        except ConnectionError:
            piece = b""
        if piece:
            self._count(piece)
            return
        self.sock.close()
        if self.received == self.expected:
            self.counts.whole += 1
        else:
            self.counts.broken += 1
        self.ask()

    def _count(self, piece: bytes) -> None:
        if self.expected is None:
            self.expected = whole_length(piece)
        self.received += len(piece)
        self.counts.bytes += len(piece)


def whole_length(start: bytes) -> int:
    """Bytes of head and body together, from the first piece of a 200 answer; -1 when it is no such answer."""
    head, end, _ = start.partition(b"\r\n\r\n")
    status, *fields = head.split(b"\r\n")
    lengths = [
        int(value) for name, _, value in (line.partition(b":") for line in fields) if name.lower() == b"content-length"
    ]
    if not end or b" 200 " not in status or len(lengths) != 1:
        return -1
    return len(head) + len(end) + lengths[0]


def read_until_told(readers: Sequence[SlowReader], rate: int) -> None:
    """Let every reader read `rate` bytes a second until standard input closes."""
    with selectors.DefaultSelector() as told:
        told.register(sys.stdin, selectors.EVENT_READ)
        due = time.monotonic()
        while not told.select(max(0.0, due - time.monotonic())):
            due += TURN_SECONDS
            for reader in readers:
                reader.read(int(rate * TURN_SECONDS))


def main() -> None:
    port, path, count, rate = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    counts = Counts()
    readers = [SlowReader(port, path, counts) for _ in range(count)]
    print("ready", flush=True)
    read_until_told(readers, rate)
    print(json.dumps({"bytes": counts.bytes, "whole": counts.whole, "broken": counts.broken}))


if __name__ == "__main__":
    main()
