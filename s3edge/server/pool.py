"""The workers of one supervisor: started, kept alive, told things, counted and drained."""

import asyncio
import logging
import socket
from collections.abc import Callable, Sequence

from s3edge.errors import StartError
from s3edge.events import Event, WorkerReplaced
from s3edge.server.channel import ChannelError
from s3edge.server.limits import LimitWatch
from s3edge.server.messages import Beat, Configure, Demands, Drain, Fact, Message, Ready, Start
from s3edge.server.process import WorkerProcess, spawn
from s3edge.server.restarts import Restarts
from s3edge.server.sockets import close
from s3edge.telemetry.flows import Found, Query
from s3edge.telemetry.meter import Snapshot
from s3edge.telemetry.rollup import Rollup

log = logging.getLogger(__name__)

# A worker beats twice a second; a silence of this length (seconds) means that all its clients wait as long.
PATIENCE = 10.0
# What a worker may take to start: many at once load the same files from one slow disk.
START_LIMIT = 30.0
# How long a scrape waits for fresh counts (seconds): a tenth of Prometheus' default time-out.
ANSWER_LIMIT = 1.0
# What a worker may take, beyond the time to drain, to close what is left and exit.
DRAIN_GRACE = 2.0


class WorkerPool:
    """Keeps one worker per listening socket alive; one task per worker.

    `listeners` are the pool's to close. `facts` gives what a new worker must know before it serves; `heard` is called
    with each beat of each worker by its number, `report` with each replacement; `patience` is how long a worker may be
    silent, in seconds.
    """

    def __init__(
        self,
        command: Sequence[str],
        listeners: list[socket.socket],
        settings: str,
        facts: Callable[[], tuple[Fact, ...]],
        heard: Callable[[int, Beat], None],
        report: Callable[[Event], None],
        patience: float = PATIENCE,
    ) -> None:
        self.size = len(listeners)
        self.restarts = 0
        self._command = command
        self._listeners = listeners
        self._settings = settings
        self._facts = facts
        self._heard = heard
        self._report = report
        self._patience = patience
        self._workers: dict[int, WorkerProcess] = {}
        self._keepers: list[asyncio.Task[None]] = []
        self._limits = LimitWatch(self.size, self._tell_one)
        self._policy = Restarts()
        self._rollup = Rollup()
        self._question = 0
        self._looking = asyncio.Lock()
        self._draining = asyncio.Event()

    @property
    def living(self) -> list[WorkerProcess]:
        """The workers that take connections."""
        return [worker for worker in self._workers.values() if worker.is_ready]

    def start(self) -> None:
        """Start the workers and keep them alive until `drain` or `kill`."""
        self._limits.start()
        self._keepers = [
            asyncio.create_task(self._keep(number, listener), name=f"keep worker {number}")
            for number, listener in enumerate(self._listeners)
        ]

    async def watch(self) -> None:
        """Return when no worker is kept any more. Raises StartError once they cannot live."""
        done, _ = await asyncio.wait(self._keepers, return_when=asyncio.FIRST_EXCEPTION)
        for keeper in done:
            keeper.result()

    def tell(self, message: Message) -> None:
        """Send a message to every worker."""
        for worker in self._workers.values():
            worker.tell(message)

    def configure(self, settings: str) -> None:
        """Have all workers, and those that replace them, serve by these settings."""
        self._settings = settings
        self.tell(Configure(settings=settings))

    def _tell_one(self, number: int, message: Message) -> None:
        worker = self._workers.get(number)
        if worker is not None:
            worker.tell(message)

    async def snapshot(self) -> Snapshot:
        """What all workers counted, the dead ones too; if one does not answer in time, its last known counts."""
        self._question += 1
        answers = [worker.ask(self._question) for worker in self.living]
        if answers:
            await asyncio.wait(answers, timeout=ANSWER_LIMIT)
        return self._rollup.total(worker.counts for worker in self._workers.values())

    async def flows(self, query: Query) -> dict[int, Found]:
        """The requests under way that are asked for, by the numbers of the workers that say so in time.

        One question at a time, so that a worker is at work on one at most, however many people look.
        """
        async with self._looking:
            self._question += 1
            living = self.living
            answers = await asyncio.gather(*(worker.flows(self._question, query, ANSWER_LIMIT) for worker in living))
        return {worker.number: found for worker, found in zip(living, answers, strict=True) if found is not None}

    async def drain(self, seconds: float) -> None:
        """Take no new connections, give flows in flight so many seconds, then end all workers."""
        self._draining.set()
        close(self._listeners)
        self.tell(Drain(seconds=seconds))
        await asyncio.wait(self._keepers, timeout=seconds + DRAIN_GRACE)
        await self.kill()

    async def kill(self) -> None:
        """End all workers at once."""
        self._draining.set()
        close(self._listeners)
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        await self._limits.close()

    async def _keep(self, number: int, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while not self._draining.is_set():
            born = loop.time()
            try:
                ending = await self._live(number, listener)
            except OSError as error:
                ending = f"could not be started: {error.strerror}"
            if self._draining.is_set():
                return
            pause = self._policy.died(number, loop.time() - born)
            if pause is None:
                raise StartError(
                    f"the workers die before they serve; the last one {ending}; see the log above for the cause"
                )
            self.restarts += 1
            log.error("worker %d %s; replacing it%s", number, ending, f" in {pause:g} s" if pause else "")
            self._report(WorkerReplaced("", None, number, ending))
            try:
                async with asyncio.timeout(pause):
                    await self._draining.wait()
            except TimeoutError:
                continue

    async def _live(self, number: int, listener: socket.socket) -> str:
        """One process from its start to its end; how it ended, in words. Raises OSError if it cannot be started."""
        worker = await spawn(self._command, number, listener)
        fault, is_at_once = "", True
        try:
            facts = (*self._facts(), *self._limits.began(number))
            start = Start(
                number=number, workers=self.size, listener=listener.fileno(), settings=self._settings, facts=facts
            )
            worker.tell(start)
            self._workers[number] = worker
            if self._draining.is_set():
                worker.tell(Drain(seconds=0))
            fault = await self._follow(worker)
            is_at_once = bool(fault)
        finally:
            ending = await worker.end(is_at_once=is_at_once)
            self._workers.pop(number, None)
            self._limits.ended(number)
            self._rollup.retire(worker.counts)
        if worker.failure is not None and not self._policy.has_served:
            raise StartError(worker.failure)
        return fault or ending

    async def _follow(self, worker: WorkerProcess) -> str:
        """Take in what a worker says until it closes its line; what is wrong if it has to be killed."""
        while True:
            patience = self._patience if worker.is_ready else max(START_LIMIT, self._patience)
            try:
                message = await worker.receive(patience)
            except TimeoutError:
                return f"gave no sign of life for {patience:g} s"
            except ChannelError as error:
                return f"sent what no worker sends: {error}"
            match message:
                case None:
                    return ""
                case Ready():
                    self._policy.ready()
                    log.info("worker %d (pid %d) takes connections", worker.number, worker.pid)
                case Beat():
                    self._heard(worker.number, message)
                case Demands(report=report):
                    self._limits.take(worker.number, report)
