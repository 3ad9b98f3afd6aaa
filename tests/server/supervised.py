"""A supervisor as a process of its own, with stand-in workers, and what a test asks of it."""

import asyncio
import re
import signal
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import aiohttp

from s3edge.config.address import Address
from s3edge.config.model import Config
from tests.server.flow import flow_to
from tests.server.stand_in import program
from tests.support.observed import TOKEN

# Seconds that a busy machine may take for what normally takes a fraction of one.
LIMIT = 30.0


class Supervised:
    """A running supervisor."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.log = ""
        self.clients = Address("", 0)
        self.admin = ""

    async def logged(self, pattern: str) -> re.Match[str]:
        """The first match in the log from now on, or in what was read of it so far; waits for it."""
        assert self.process.stderr is not None
        while (match := re.search(pattern, self.log)) is None:
            line = await self.process.stderr.readline()
            if not line:
                raise AssertionError(f"the supervisor ended and never logged {pattern!r}:\n{self.log}")
            self.log += line.decode()
        return match

    async def is_up(self) -> None:
        """Return when its addresses are known and a worker takes connections."""
        match = await self.logged(r"clients at (\S+):(\d+), admin at (\S+), workers")
        self.clients, self.admin = Address(match[1], int(match[2])), match[3]
        await self.logged("takes connections")

    async def get(self, path: str) -> tuple[int, str]:
        """Status and text of an admin page."""
        return await self._admin("GET", path)

    async def post(self, path: str, token: str = TOKEN) -> tuple[int, str]:
        """Status and text of what the admin server is told to do."""
        return await self._admin("POST", path, Authorization=f"Bearer {token}")

    async def _admin(self, method: str, path: str, **headers: str) -> tuple[int, str]:
        url = self.admin + path
        async with aiohttp.ClientSession(headers=headers) as session, session.request(method, url) as answer:
            return answer.status, await answer.text()

    async def ask(self) -> tuple[int, int, str]:
        """What a worker says on a new connection."""
        async with flow_to(self.clients) as flow:
            return await flow.ask()

    def kill(self, number: signal.Signals) -> None:
        """Send a signal to the supervisor."""
        self.process.send_signal(number)

    async def end(self) -> int:
        """Its exit code, once it has ended; the log is read to the end."""
        assert self.process.stderr is not None
        self.log += (await self.process.stderr.read()).decode()
        return await self.process.wait()


def supervisor(config: Config, mode: str = "serve") -> AbstractAsyncContextManager[Supervised]:
    """A supervisor whose workers run `mode`; it is killed at the end of the block, and its workers then leave."""
    return _running("supervise", config.model_dump_json(), mode)


def supervisor_of(file: Path) -> AbstractAsyncContextManager[Supervised]:
    """The same, by a configuration file."""
    return _running("supervise-file", str(file), "serve")


@asynccontextmanager
async def _running(*arguments: str) -> AsyncIterator[Supervised]:
    process = await asyncio.create_subprocess_exec(*program(*arguments), stderr=asyncio.subprocess.PIPE)
    supervised = Supervised(process)
    try:
        async with asyncio.timeout(LIMIT):
            yield supervised
    finally:
        if process.returncode is None:
            process.kill()
        await supervised.end()


def config_for(*nodes: str, drain: float = LIMIT, workers: int = 1, tls: tuple[Path, Path] | None = None) -> Config:
    """A configuration on free ports, whose log is text, and whose nodes are probed often and by connecting only."""
    listen: dict[str, object] = {"address": "127.0.0.1:0"}
    if tls is not None:
        listen["tls"] = {"certificate": str(tls[0]), "key": str(tls[1])}
    health = {"preset": "tcp", "interval": "50ms", "timeout": "5s", "rise": 1, "fall": 1}
    return Config.model_validate(
        {
            "listen": listen,
            "admin": {"address": "127.0.0.1:0"},
            "log": {"format": "text"},
            "workers": workers,
            "drain": drain,
            "clusters": [{"name": "c", "nodes": list(nodes), "health": health}],
        }
    )
