"""Greedy clients, as many as it takes: `python -m loadtests.pullers PORT[,PORT...] CLIENTS FILE` (see `clients`).

Prints `ready`, pulls until the time is over, writes what each tenant's clients got to FILE, and prints a line of JSON.
Connections take the ports in turn. Bodies are thrown away inside the kernel (MSG_TRUNC, tcp(7)), so that one process
pulls several GiB/s: what is measured is never this.
"""

import asyncio
import json
import random
import re
import socket
import struct
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import uvloop

from loadtests.clients import BUCKET_SECONDS, Clients, Got, claim, from_json, save
from loadtests.load import KEYS
from loadtests.needs import raise_descriptor_limit

HOST = "127.0.0.1"

SCRAP = bytearray(1 << 20)
"""Says how much may be thrown away at once; nothing is ever written to it."""

HEAD_SIZE = 4096
"""Bytes of an answer that are looked at: its head, and what came with it."""

DRAWN = 4096
"""Requests drawn in advance, over and over: drawing one costs as much as all else."""

PAUSE = 1.0
"""Seconds that a polite client waits when told to slow down without being told how long, or cut off."""

AT_ONCE = struct.pack("ii", 1, 0)
"""SO_LINGER by which closing sends a reset: who reconnects thousands of times a second must not run out of ports."""

_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)\r\n", re.IGNORECASE)
_RETRY_AFTER = re.compile(rb"\r\nretry-after: *([0-9]+)\r\n", re.IGNORECASE)
_CLOSES = re.compile(rb"\r\nconnection: *close\r\n", re.IGNORECASE)


class Tally:
    """What the clients of one tenant share: what they ask for, and what they got."""

    def __init__(self, clients: Clients, host: str) -> None:
        rng = random.Random(clients.tenant)
        self.got = Got(clients.tenant)
        self.is_reckless = clients.is_reckless
        self.outcomes: Counter[str] = Counter()
        sizes = rng.choices(list(clients.sizes), list(clients.sizes.values()), k=DRAWN)
        fields = f"Host: {host}\r\n{claim(clients.tenant)}\r\n"
        self.heads = [f"GET /bench/{size}B-{rng.randrange(KEYS)} HTTP/1.1\r\n{fields}".encode() for size in sizes]
        self._next = 0

    def begin(self, now: float) -> None:
        self.got.began = now

    def draw(self) -> bytes:
        """The next request."""
        self._next = (self._next + 1) % DRAWN
        return self.heads[self._next]

    def count(self, series: list[int], amount: int) -> None:
        """Add to the bucket of this moment."""
        bucket = int((time.monotonic() - self.got.began) / BUCKET_SECONDS)
        while bucket >= len(series):
            series.append(0)
        series[bucket] += amount

    def result(self) -> Got:
        self.got.outcomes = dict(sorted(self.outcomes.items()))
        return self.got


class Puller:
    """One client on one connection at a time."""

    def __init__(self, tally: Tally, port: int, source_port: int) -> None:
        self._tally = tally
        self._address = (HOST, port)
        self._source_port = source_port
        self._loop = asyncio.get_running_loop()
        self._sock: socket.socket | None = None
        self._left = 0
        self._status = b""
        self._pause = 0.0
        self._closes = False

    def connect(self) -> None:
        """Make a connection and ask."""
        sock = socket.socket()
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
        if self._source_port:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((HOST, self._source_port))
        sock.connect_ex(self._address)
        self._sock = sock
        self._loop.add_writer(sock, self._connected)

    def close(self) -> None:
        if self._sock is not None:
            self._loop.remove_writer(self._sock)
            self._loop.remove_reader(self._sock)
            self._sock.close()
            self._sock = None

    def _connected(self) -> None:
        if self._sock is None:
            return
        self._loop.remove_writer(self._sock)
        self._loop.add_reader(self._sock, self._readable)
        self._ask()

    def _ask(self) -> None:
        if self._sock is None:
            return
        self._status = b""
        try:
            self._sock.send(self._tally.draw())
        except OSError:
            self._break("refused")

    def _readable(self) -> None:
        if self._sock is None:
            return
        try:
            if not self._left:
                self._take_head(self._sock.recv(HEAD_SIZE))
                return
            size = self._sock.recv_into(SCRAP, min(self._left, len(SCRAP)), socket.MSG_TRUNC)
        except BlockingIOError:
            return
        except OSError:
            size = 0
        if size:
            self._take_body(size)
        else:
            self._break("reset")

    def _take_head(self, data: bytes) -> None:
        head, end, rest = data.partition(b"\r\n\r\n")
        length = _LENGTH.search(head + b"\r\n")
        if not end or length is None:
            self._break("reset" if not data else "malformed")
            return
        self._status = data[9:12]
        self._closes = _CLOSES.search(head + b"\r\n") is not None
        asked = _RETRY_AFTER.search(head + b"\r\n")
        self._pause = float(asked[1]) if asked else PAUSE
        self._left = int(length[1])
        self._take_body(len(rest))

    def _take_body(self, size: int) -> None:
        tally = self._tally
        self._left -= size
        if self._status == b"200":
            tally.count(tally.got.received, size)
        if not self._left:
            self._end_of_answer()

    def _end_of_answer(self) -> None:
        tally = self._tally
        if self._status == b"200":
            tally.outcomes["ok"] += 1
            tally.count(tally.got.answered, 1)
            if self._closes:
                self._again(0.0)
            else:
                self._ask()
            return
        tally.outcomes[self._status.decode()] += 1
        if tally.is_reckless or self._closes:
            self._again(self._pause)
        else:
            self._loop.call_later(self._pause, self._ask)

    def _break(self, outcome: str) -> None:
        self._left = 0
        self._tally.outcomes[outcome] += 1
        self._again(PAUSE)

    def _again(self, pause: float) -> None:
        """On a new connection; reckless clients do not wait."""
        self.close()
        if self._tally.is_reckless or not pause:
            self._loop.call_soon(self.connect)
        else:
            self._loop.call_later(pause, self.connect)


async def pull(groups: Sequence[Clients], ports: Sequence[int], seconds: float) -> list[Got]:
    """Let all pull for `seconds`; what is under way at the end counts by what came of it."""
    loop = asyncio.get_running_loop()
    tallies = [Tally(clients, f"{HOST}:{ports[0]}") for clients in groups]
    pullers: list[Puller] = []
    print("ready", flush=True)
    for clients, tally in zip(groups, tallies, strict=True):
        tally.begin(time.monotonic())
        for number in range(clients.connections):
            source_port = clients.source_ports[number] if clients.source_ports else 0
            puller = Puller(tally, ports[number % len(ports)], source_port)
            pullers.append(puller)
            loop.call_later(clients.begin, puller.connect)
    await asyncio.sleep(seconds)
    for puller in pullers:
        puller.close()
    return [tally.result() for tally in tallies]


def main() -> None:
    ports = [int(port) for port in sys.argv[1].split(",")]
    groups, seconds = from_json(sys.argv[2])
    raise_descriptor_limit()
    got = uvloop.run(pull(groups, ports, seconds))
    save(got, Path(sys.argv[3]))
    print(json.dumps({one.tenant: sum(one.outcomes.values()) for one in got}))


if __name__ == "__main__":
    main()
