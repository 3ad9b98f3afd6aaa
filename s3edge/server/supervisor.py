"""The process that `s3edge serve` is: it owns the sockets, the workers, the watch over the nodes and the admin server.

No client's byte passes through here, so that a scrape, a probe or a slow name server never holds up a request.
"""

import asyncio
import logging
import os
import random
import socket
import sys
import time
from collections.abc import Coroutine, Iterable, Sequence
from contextlib import AsyncExitStack
from typing import Any

import uvloop

from s3edge import __version__
from s3edge.admin.config import describe_config
from s3edge.admin.site import AdminSite
from s3edge.config.files import ConfigFiles
from s3edge.config.model import Config, Tls
from s3edge.errors import StartError
from s3edge.health.status import NodeStatus
from s3edge.server.certificates import client_context
from s3edge.server.figures import load_figures, node_figures, process_figures, share_figures, source_figures
from s3edge.server.guard import SourceWatch
from s3edge.server.logs import start_logging
from s3edge.server.messages import Beat, Fact, Reload, Reopen
from s3edge.server.pool import WorkerPool
from s3edge.server.reload import Reloader
from s3edge.server.signals import Signals
from s3edge.server.sockets import address_of, close, listen_for_operators, listen_shared
from s3edge.server.watch import NodeWatch
from s3edge.telemetry.flows import Found, Query
from s3edge.telemetry.meter import Snapshot
from s3edge.telemetry.stream import EventStream

log = logging.getLogger(__name__)

WORKER = (sys.executable, "-m", "s3edge.server.worker")


def run(config: Config, files: ConfigFiles, command: Sequence[str] = WORKER) -> int:
    """Serve until a signal ends it; the exit code. `config` is what `files` gave first; `command` starts a worker.

    Raises StartError.
    """
    start_logging("supervisor", config.log)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_serve(config, files, command))


async def _serve(config: Config, files: ConfigFiles, command: Sequence[str]) -> int:
    if config.listen.tls is not None:
        client_context(config.listen.tls)
    async with AsyncExitStack() as stack:
        listeners = listen_shared(config.listen.address, worker_count(config))
        stack.callback(close, listeners)
        admin = listen_for_operators(config.admin)
        stack.callback(admin.close)
        return await Supervisor(config, files, command, listeners).run(admin)


def worker_count(config: Config) -> int:
    """How many workers to run: as many as were asked for, or one per processor that this process may use."""
    return len(os.sched_getaffinity(0)) if config.workers == "auto" else config.workers


class Supervisor:
    """Runs the parts from the first signal's handler to the last worker's end; `listeners` are its to close.

    Raises StartError if a CA file does not serve.
    """

    def __init__(
        self, config: Config, files: ConfigFiles, command: Sequence[str], listeners: list[socket.socket]
    ) -> None:
        self._tls = config.listen.tls
        self._drain = config.drain
        self._address = address_of(listeners[0])
        self._signals = Signals()
        wall = time.time  # noqa: TID251 - people read these times; nothing is decided by them
        self.events = EventStream(asyncio.get_running_loop().time, wall)
        self._reloader = Reloader(files, config, self._configure, self.events.report, wall)
        edge = f"{socket.gethostname()}-{self._address.port}"
        self._watch = NodeWatch(config.clusters, self._tell, self.events.report, random.Random(), edge)
        self.sources = SourceWatch(config.policies, self._tell, self.events.report)
        settings = config.model_dump_json()
        self._pool = WorkerPool(command, listeners, settings, lambda: self._facts, self._heard, self.events.report)

    async def run(self, admin: socket.socket) -> int:
        """Serve, with the admin server on this socket, until a signal ends it; the exit code. Raises StartError."""
        self._signals.install(self._reload)
        async with AsyncExitStack() as stack:
            site = AdminSite(self)
            stack.push_async_callback(site.close)
            await site.start(admin)
            stack.push_async_callback(self._watch.close)
            stack.push_async_callback(self.sources.close)
            self.sources.start()
            if not await _before(self._signals.stop, self._watch.start()):
                return 0
            log.info(
                "s3edge %s: clients at %s, admin at http://%s, workers: %d",
                __version__, self._address, address_of(admin), self._pool.size,
            )  # fmt: skip
            stack.push_async_callback(self._pool.kill)
            self._pool.start()
            reloading = asyncio.create_task(self._reloader.run(), name="reload the configuration")
            stack.push_async_callback(asyncio.wait, (reloading,))
            stack.callback(reloading.cancel)
            await _before(self._signals.stop, self._pool.watch())
            if not await _before(self._signals.stop_at_once, self._pool.drain(self._drain)):
                log.warning("flows in flight were cut")
        return 0

    def nodes(self) -> Iterable[NodeStatus]:
        """All nodes, in the order of the configuration."""
        return self._watch.nodes.values()

    def set_drained(self, name: str, is_drained: bool) -> NodeStatus | None:
        """Drain a node, or end that; None if no node has this name."""
        return self._watch.set_drained(name, is_drained)

    async def snapshot(self) -> Snapshot:
        """What the workers and the supervisor counted."""
        figures = process_figures(self._pool) | node_figures(self.nodes()) | load_figures(self._reloader)
        figures |= source_figures(self.sources.statuses())
        counted = await self._pool.snapshot()
        return counted | figures | share_figures(self.nodes(), counted, len(self._pool.living))

    async def flows(self, query: Query) -> dict[int, Found]:
        """The requests under way that are asked for, by the numbers of the workers that say so in time."""
        return await self._pool.flows(query)

    @property
    def config(self) -> Config:
        """The configuration in force."""
        return self._reloader.config

    def configuration(self) -> dict[str, Any]:
        """The configuration in force, and what became of the last one that was read, as JSON."""
        return describe_config(self._reloader.config, self._reloader.applied_at, self._reloader.last)

    def why_not_ready(self) -> str | None:
        """What keeps clients from being served; None: nothing."""
        if self._signals.stop.is_set():
            return "draining"
        if not self._pool.living:
            return "no worker takes connections yet"
        states = self._watch.why_none_is_up
        return None if states is None else f"no node is proven up ({states}); see /api/v1/nodes for the reasons"

    @property
    def _facts(self) -> tuple[Fact, ...]:
        return (*self._watch.facts, *self.sources.facts)

    def _heard(self, number: int, beat: Beat) -> None:
        if beat.events:
            self.events.add(number, beat.events)
        self.sources.take(beat.activity)

    def _tell(self, fact: Fact) -> None:
        self._pool.tell(fact)

    def _configure(self, config: Config) -> None:
        """Have all parts take up what can change live."""
        start_logging("supervisor", config.log)
        self.sources.configure(config.policies)
        self._pool.configure(config.model_dump_json())

    def _reload(self) -> None:
        """Have the configuration read again, and the certificate; the access log goes on in a file of its name."""
        log.info("SIGHUP: reading the configuration again")
        self._pool.tell(Reopen())
        self._reloader.ask()
        if self._tls is not None:
            self._reload_certificate(self._tls)

    def _reload_certificate(self, tls: Tls) -> None:
        """Have workers take the certificate as it is now; a bad one goes to none, so that all keep the same old one."""
        try:
            client_context(tls)
        except StartError as error:
            log.error("SIGHUP: keeping the old certificate: %s", error)
        else:
            log.info("SIGHUP: taking the certificate %s as it is now", tls.certificate)
            self._pool.tell(Reload())


async def _before(event: asyncio.Event, action: Coroutine[Any, Any, None]) -> bool:
    """Do something unless an event comes first, which cancels it; whether it was done."""
    doing = asyncio.create_task(action, name="act until a signal")
    waiting = asyncio.create_task(event.wait(), name="wait for a signal")
    try:
        await asyncio.wait((doing, waiting), return_when=asyncio.FIRST_COMPLETED)
        if doing.done():
            doing.result()
        return doing.done()
    finally:
        for task in (doing, waiting):
            task.cancel()
        await asyncio.gather(doing, waiting, return_exceptions=True)
