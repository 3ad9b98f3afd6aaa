"""Many clients in a process of their own, so that their descriptors and their work are not the load test's.

The process prints `ready` when all its clients are in place, stays until its standard input closes, then prints one
line of JSON about what happened to them.
"""

import json
import select
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

READY_SECONDS = 120
LEAVE_SECONDS = 30


class CrowdError(Exception):
    """The clients did not get in place, or did not report."""


@dataclass(frozen=True)
class Crowd:
    """Clients that are in place now."""

    module: str
    process: subprocess.Popen[str]

    def leave(self, seconds: float = LEAVE_SECONDS) -> dict[str, int]:
        """Send the clients away, which may take `seconds`, and return what they counted. Raises CrowdError."""
        try:
            output, _ = self.process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired as error:
            raise CrowdError(f"{self.module}: did not end within {seconds:g} s") from error
        try:
            counts: dict[str, int] = json.loads(output)
        except json.JSONDecodeError as error:
            raise CrowdError(f"{self.module}: exit code {self.process.returncode}, printed {output!r}") from error
        return counts


@contextmanager
def crowd(module: str, arguments: Sequence[str]) -> Iterator[Crowd]:
    """Run `module` until the block ends; enters when its clients are in place. Raises CrowdError."""
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with process:
        try:
            _await_ready(module, process)
            yield Crowd(module, process)
        finally:
            if process.poll() is None:
                process.kill()


def _await_ready(module: str, process: subprocess.Popen[str]) -> None:
    if process.stdout is None:
        raise CrowdError(f"{module}: has no output")
    readable, _, _ = select.select([process.stdout], [], [], READY_SECONDS)
    if not readable:
        raise CrowdError(f"{module}: clients not in place within {READY_SECONDS} s")
    line = process.stdout.readline()
    if line != "ready\n":
        raise CrowdError(f"{module}: said {line!r}; the reason is printed above")
