"""Programs for tests: workers without storage and a supervisor of such workers; `program` gives the command line."""

import asyncio
import os
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

import uvloop
from pydantic import SecretStr

from s3edge.config.files import ConfigFiles
from s3edge.config.model import Config
from s3edge.errors import StartError
from s3edge.events import NodeProbed
from s3edge.fleet.leases import Leases
from s3edge.fleet.shared import Division
from s3edge.qos.activity import Report, Source
from s3edge.server.supervisor import run
from s3edge.server.worker import work
from s3edge.telemetry.flows import Found, Query
from s3edge.telemetry.journal import Journal
from s3edge.telemetry.meter import Meter
from tests.support.observed import TOKEN

ROOT = Path(__file__).parents[2]

# Workers that need no more than Python's own start; the last argument is the descriptor of their line.
DIES = (sys.executable, "-S", "-c", "raise SystemExit(7)")
TALKS_NONSENSE = (
    sys.executable,
    "-S",
    "-c",
    "import os, sys; os.write(int(sys.argv[1]), b'nonsense\\n'); sys.stdin.read()",
)


def program(*arguments: str) -> tuple[str, ...]:
    """The command line of this module, wherever it is started from."""
    source = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from tests.server.stand_in import main; sys.exit(main())"
    return (sys.executable, "-c", source, *arguments)


class PidPath:
    """A data path without storage: to each line of a client it says which process it is and what it was told.

    Each such line is an event, too.
    """

    def __init__(self) -> None:
        self.meter = Meter()
        self.journal = Journal(self.meter, asyncio.get_running_loop().time)
        self.told: dict[str, str] = {}
        self.leases = Leases(lambda: (), 1, asyncio.get_running_loop().time())
        self._reloads = 0
        self._flows: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def serve(self, sock: socket.socket) -> None:
        self._server = await asyncio.start_server(self._answer, sock=sock, backlog=4096)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        flow = asyncio.current_task()
        assert flow is not None
        self._flows.add(flow)
        self.meter.connections_accepted += 1
        try:
            while await reader.readline():
                self.journal.record(NodeProbed("n1", None))
                told = ",".join(f"{name}={value}" for name, value in sorted(self.told.items()))
                writer.write(f"{os.getpid()} {self._reloads} {told}\n".encode())
        except ConnectionError:
            pass
        finally:
            self._flows.discard(flow)
            writer.close()

    async def drain(self, seconds: float) -> None:
        if self._server is not None:
            self._server.close()
        if self._flows:
            await asyncio.wait(self._flows, timeout=seconds)
        flows = tuple(self._flows)
        for flow in flows:
            flow.cancel()
        await asyncio.gather(*flows, return_exceptions=True)

    def set_node_state(self, name: str, is_up: bool, share: float) -> None:
        self.told[name] = f"up at {share:g}" if is_up and share != 1 else "up" if is_up else "down"

    def set_node_addresses(self, name: str, addresses: Sequence[str]) -> None:
        self.told[f"{name}@"] = "+".join(addresses)

    def hold(self, source: Source, rate: float | None, bandwidth: float | None) -> None:
        self.told[str(source)] = f"{rate} requests/s, {bandwidth} bytes/s"

    def lease(self, division: Division) -> None:
        """It has no limits."""

    def activity(self) -> dict[str, Report]:
        return {}

    async def flows(self, query: Query) -> Found:
        return Found(len(self._flows), 0, ())

    def configure(self, config: Config) -> None:
        for policy in config.policies:
            self.told[policy.name] = f"weight {policy.weight}"

    def reload_certificate(self) -> None:
        self._reloads += 1

    def reopen_access_log(self) -> None:
        self.told["access log"] = "opened again"


def refuse(config: Config, number: int, workers: int) -> PidPath:
    """A data path that cannot be built."""
    raise StartError("the moon is in the way; wait for the next one")


def serve(config: Config, number: int, workers: int) -> PidPath:
    """A data path that serves whatever the configuration says."""
    path = PidPath()
    path.configure(config)
    return path


def _with_token(config: Config) -> Config:
    """The configuration with the token that tests know: JSON does not carry it."""
    return config.model_copy(update={"admin": config.admin.model_copy(update={"token": SecretStr(TOKEN)})})


def main() -> int:
    """`supervise CONFIG MODE` or `supervise-file FILE MODE`: a supervisor whose workers run MODE.

    Else a worker that does `serve` or `refuse`.
    """
    match sys.argv[1:]:
        case ["supervise", config, mode]:
            try:
                return run(_with_token(Config.model_validate_json(config)), ConfigFiles(None, {}), program(mode))
            except StartError as error:
                sys.stderr.write(f"s3edge: {error}\n")
                return 1
        case ["supervise-file", file, mode]:
            files = ConfigFiles(Path(file), os.environ)
            return run(files.load(), files, program(mode))
        case ["serve" | "refuse" as mode, descriptor]:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                return runner.run(work(socket.socket(fileno=int(descriptor)), refuse if mode == "refuse" else serve))
    return 2
