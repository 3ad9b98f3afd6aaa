"""A worker in the test's own process, and the supervisor's end of its line in the hands of the test."""

import asyncio
import gc
import logging
import os
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import cast

import uvloop

from s3edge.config.address import Address
from s3edge.config.model import Cluster, Config
from s3edge.errors import StartError
from s3edge.qos.activity import Report, Source
from s3edge.server.channel import Channel, open_channel
from s3edge.server.messages import Ask, Beat, Fact, Message, Ready, Start
from s3edge.server.sockets import listen_alone
from s3edge.server.worker import Build, work
from tests.server.stand_in import PidPath

CONFIG = Config(drain=12.0, clusters=(Cluster.model_validate({"name": "c", "nodes": ["http://n1:9000"]}),))
LIMIT = 10.0
RAG = Source("tenant", "rag")


class Path(PidPath):
    """A data path that the test looks into; its drain ends when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.drained_for: list[float] = []
        self.may_end = asyncio.Event()
        self.has_bad_certificate = False
        self.done: dict[str, Report] = {}

    def activity(self) -> dict[str, Report]:
        done, self.done = self.done, {}
        return done

    async def drain(self, seconds: float) -> None:
        self.drained_for.append(seconds)
        await self.may_end.wait()
        await super().drain(0)

    def reload_certificate(self) -> None:
        if self.has_bad_certificate:
            raise StartError("cannot read the certificate edge.pem: Permission denied")
        super().reload_certificate()


class Line:
    """The supervisor's end."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self._transport = cast(asyncio.ReadTransport, channel._writer.transport)

    def send(self, message: Message) -> None:
        self.channel.send(message)

    async def expect(self, kind: type[Message]) -> Message:
        """The next message that is no regular beat."""
        async with asyncio.timeout(LIMIT):
            while isinstance(message := await self.channel.receive(), Beat) and message.question == 0:
                pass
        assert isinstance(message, kind)
        return message

    async def events_until(self, question: int) -> list[str]:
        """What the beats tell, up to the answer to a question."""
        told: list[str] = []
        async with asyncio.timeout(LIMIT):
            while True:
                beat = await self.channel.receive()
                assert isinstance(beat, Beat)
                told += [event.text for event in beat.events]
                if beat.question == question:
                    return told

    def pause(self) -> None:
        """Take nothing more from the socket, as a process that was stopped."""
        self._transport.pause_reading()

    def resume(self) -> None:
        self._transport.resume_reading()

    async def settle(self) -> None:
        """Return when the worker has taken in all that was sent before."""
        self.send(Ask(question=99))
        await self.expect(Beat)


@contextmanager
def _same_process() -> Iterator[None]:
    """Take back what a worker does to the whole process."""
    thresholds, root = gc.get_threshold(), logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        yield
    finally:
        gc.unfreeze()
        gc.set_threshold(*thresholds)
        root.handlers[:] = handlers
        root.setLevel(level)


@asynccontextmanager
async def working(path: Path, facts: tuple[Fact, ...] = ()) -> AsyncIterator[tuple[Line, asyncio.Task[int]]]:
    """A worker that serves, and the supervisor's end of its line."""

    def build(config: Config, number: int, workers: int) -> PidPath:
        assert (config, workers) == (CONFIG, 1)
        return path

    async with started(build, facts) as (line, task):
        try:
            assert await line.expect(Ready) == Ready()
            yield line, task
        finally:
            path.may_end.set()


@asynccontextmanager
async def started(build: Build, facts: tuple[Fact, ...] = ()) -> AsyncIterator[tuple[Line, asyncio.Task[int]]]:
    """A worker that was sent its settings; it ends when its line is closed."""
    ours, theirs = socket.socketpair()
    with listen_alone(Address("127.0.0.1", 0)) as listener:
        inherited = os.dup(listener.fileno())
    channel = await open_channel(ours)
    task = asyncio.create_task(work(theirs, build), name="worker")
    try:
        channel.send(Start(number=0, listener=inherited, settings=CONFIG.model_dump_json(), facts=facts))
        yield Line(channel), task
    finally:
        await channel.close()
        async with asyncio.timeout(LIMIT):
            await task


def run(scenario: Callable[[], Coroutine[None, None, None]]) -> None:
    """On the loop that production uses."""
    with _same_process(), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(scenario())
