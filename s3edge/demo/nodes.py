"""The demo's storage process, seen from its parent."""

import subprocess
import sys
from types import TracebackType
from typing import Self

from s3edge.errors import StartError

STOP_SECONDS = 5.0  # how long the process may take to end once its pipe is closed


class Nodes:
    """Starts the storage of `s3edge.demo.storage` and ends it with the block.

    Calls block until the process has answered, which takes milliseconds; they are meant for a thread of their own
    where a loop runs. Raises StartError when the process does not start or has ended.
    """

    def __init__(self, count: int = 3, *arguments: str) -> None:
        # A group of its own: a terminal's Ctrl-C reaches the parent only, which ends its children in order.
        self._process = subprocess.Popen(
            [sys.executable, "-m", "s3edge.demo.storage", "--nodes", str(count), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            process_group=0,
        )
        self._scheme = "https" if "--certificate" in arguments else "http"
        self._ports: list[str] = []

    def __enter__(self) -> Self:
        try:
            self._ports = self._answer().split()[1:]
        except StartError:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def urls(self) -> tuple[str, ...]:
        return tuple(f"{self._scheme}://127.0.0.1:{port}" for port in self._ports)

    def take_away(self, number: int) -> None:
        """Refuse connections to node `number` (from 0) and cut those it has."""
        self._ask(f"down {number}")

    def give_back(self, number: int) -> None:
        """Let node `number` serve again, at the same port and with the same objects."""
        self._ask(f"up {number}")

    def _ask(self, line: str) -> None:
        assert self._process.stdin is not None
        print(line, file=self._process.stdin, flush=True)
        if self._answer() != line:
            raise StartError(f"the storage process did not understand {line!r}")

    def _answer(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise StartError(f"the storage process ended with status {self._process.wait()}")
        return line.strip()

    def stop(self) -> None:
        """Close the pipe, at which the process ends; kill it if it does not."""
        try:
            self._process.communicate(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
