"""Readers that check every byte: `python -m loadtests.readers PORT LOAD FILE` (LOAD is a `Load` in JSON).

Prints `ready`, puts the load on 127.0.0.1:PORT until its time is over or standard input closes, lets what is under way
come to its end, writes what became of each request to FILE (see `records`), and prints a line of JSON with the count.
A request is never sent twice: what fails is counted. All in one process and one thread, since it shares the machine
with what it measures: a 4 KiB request costs 25 µs of processor time, of larger ones mostly what the kernel copies.
"""

import asyncio
import json
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, cast

import uvloop

from loadtests.answer import Answer
from loadtests.clients import claim
from loadtests.load import Ask, Asks, Load
from loadtests.needs import raise_descriptor_limit
from loadtests.records import BUCKET_SECONDS, OK, REFUSED, TIMED_OUT, Readings, Record, save

READ_SIZE = 256 * 1024
"""Bytes of one read at most; what a socket's buffer usually holds. All connections share one such buffer, since uvloop
fills it and hands it over before it reads from the next."""

REFUSED_PAUSE = 0.02
"""Seconds before a reader tries again to connect: a proxy that is not there must not be asked 10,000 times a second."""

FINISH_SECONDS = 10.0
"""How long answers may take that are under way when the time is over; what is not done then has failed."""


class Run:
    """What all readers of one process share: the clock, what they read into, and what they counted."""

    def __init__(self, port: int, load: Load) -> None:
        self.port = port
        self.host = f"127.0.0.1:{port}"
        self.load = load
        self.fields = claim(load.tenant) if load.tenant else ""
        self.asks = Asks(load)
        self.buffer = memoryview(bytearray(READ_SIZE))
        self.records: list[Record] = []
        self.received: list[int] = []
        self.began = time.monotonic()

    def count_bytes(self, count: int, now: float) -> None:
        """Add what was read to the bucket of this moment."""
        bucket = int((now - self.began) / BUCKET_SECONDS)
        while bucket >= len(self.received):
            self.received.append(0)
        self.received[bucket] += count

    def record(self, started: float, answer: Answer, outcome: str) -> None:
        """Keep what became of a request that was due at `started`, on the clock of `time.monotonic`."""
        now = time.monotonic()
        answer.end(now)
        first = None if answer.first_byte_at is None else answer.first_byte_at - started
        took = now - started
        size = answer.received if outcome == OK else 0
        self.records.append(Record(started - self.began, first, answer.stall, took, size, outcome))


class Connection(asyncio.BufferedProtocol):
    """A connection to the proxy: one request at a time."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._transport: asyncio.Transport | None = None
        self._answer: Answer | None = None
        self._over: asyncio.Future[None] | None = None

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    async def ask(self, ask: Ask, answer: Answer) -> None:
        """Send `ask` and return when the outcome of `answer` is known; cancelling leaves a closed connection."""
        if self._transport is None:
            answer.end(time.monotonic())
            return
        self._answer = answer
        self._over = asyncio.get_running_loop().create_future()
        self._transport.write(ask.head(self._run.host, self._run.fields))
        try:
            await self._over
        finally:
            self._answer = self._over = None
            if not answer.is_connection_usable:
                self.close()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._run.buffer

    def buffer_updated(self, nbytes: int) -> None:
        answer = self._answer
        if answer is None or answer.outcome is not None:  # bytes that nobody asked for
            self.close()
            return
        now = time.monotonic()
        self._run.count_bytes(nbytes, now)
        if answer.feed(self._run.buffer[:nbytes], now):
            self._wake()

    def eof_received(self) -> None:
        """The transport closes itself."""

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._answer is not None:
            self._answer.end(time.monotonic())
            self._wake()

    def _wake(self) -> None:
        if self._over is not None and not self._over.done():
            self._over.set_result(None)


class Reader:
    """One client: it keeps its connection as long as that serves, and else makes a new one for the next request.

    Its connections come from the address `source`, or from the one that the kernel chooses.
    """

    def __init__(self, run: Run, source: str = "") -> None:
        self._run = run
        self._local = (source, 0) if source else None
        self._connection = Connection(run)

    async def read(self, due: float, ask: Ask | None = None) -> None:
        """One request, due at `due`: the next of the load, or `ask`. Its record is kept.

        Cancelled when the run ends: it counts as timed out.
        """
        answer = Answer(ask or self._run.asks.draw())
        try:
            async with asyncio.timeout(max(0.0, due + self._run.load.patience - time.monotonic())):
                outcome = await self._outcome(answer)
        except TimeoutError:
            outcome = TIMED_OUT
        except asyncio.CancelledError:
            self._run.record(due, answer, TIMED_OUT)
            raise
        self._run.record(due, answer, outcome)
        if outcome == REFUSED:
            await asyncio.sleep(REFUSED_PAUSE)

    async def _outcome(self, answer: Answer) -> str:
        if not self._connection.is_open:
            try:
                _, self._connection = await asyncio.get_running_loop().create_connection(
                    lambda: Connection(self._run), "127.0.0.1", self._run.port, local_addr=self._local
                )
            except OSError:
                return REFUSED
        await self._connection.ask(answer.ask, answer)
        return answer.outcome or TIMED_OUT

    def close(self) -> None:
        self._connection.close()


async def closed_loop(run: Run, is_over: asyncio.Event) -> None:
    """Every reader on its own, one request after the other."""

    async def go_on() -> None:
        reader = Reader(run)
        try:
            while not is_over.is_set():
                await reader.read(time.monotonic())
        finally:
            reader.close()

    async with asyncio.TaskGroup() as group:
        for number in range(run.load.readers):
            group.create_task(go_on(), name=f"reader {number}")


async def open_loop(run: Run, is_over: asyncio.Event) -> None:
    """A request every 1 / rate seconds, whatever became of those before; as many connections as that takes."""
    idle: list[Reader] = []

    async def once(due: float) -> None:
        reader = idle.pop() if idle else Reader(run)
        try:
            await reader.read(due)
        except asyncio.CancelledError:
            reader.close()
            raise
        idle.append(reader)

    async with asyncio.TaskGroup() as group:
        due = run.began
        while not is_over.is_set():
            due += 1 / run.load.rate
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            group.create_task(once(due), name="request")
    for reader in idle:
        reader.close()


Work = Callable[[Run, asyncio.Event], Coroutine[Any, Any, None]]
"""Puts a load on the proxy until the event is set, and waits for what is under way then."""


async def read(run: Run, work: Work | None = None) -> None:
    """Put the whole load on the proxy; `run` holds the records afterwards. `work` takes the place of either loop."""
    loop = asyncio.get_running_loop()
    is_over = asyncio.Event()

    def finish() -> None:
        loop.remove_reader(sys.stdin.fileno())
        is_over.set()

    loop.call_later(run.load.seconds, finish)
    loop.add_reader(sys.stdin.fileno(), finish)
    print("ready", flush=True)
    run.began = time.monotonic()
    going = (work or (open_loop if run.load.rate else closed_loop))(run, is_over)
    try:
        await asyncio.wait_for(going, run.load.seconds + FINISH_SECONDS)
    except TimeoutError:
        return  # each request that was under way has recorded itself


def main() -> None:
    port, load, file = int(sys.argv[1]), Load.from_json(sys.argv[2]), Path(sys.argv[3])
    raise_descriptor_limit()
    run = Run(port, load)
    uvloop.run(read(run))
    save(Readings(run.records, run.received), file)
    print(json.dumps({"requests": len(run.records)}))


if __name__ == "__main__":
    main()
