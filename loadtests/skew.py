"""Which worker a connection goes to: source ports whose connections all land on one worker of an s3edge.

The kernel gives a connection to one of the sockets that share a port by a hash of addresses and ports (SO_REUSEPORT,
socket(7)), which stays the same as long as the sockets do. So a source port that was tried once is known.
"""

import http.client
import socket
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from loadtests.cost import descriptor_links
from loadtests.crowd import CrowdError
from loadtests.misbehaving import HEALTH_PATH
from loadtests.pullers import AT_ONCE, HOST

FIRST, LAST = 10_000, 18_000
"""Below the ports that nodes and proxies take, and far below those that the kernel gives out."""


def ports_to(worker: int, port: int, count: int, taken: frozenset[int] = frozenset()) -> tuple[int, ...]:
    """`count` source ports, none of `taken`, from which connections to `port` go to the process `worker`.

    Raises CrowdError when there are too few.
    """
    found = tuple(islice(_ports_to(worker, port, taken), count))
    if len(found) < count:
        raise CrowdError(f"{len(found)} source ports lead to process {worker}, {count} are needed")
    return found


def holds(pid: int, source_port: int, port: int) -> bool:
    """Whether process `pid` has accepted the connection from `source_port` to `port`."""
    inode = _inode(port, source_port)
    return f"socket:[{inode}]" in descriptor_links(pid)


def _ports_to(worker: int, port: int, taken: frozenset[int]) -> Iterator[int]:
    for source_port in range(FIRST, LAST):
        if source_port not in taken and _leads_to(worker, source_port, port):
            yield source_port


def _leads_to(worker: int, source_port: int, port: int) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=5, source_address=(HOST, source_port))
    try:
        connection.connect()
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)  # the port will be used again
        connection.request("GET", HEALTH_PATH)  # once it is answered it is accepted
        connection.getresponse().read()
        return holds(worker, source_port, port)
    except OSError:  # somebody else has the port
        return False
    finally:
        connection.close()


def _inode(port: int, peer_port: int) -> str:
    """The inode of the socket at `port` that is connected to `peer_port`, from /proc/net/tcp (proc(5))."""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if _port_of(fields[1]) == port and _port_of(fields[2]) == peer_port:
            return fields[9]
    return ""


def _port_of(address: str) -> int:
    return int(address.partition(":")[2], 16)
