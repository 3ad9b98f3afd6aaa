"""Clients that all come in one instant, in a network of their own: `python -m loadtests.storm CLIENTS SOMAXCONN`.

To be run by `unshare --net`, see IN_OWN_NETWORK: the kernel's longest queue of new connections, `net.core.somaxconn`,
is then this network's own. Each client asks an s3edge with one worker for an object of 4 KiB. Prints a `Storm` in JSON.
"""

import fcntl
import json
import selectors
import socket
import struct
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from loadtests.edges import Edge
from loadtests.misbehaving import misbehaving_nodes
from loadtests.needs import raise_descriptor_limit
from loadtests.nodes import scratch
from loadtests.ports import free_ports
from loadtests.records import percentile

IN_OWN_NETWORK = ("unshare", "--map-root-user", "--net", "--pid", "--fork", "--kill-child", "--mount-proc")
"""From util-linux. The end of `unshare` is the end of all that it started, whatever becomes of us."""

PATIENCE = 20.0
"""Seconds that clients wait. A SYN that is dropped is sent again after 1, 3, 7 and 15 s (RFC 6298, section 2)."""

REQUEST = b"GET /bench/4KiB-1 HTTP/1.1\r\nHost: edge\r\nConnection: close\r\n\r\n"

# linux/sockios.h and linux/if.h
SIOCSIFFLAGS = 0x8914
IFF_UP = 1


@dataclass(frozen=True)
class Storm:
    """What became of `clients`: how many were answered, and in how many seconds to the first byte.

    `overflows` is how often the queue of new connections was full, `again` how many SYNs had to be sent again.
    """

    clients: int
    answered: int
    median: float
    longest: float
    overflows: int
    again: int

    @classmethod
    def of(cls, waits: Sequence[float], clients: int, counts: Mapping[str, int]) -> "Storm":
        """The figures of those who waited so many seconds for an answer and got it, and of what the kernel counted."""
        ordered = sorted(waits)
        return cls(
            clients,
            len(ordered),
            percentile(ordered, 0.5),
            percentile(ordered, 1.0),
            counts["ListenOverflows"],
            counts["TCPSynRetrans"],
        )


def raise_loopback() -> None:
    """Let 127.0.0.1 be there: a new network has its loopback down. Raises OSError."""
    with socket.socket() as sock:
        fcntl.ioctl(sock, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))


def tcp_counts(text: str) -> dict[str, int]:
    """The counts of TcpExt in /proc/net/netstat, by name: a line of names, then one of values."""
    names, values = (line.split()[1:] for line in text.splitlines() if line.startswith("TcpExt:"))
    return {name: int(value) for name, value in zip(names, values, strict=True)}


@contextmanager
def dialled(port: int, count: int) -> Iterator[dict[socket.socket, float]]:
    """So many connections to 127.0.0.1:`port` under way, and when each was begun."""
    with ExitStack() as stack:
        begun = {}
        for _ in range(count):
            sock = stack.enter_context(closing(socket.socket()))
            sock.setblocking(False)
            begun[sock] = time.monotonic()
            sock.connect_ex(("127.0.0.1", port))
        yield begun


def ask_all(begun: dict[socket.socket, float]) -> list[float]:
    """Send a request on each as soon as it is connected; seconds to the first byte, of those that are answered."""
    waits = []
    deadline = time.monotonic() + PATIENCE
    with selectors.DefaultSelector() as selector:
        for each in begun:
            selector.register(each, selectors.EVENT_WRITE, data=each)
        while selector.get_map() and (left := deadline - time.monotonic()) > 0:
            for key, ready in selector.select(left):
                sock: socket.socket = key.data
                try:
                    if ready & selectors.EVENT_WRITE:
                        sock.sendall(REQUEST)
                        selector.modify(sock, selectors.EVENT_READ, data=sock)
                        continue
                    if sock.recv(65_536):
                        waits.append(time.monotonic() - begun[sock])
                except OSError:
                    pass  # refused or reset: not answered
                selector.unregister(sock)
    return waits


def storm(clients: int) -> Storm:
    """One storm on an s3edge of its own. Raises ChildError, OSError."""
    with ExitStack() as stack:
        folder = stack.enter_context(scratch())
        nodes = stack.enter_context(misbehaving_nodes(2, folder))
        edge = Edge("127.0.0.1", free_ports(1)[0], nodes, folder)
        stack.callback(edge.end)
        waits = ask_all(stack.enter_context(dialled(edge.port, clients)))
    return Storm.of(waits, clients, tcp_counts(Path("/proc/net/netstat").read_text()))


def main() -> None:
    clients, somaxconn = int(sys.argv[1]), sys.argv[2]
    raise_descriptor_limit()
    raise_loopback()
    Path("/proc/sys/net/core/somaxconn").write_text(somaxconn)
    print(json.dumps(asdict(storm(clients))))


if __name__ == "__main__":
    main()
