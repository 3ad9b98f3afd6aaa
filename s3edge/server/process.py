"""One worker process as the supervisor sees it, and the line to it."""

import asyncio
import logging
import os
import signal
import socket
from collections import deque
from collections.abc import Sequence

from s3edge.config.admin import TOKEN_VARIABLE
from s3edge.server.channel import Channel, open_channel
from s3edge.server.messages import Ask, AskFlows, Beat, Counts, Failed, FlowsFound, Message, Ready
from s3edge.telemetry.flows import Found, Query
from s3edge.telemetry.meter import Columns, join

log = logging.getLogger(__name__)

# What a worker that closed its line may take to exit: the interpreter's own end.
EXIT_LIMIT = 5.0
# About a minute of beats: a stall stays visible for longer than the pause between two scrapes.
LAGS_KEPT = 120


# glibc gives the memory of a body back to the kernel as soon as it can and then faults it in again, page by page:
# measured, that is a fifth of the CPU of 1 MiB reads. So a worker keeps what it has freed, up to 64 MiB.
MALLOC = {"MALLOC_TRIM_THRESHOLD_": str(64 << 20), "MALLOC_MMAP_THRESHOLD_": str(16 << 20)}


def _environment() -> dict[str, str]:
    """What a worker is told by its environment. It reads what strangers send, so it never gets the admin token."""
    return {name: value for name, value in os.environ.items() if name != TOKEN_VARIABLE} | MALLOC


class WorkerProcess:
    """A worker from its start to its end; `counts` is all that it has counted, as it told last."""

    def __init__(self, number: int, process: asyncio.subprocess.Process, channel: Channel) -> None:
        self.number = number
        self.is_ready = False
        self.failure: str | None = None
        self.beat: Beat | None = None
        self.counts: Columns = {}
        self._process = process
        self._channel = channel
        self._lags: deque[float] = deque([0.0], maxlen=LAGS_KEPT)
        self._arriving: Columns = {}
        self._questions: dict[int, asyncio.Future[None]] = {}
        self._looks: dict[int, asyncio.Future[Found | None]] = {}

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def lag(self) -> float:
        """Longest that the worker's loop was late in the last minute, in seconds."""
        return max(self._lags)

    def tell(self, message: Message) -> None:
        """Send a message; one to a worker that is gone is lost."""
        self._channel.send(message)

    def ask(self, question: int) -> asyncio.Future[None]:
        """Ask for a fresh beat; the future is done when it is there, or the worker is gone."""
        self._questions[question] = asyncio.get_running_loop().create_future()
        self.tell(Ask(question=question))
        return self._questions[question]

    async def flows(self, question: int, query: Query, limit: float) -> Found | None:
        """The requests under way that are asked for; None if there is no answer within `limit` seconds."""
        self._looks[question] = asyncio.get_running_loop().create_future()
        self.tell(AskFlows(question=question, query=query))
        try:
            async with asyncio.timeout(limit):
                return await self._looks[question]
        except TimeoutError:
            return None
        finally:
            del self._looks[question]

    async def receive(self, patience: float) -> Message | None:
        """The next message, taken note of; None once the worker closed its line.

        Raises TimeoutError after so many seconds without one, and ChannelError.

        The silence is waited for in two halves: if the supervisor itself was stopped, the clock has run on, but the
        beats are there to be read.
        """
        try:
            async with asyncio.timeout(patience / 2):
                message = await self._channel.receive()
        except TimeoutError:
            async with asyncio.timeout(patience / 2):
                message = await self._channel.receive()
        self._note(message)
        return message

    def _note(self, message: Message | None) -> None:
        match message:
            case Ready():
                self.is_ready = True
            case Failed(reason=reason):
                self.failure = reason
            case Counts(part=part, columns=columns):
                if part == 0:
                    self._arriving = {}
                join(self._arriving, columns)
            case Beat(question=question):
                self.beat = message
                if message.has_counts:
                    self.counts, self._arriving = self._arriving, {}
                self._lags.append(message.lag)
                self._answered(question)
            case FlowsFound(question=question, found=found):
                self._looked(question, found)

    def _looked(self, question: int, found: Found | None) -> None:
        future = self._looks.get(question)
        if future is not None and not future.done():
            future.set_result(found)

    def _answered(self, question: int) -> None:
        future = self._questions.pop(question, None)
        if future is not None and not future.done():
            future.set_result(None)

    async def end(self, *, is_at_once: bool) -> str:
        """Wait for the process to exit, killing it at once or when it takes too long; how it ended, in words."""
        self.is_ready = False
        try:
            if not is_at_once:
                async with asyncio.timeout(EXIT_LIMIT):
                    await self._process.wait()
        except TimeoutError:
            pass
        finally:
            await self._bury()
        return self.failure or _ending(self._process.returncode)

    async def _bury(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
        for question in tuple(self._questions):
            self._answered(question)
        for question in self._looks:
            self._looked(question, None)
        await self._channel.close()


def _ending(code: int | None) -> str:
    if code is not None and code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"exited with code {code}"


async def spawn(command: Sequence[str], number: int, listener: socket.socket) -> WorkerProcess:
    """Start a worker, which inherits its listener and its end of the line, the last argument. Raises OSError."""
    ours, theirs = socket.socketpair()
    try:
        # A session of its own keeps the terminal's Ctrl-C away: when workers end is the supervisor's decision.
        process = await asyncio.create_subprocess_exec(
            *command,
            str(theirs.fileno()),
            pass_fds=(theirs.fileno(), listener.fileno()),
            stdin=asyncio.subprocess.DEVNULL,
            start_new_session=True,
            env=_environment(),
        )
        return WorkerProcess(number, process, await open_channel(ours))
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
