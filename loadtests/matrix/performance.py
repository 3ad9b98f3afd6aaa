"""The parent's side of a performer: it is told what to do, and killed with its tree when that takes too long."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from loadtests.child import undivided
from loadtests.matrix.outcome import Outcome, Result
from loadtests.matrix.performer import Task

START_SECONDS = 60.0
"""For the imports of the largest client on a machine that does other things, too: PyTorch takes seconds."""

TASK_SECONDS = 30.0
"""For one action. The slowest that went well, of clients that start a program for each call, takes some 5 s."""

END_SECONDS = 5.0


class Gone(Exception):
    """The performer gave no answer; `outcome` says why."""

    def __init__(self, outcome: Outcome, reason: str) -> None:
        super().__init__(reason)
        self.outcome = outcome


class Performance:
    """A running performer. Once it gave no answer it `is_lost`."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self.process = process
        self.version = ""
        self.is_lost = False
        self._begun = time.monotonic()

    def tell(self, line: str) -> None:
        """Send a line, whose end is heard later. Of one that cannot be sent, too."""
        assert self.process.stdin is not None
        self._begun = time.monotonic()
        with suppress(BrokenPipeError):
            self.process.stdin.write(f"{line}\n".encode())
            self.process.stdin.flush()

    def has_answered(self, seconds: float = 0.0) -> bool:
        """Whether there is an answer, or the end, within so many seconds."""
        assert self.process.stdout is not None
        return bool(select.select([self.process.stdout], [], [], seconds)[0])

    def hear(self, seconds: float) -> dict[str, Any]:
        """The answer, which has to come within so many seconds since the line was sent. Raises Gone."""
        assert self.process.stdout is not None
        if not self.has_answered(max(0.0, self._begun + seconds - time.monotonic())):
            raise self._gone(Outcome.HUNG, f"not over after {seconds:g} s")
        line = self.process.stdout.readline()
        if not line:
            raise self._gone(Outcome.CRASHED, self._end())
        answer: dict[str, Any] = json.loads(line)
        return answer

    def result(self, seconds: float = TASK_SECONDS) -> Result:
        """What became of the task that was told last; of one without an answer, too."""
        try:
            heard = Result.from_json(self.hear(seconds))
        except Gone as gone:
            heard = Result(gone.outcome, str(gone))
        return replace(heard, seconds=round(time.monotonic() - self._begun, 2))

    def do(self, task: Task) -> Result:
        """Tell a task and wait for its end."""
        self.tell(task.to_json())
        return self.result()

    def _gone(self, outcome: Outcome, reason: str) -> Gone:
        self.is_lost = True
        return Gone(outcome, reason)

    def _end(self) -> str:
        try:
            code = self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            return "it closed its output"
        return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


@contextmanager
def performing(client: str, settings: Mapping[str, str], log: Path) -> Iterator[Performance]:
    """A performer for the length of the block, with its stderr in `log` and `settings` in its environment.

    Nothing of its tree is left afterwards. Raises Gone if there is no such client, or if it does not start.
    """
    performance: Performance | None = None
    try:
        with log.open("ab") as errors, undivided():
            performance = Performance(
                subprocess.Popen(
                    [sys.executable, "-m", "loadtests.matrix.performer", client],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    start_new_session=True,
                    env=os.environ | dict(settings),
                )
            )
        answer = performance.hear(START_SECONDS)
        if "missing" in answer:
            raise Gone(Outcome.NOT_INSTALLED, answer["missing"])
        performance.version = answer["version"]
        yield performance
    finally:
        if performance is not None:
            _end(performance)


def _end(performance: Performance) -> None:
    """Let a performer end by itself, unless it is lost, then kill what is left of its session."""
    process = performance.process
    try:
        if not performance.is_lost:
            process.communicate(timeout=END_SECONDS)
    except subprocess.TimeoutExpired:
        pass
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
