"""Storage nodes of a stated capacity, all in one process: `python -m loadtests.finite_nodes --slots 16 9001 9002`.

    curl -o /dev/null http://127.0.0.1:9001/bench/8MiB-1
    curl http://127.0.0.1:9001/-/stats

A node works on so many requests at a time, as MinIO does by `requests_max`; those beyond wait in it, first come first
served. Its bandwidth is shared by the answers it works on, a quantum each in turn, as a network card shares its own. A
client that does not read gets nothing, and the others get its share. Objects are those of `tests.support.objects`.

Sockets are written to directly: what the kernel takes is sent, so that no buffer stands between pace and clock. Four
nodes that send 240 MB/s together take a sixth of one core.
"""

import argparse
import asyncio
import http.client
import json
import re
import signal
import socket
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Protocol

import uvloop

from loadtests.child import running
from loadtests.misbehaving import HEALTH_PATH, ROOT
from loadtests.needs import raise_descriptor_limit
from loadtests.ports import answers, free_ports
from tests.support.objects import content, etag, pieces, size_of
from tests.support.serving import BACKLOG, HOST

STATS_PATH = "/-/stats"

PIECE = 16 * 1024
HEAD_ROOM = 512
QUANTUM = HEAD_ROOM + PIECE
"""Bytes of one answer before it is the next one's turn: an object of 16 KiB goes in one, with its head. Less would be
nearer to how packets share a wire, and cost more."""

TURN_SECONDS = 0.001
"""What libuv's timers can do; 60 kB of a node's 60 MB/s."""

LATE_SECONDS = 0.01
"""How much bandwidth is made up for when the process was held up; the rest is lost, as on a wire."""

SEND_BUFFER = 128 * 1024
"""Bytes that the kernel takes from an answer and has not sent. With its own choice, megabytes, a client that reads
nothing would use up bandwidth."""

REQUEST_SIZE = 16 * 1024
"""Bytes that are read at once; more than any request head here has."""

_RANGE = re.compile(rb"\r\nrange: *bytes=([0-9]+)-([0-9]*)(?:\r\n|$)", re.IGNORECASE)


@dataclass(frozen=True)
class Capacity:
    """What one node can take: requests at a time, body bytes per second, and seconds to any first byte."""

    slots: int = 16
    bandwidth: float = 60e6
    first_byte: float = 0.002


@dataclass
class Counts:
    """What one node saw, probes apart. In flight is what has a slot or waits for one; `left` are clients that went."""

    arrived: int = 0
    served: int = 0
    left: int = 0
    in_flight: int = 0
    most_in_flight: int = 0
    sent: int = 0


@dataclass
class Reply:
    """An answer on its way, from the first to the last byte of `span` if a part was asked for (None: to the end).

    `due` is when its first byte may go.
    """

    path: str
    span: tuple[int, int | None] | None = None
    due: float = 0.0
    has_slot: bool = False
    _unsent: memoryview = field(default_factory=lambda: memoryview(b""))
    _body: Iterator[memoryview] = field(default_factory=lambda: iter(()))

    def begin(self, due: float) -> None:
        """Take a slot; nothing is sent before `due`."""
        total = size_of(self.path)
        first, last = self.span or (0, None)
        last = total - 1 if last is None else last
        size = last + 1 - first
        status = f"206 Partial Content\r\nContent-Range: bytes {first}-{last}/{total}" if self.span else "200 OK"
        head = f"HTTP/1.1 {status}\r\nContent-Length: {size}\r\nETag: {etag(self.path)}\r\nAccept-Ranges: bytes\r\n\r\n"
        self.due = due
        self.has_slot = True
        opening = min(size, PIECE)
        self._unsent = memoryview(head.encode() + content(self.path, first, opening))
        self._body = pieces(self.path, first + opening, size - opening)

    def stretch(self) -> memoryview:
        """What comes next, as much as lies together in memory; empty when all is sent."""
        if not self._unsent:
            self._unsent = next(self._body, memoryview(b""))
        return self._unsent

    def advance(self, size: int) -> None:
        """So much of the stretch was sent."""
        self._unsent = self._unsent[size:]


class Sender(Protocol):
    """Who sends a reply to its client; `reply` is None while there is none, or when the client is gone."""

    reply: Reply | None

    def send(self, most: int, now: float) -> tuple[int, bool]:
        """Send up to `most` bytes: how many went, and whether more may go at once."""


class Work:
    """The requests in one node: which have a slot, which wait, who sends next. Sockets are its senders'."""

    def __init__(self, capacity: Capacity) -> None:
        self.counts = Counts()
        self._capacity = capacity
        self._free_slots = capacity.slots
        self._queue: deque[Sender] = deque()
        self._starting: deque[Sender] = deque()
        self._sending: deque[Sender] = deque()
        self._credit = 0.0
        self._turned = 0.0

    @property
    def is_idle(self) -> bool:
        """Whether nobody would send anything, however long one waits."""
        return not self._starting and not self._sending

    def arrive(self, sender: Sender, now: float) -> None:
        """A request came."""
        counts = self.counts
        counts.arrived += 1
        counts.in_flight += 1
        counts.most_in_flight = max(counts.most_in_flight, counts.in_flight)
        self._queue.append(sender)
        self._fill_slots(now)

    def leave(self, reply: Reply, is_served: bool, now: float) -> None:
        """A request is answered, or its client is gone."""
        self.counts.in_flight -= 1
        if is_served:
            self.counts.served += 1
        else:
            self.counts.left += 1
        if reply.has_slot:
            self._free_slots += 1
            self._fill_slots(now)

    def go_on(self, sender: Sender) -> None:
        """A client that did not read reads again."""
        self._sending.append(sender)

    def turn(self, now: float) -> None:
        """Send what the time since the last turn allows."""
        elapsed = min(now - self._turned, LATE_SECONDS)
        self._turned = now
        starting, sending = self._starting, self._sending
        while starting and ((reply := starting[0].reply) is None or reply.due <= now):
            sending.append(starting.popleft())
        self._credit = min(self._credit + elapsed * self._capacity.bandwidth, LATE_SECONDS * self._capacity.bandwidth)
        while sending and self._credit > 0:
            sender = sending.popleft()
            sent, has_more = sender.send(QUANTUM, now)
            self._credit -= sent
            self.counts.sent += sent
            if has_more:
                sending.append(sender)
        if not sending:
            self._credit = min(self._credit, 0.0)  # what nobody wanted is gone

    def _fill_slots(self, now: float) -> None:
        while self._queue and self._free_slots:
            sender = self._queue.popleft()
            if sender.reply is not None:
                self._free_slots -= 1
                sender.reply.begin(now + self._capacity.first_byte)
                self._starting.append(sender)


class Connection:
    """A client's connection: one request at a time, kept alive."""

    def __init__(self, service: "Service", sock: socket.socket) -> None:
        self.reply: Reply | None = None
        self._service = service
        self._sock = sock
        self._received = b""
        service.loop.add_reader(sock, self._readable)

    def send(self, most: int, now: float) -> tuple[int, bool]:
        """See `Sender`."""
        reply = self.reply
        if reply is None:
            return 0, False
        piece = reply.stretch()[:most]
        try:
            sent = self._sock.send(piece)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.close()
            return 0, False
        reply.advance(sent)
        if sent < len(piece):
            self._service.loop.add_writer(self._sock, self._writable)
            return sent, False
        if reply.stretch():
            return sent, True
        self.reply = None
        self._service.work.leave(reply, True, now)
        self._answer_next()
        return sent, False

    def close(self) -> None:
        loop, reply = self._service.loop, self.reply
        loop.remove_reader(self._sock)
        loop.remove_writer(self._sock)
        self._sock.close()
        if reply is not None:
            self.reply = None
            self._service.work.leave(reply, False, loop.time())

    def _writable(self) -> None:
        self._service.loop.remove_writer(self._sock)
        self._service.go_on(self)

    def _readable(self) -> None:
        try:
            data = self._sock.recv(REQUEST_SIZE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.close()
            return
        self._received += data
        if self.reply is None:
            self._answer_next()

    def _answer_next(self) -> None:
        head, end, rest = self._received.partition(b"\r\n\r\n")
        if not end:
            return
        self._received = rest
        path = head.split(b" ", 2)[1].decode("ascii")
        if path == HEALTH_PATH:
            self._sock.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        elif path == STATS_PATH:
            body = json.dumps(asdict(self._service.work.counts)).encode()
            self._sock.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        else:
            asked = _RANGE.search(head)
            span = (int(asked[1]), int(asked[2]) if asked[2] else None) if asked else None
            self.reply = Reply(path, span)
            self._service.arrive(self)


class Service:
    """One node on its port."""

    def __init__(self, port: int, capacity: Capacity, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.work = Work(capacity)
        self._is_turning = False
        self._listener = socket.create_server((HOST, port), backlog=BACKLOG)
        self._listener.setblocking(False)
        loop.add_reader(self._listener, self._accept)

    def arrive(self, connection: Connection) -> None:
        self.work.arrive(connection, self.loop.time())
        self._keep_turning()

    def go_on(self, connection: Connection) -> None:
        self.work.go_on(connection)
        self._keep_turning()

    def _keep_turning(self) -> None:
        if not self._is_turning:
            self._is_turning = True
            self.loop.call_later(TURN_SECONDS, self._turn)

    def _turn(self) -> None:
        self.work.turn(self.loop.time())
        if self.work.is_idle:
            self._is_turning = False
        else:
            self.loop.call_later(TURN_SECONDS, self._turn)

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except BlockingIOError:
                return
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER // 2)  # the kernel doubles it
            Connection(self, sock)


@dataclass(frozen=True)
class FiniteNode:
    """A node in that process, seen from here."""

    port: int

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def counts(self) -> Counts:
        """What it saw so far. Raises OSError if it does not live."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=5)
        try:
            connection.request("GET", STATS_PATH)
            return Counts(**json.loads(connection.getresponse().read()))
        finally:
            connection.close()


def command_line(ports: Sequence[int], capacity: Capacity) -> list[str]:
    """Starts a process with a node of `capacity` at each of `ports`."""
    argv = [sys.executable, "-m", "loadtests.finite_nodes", "--slots", str(capacity.slots)]
    argv += ["--bandwidth", str(capacity.bandwidth), "--first-byte", str(capacity.first_byte)]
    return [*argv, *map(str, ports)]


@contextmanager
def finite_nodes(count: int, folder: Path, capacity: Capacity) -> Iterator[Sequence[FiniteNode]]:
    """`count` nodes of `capacity` each, on free ports, in one process. Raises ChildError."""
    nodes = [FiniteNode(port) for port in free_ports(count)]
    argv = command_line([node.port for node in nodes], capacity)

    def is_ready() -> bool:
        return all(answers(node.port, HEALTH_PATH) for node in nodes)

    with running("nodes", argv, folder, is_ready, environment={"PYTHONPATH": str(ROOT)}):
        yield nodes


async def serve(ports: Sequence[int], capacity: Capacity) -> None:
    """Serve until SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    services = [Service(port, capacity, loop) for port in ports]
    await ended.wait()
    del services


def main(argv: Sequence[str] | None = None) -> int:
    usual = Capacity()
    parser = argparse.ArgumentParser(prog="finite_nodes", description="Storage nodes of a stated capacity.")
    parser.add_argument("ports", type=int, nargs="+", help=f"a node on each of these ports of {HOST}")
    parser.add_argument("--slots", type=int, default=usual.slots, help="requests at a time (default %(default)s)")
    parser.add_argument("--bandwidth", type=float, default=usual.bandwidth, help="bytes/s (default %(default)g)")
    parser.add_argument("--first-byte", type=float, default=usual.first_byte, help="seconds (default %(default)g)")
    arguments = parser.parse_args(argv)
    raise_descriptor_limit()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            capacity = Capacity(arguments.slots, arguments.bandwidth, arguments.first_byte)
            runner.run(serve(arguments.ports, capacity))
    except OSError as error:
        print(f"finite_nodes: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
