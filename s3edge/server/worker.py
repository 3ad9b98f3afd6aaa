"""A worker process: one event loop, one listening socket, the whole data path.

The supervisor starts it as `python -m s3edge.server.worker FD`, where FD is its end of the line, and it does what it is
told there. When the supervisor is gone, it drains and exits: nobody would replace it, drain it or hear its counts.
"""

import asyncio
import gc
import logging
import os
import random
import resource
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import uvloop

from s3edge.config.model import Config
from s3edge.errors import StartError
from s3edge.fleet.leases import Leases
from s3edge.fleet.shared import Division, until_report
from s3edge.qos.activity import Report, Source
from s3edge.server.assembly import Edge
from s3edge.server.channel import Channel, ChannelError, open_channel
from s3edge.server.logs import start_logging
from s3edge.server.messages import (
    Ask,
    AskFlows,
    Beat,
    Configure,
    Counts,
    Demands,
    Drain,
    Fact,
    Failed,
    FlowsFound,
    Hold,
    Leased,
    Message,
    NodeResolved,
    NodeTurned,
    Ready,
    Reload,
    Reopen,
    Start,
)
from s3edge.telemetry.flows import Found, Query
from s3edge.telemetry.journal import Journal
from s3edge.telemetry.meter import Meter

log = logging.getLogger("s3edge.server.worker")  # it runs as `__main__`

# How often the loop's lag is looked at, and after how many looks a beat is sent: twice a second.
TICK = 0.1
TICKS_PER_BEAT = 5

# Telling all counts unasked may take this part of a worker's time: with a thousand tenants every third beat has them.
# What a worker that is killed counted since then is lost.
COUNTING = 0.005

# What an exchange makes dies by reference count when it ends; CPython searches for cycles every 700 objects.
GC_THRESHOLD = 50_000


class DataPath(Protocol):
    """What a worker needs of the data path that it runs."""

    meter: Meter
    journal: Journal
    leases: Leases

    async def serve(self, sock: socket.socket) -> None:
        """Accept connections from now on."""

    async def drain(self, seconds: float) -> None:
        """Accept no more; return when the last exchange has ended or the time is over."""

    def set_node_state(self, name: str, is_up: bool, share: float) -> None:
        """Let new attempts go to a node with this share of its weight, or not."""

    def set_node_addresses(self, name: str, addresses: Sequence[str]) -> None:
        """Dial these IP addresses from now on."""

    def hold(self, source: Source, rate: float | None, bandwidth: float | None) -> None:
        """Hold a tenant or client address to requests and to bytes sent per second; None: to no limit."""

    def lease(self, division: Division) -> None:
        """Use no more than these parts of the limits that all workers hold together."""

    def activity(self) -> dict[str, Report]:
        """What sources did since the last call, by the policy whose guard judges it."""

    async def flows(self, query: Query) -> Found:
        """The requests under way that are asked for, without holding up any of them."""

    def configure(self, config: Config) -> None:
        """Serve by another configuration, which differs in what can change live only."""

    def reload_certificate(self) -> None:
        """Read the certificate again. Raises StartError, and then keeps the old one."""

    def reopen_access_log(self) -> None:
        """Write on in a file of the same name, which is perhaps a new one."""


Build = Callable[[Config, int, int], DataPath]
"""Makes the data path for a configuration, and for which of how many workers: its number, and their count."""


class Worker:
    """Runs a data path on behalf of the supervisor."""

    def __init__(self, channel: Channel, edge: DataPath, drain: float, number: int = 0, workers: int = 1) -> None:
        """It is worker `number` of `workers`; with others it shares limits."""
        self._channel = channel
        self._number = number
        self._workers = workers
        self._edge = edge
        self._drain = drain
        self._ending: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._lag = 0.0
        self._counts_due = 0.0
        self._looks: asyncio.Queue[AskFlows] = asyncio.Queue()
        self._questions: list[int] = []  # of those who want all counts
        self._counts_wanted = asyncio.Event()

    async def run(self, listener: socket.socket, facts: Sequence[Fact]) -> None:
        """Serve until told to drain, then drain."""
        for fact in facts:
            self._obey(fact)
        await self._edge.serve(listener)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self._end, self._drain)
        self._channel.send(Ready())
        tasks = [
            asyncio.create_task(self._listen(), name="listen to the supervisor"),
            asyncio.create_task(self._beat(), name="beat"),
            asyncio.create_task(self._look(), name="look at flows"),
            asyncio.create_task(self._tell(), name="tell counts"),
        ]
        if self._workers > 1:
            tasks.append(asyncio.create_task(self._report_demands(), name="report demands"))
        for task in tasks:
            task.add_done_callback(self._task_ended)
        try:
            await self._edge.drain(await self._ending)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            # The end of a drain is when flows are cut; it is counted and told like all else.
            for number, columns in enumerate(self._edge.meter.parts()):
                self._channel.send(Counts(part=number, columns=columns))
            self._send_beat(has_counts=True)

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        """A worker that no longer listens or reports would go on by old settings and leases: better a new one."""
        if not task.cancelled() and task.exception() is not None:
            log.error("draining for a fault of s3edge itself; please report this", exc_info=task.exception())
            self._end(self._drain)

    async def _listen(self) -> None:
        reason = "the supervisor is gone"
        try:
            while (message := await self._channel.receive()) is not None:
                self._obey(message)
        except ChannelError as error:
            reason = f"the supervisor sent {error}"
        if not self._ending.done():
            log.error("%s; draining", reason)
        self._end(self._drain)

    def _obey(self, message: Message) -> None:
        log.debug("told by the supervisor: %s", message.kind)
        match message:
            case NodeTurned(node=node, is_up=is_up, share=share):
                self._edge.set_node_state(node, is_up, share)
            case NodeResolved(node=node, addresses=addresses):
                self._edge.set_node_addresses(node, addresses)
            case Hold(source=source, rate=rate, bandwidth=bandwidth):
                self._edge.hold(source, rate, bandwidth)
            case Leased(division=division):
                self._edge.lease(division)
            case Ask(question=question):
                self._questions.append(question)
                self._counts_wanted.set()
            case AskFlows():
                self._looks.put_nowait(message)
            case Reload():
                self._reload()
            case Reopen():
                self._edge.reopen_access_log()
            case Configure(settings=settings):
                self._configure(Config.model_validate_json(settings))
            case Drain(seconds=seconds):
                self._end(seconds)

    def _end(self, seconds: float) -> None:
        if not self._ending.done():
            self._ending.set_result(seconds)

    def _configure(self, config: Config) -> None:
        start_logging(f"worker {self._number}", config.log)
        self._edge.configure(config)

    def _reload(self) -> None:
        try:
            self._edge.reload_certificate()
        except StartError as error:
            log.error("keeping the old certificate: %s", error)

    async def _beat(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            for _ in range(TICKS_PER_BEAT):
                due = loop.time() + TICK
                await asyncio.sleep(TICK)
                self._lag = max(self._lag, loop.time() - due)
            # A supervisor that is stopped takes nothing; beats that pile up for it would only fill our memory.
            if self._channel.is_backlogged:
                continue
            if loop.time() < self._counts_due:
                self._send_beat()
            else:
                self._counts_wanted.set()

    async def _look(self) -> None:
        """Answer who asks for flows, one after the other. What goes wrong here must not end the data path."""
        while True:
            asked = await self._looks.get()
            try:
                found = await self._edge.flows(asked.query)
            except Exception:
                log.exception("the flows cannot be shown by a fault of s3edge itself; please report this")
            else:
                self._channel.send(FlowsFound(question=asked.question, found=found))

    async def _report_demands(self) -> None:
        """Say what is used and wanted of the limits that are shared, as long as there is anything to say."""
        now = asyncio.get_running_loop().time
        told = 0
        while True:
            await asyncio.sleep(until_report(now()))
            report = self._edge.leases.report(now())
            has_to_say = report.demands or report.round != told or self._edge.leases.has_any
            if has_to_say and not self._channel.is_backlogged:
                self._channel.send(Demands(report=report))
                told = report.round

    async def _tell(self) -> None:
        """Tell all counts when they are asked for, or due: a part in each turn of the loop, so that clients go on."""
        while True:
            await self._counts_wanted.wait()
            self._counts_wanted.clear()
            questions, self._questions = self._questions or [0], []
            used, begun = 0.0, _cpu_seconds()
            for number, columns in enumerate(self._edge.meter.parts()):
                self._channel.send(Counts(part=number, columns=columns))
                used += _cpu_seconds() - begun
                await asyncio.sleep(0)
                begun = _cpu_seconds()
            for number, question in enumerate(questions):
                self._send_beat(question, has_counts=number == 0)
            self._counts_due = asyncio.get_running_loop().time() + used / COUNTING

    def _send_beat(self, question: int = 0, *, has_counts: bool = False) -> None:
        beat = Beat(
            question=question,
            lag=self._lag,
            cpu=_cpu_seconds(),
            resident=_resident_bytes(),
            has_counts=has_counts,
            events=tuple(self._edge.journal.take()),
            activity=self._edge.activity(),
        )
        self._lag = 0.0
        self._channel.send(beat)


def _cpu_seconds() -> float:
    """Processor time of this process since it began."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _resident_bytes() -> int:
    """Memory of this process; the peak where Linux' /proc is missing."""
    try:
        return int(Path("/proc/self/statm").read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


async def work(line: socket.socket, build: Build) -> int:
    """A worker's life, from the settings that it is sent to its exit code."""
    channel = await open_channel(line)
    try:
        start = await channel.receive()
        if not isinstance(start, Start):
            return 1
        config = Config.model_validate_json(start.settings)
        start_logging(f"worker {start.number}", config.log)
        try:
            edge = build(config, start.number, start.workers)
            worker = Worker(channel, edge, config.drain, start.number, start.workers)
            _calm_collector()
            await worker.run(socket.socket(fileno=start.listener), start.facts)
        except StartError as error:
            channel.send(Failed(reason=str(error)))
            return 1
        return 0
    finally:
        await channel.close()


def _calm_collector() -> None:
    """Keep what lives as long as the worker out of the garbage collector's searches, and search rarely."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD, 20, 100)


def _raise_descriptor_limit() -> None:
    """Every client takes a descriptor or two; the soft limit of 1,024 is for programs that still use select()."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def main() -> int:
    """Run as a program of the supervisor; the exit code."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    _raise_descriptor_limit()

    def build(config: Config, number: int, workers: int) -> DataPath:
        tracing = None
        if config.tracing.endpoint is not None:
            from s3edge.server.tracing import tracing_of  # noqa: PLC0415 - OpenTelemetry is an extra

            tracing = tracing_of(config, config.tracing.endpoint, number)
        loop = asyncio.get_running_loop()
        return Edge(config, loop, random.Random(), number=number, workers=workers, tracing=tracing)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work(socket.socket(fileno=int(sys.argv[1])), build))


if __name__ == "__main__":
    sys.exit(main())
