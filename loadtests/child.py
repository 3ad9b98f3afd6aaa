"""A child process that is never left behind."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

STOP_SECONDS = 10.0
"""How long a child may take to end after SIGTERM before its whole process group is killed."""

OUTPUT_TAIL = 4096
"""Bytes of a failed child's output that are shown: its last words, not its whole log."""


class ChildError(Exception):
    """A child process did not start, or ended too early; the text holds the end of its output."""


@dataclass(frozen=True)
class Child:
    """A running process. It leads its own session: a terminal's Ctrl-C reaches us alone, and we end it in order."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    def complaint(self, what: str) -> ChildError:
        """The error to raise about this child: what went wrong, how it stands, and the end of what it printed."""
        code = self.process.poll()
        state = "still running" if code is None else f"exit code {code}"
        tail = self.log.read_bytes()[-OUTPUT_TAIL:].decode(errors="replace").strip()
        return ChildError(f"{self.name}: {what} ({state})\n{tail}")

    def wait_until(self, is_ready: Callable[[], bool], seconds: float) -> None:
        """Ask `is_ready` until it says yes. ChildError when the process ends first or `seconds` pass."""
        deadline = time.monotonic() + seconds
        while not is_ready():
            if self.process.poll() is not None:
                raise self.complaint("ended before it was ready")
            if time.monotonic() > deadline:
                raise self.complaint(f"not ready within {seconds:g} s")
            time.sleep(0.05)

    def stop(self) -> None:
        """SIGTERM to the leader, which ends its own children; then SIGKILL to whatever is left of the group."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self._kill_group()
            self.process.wait()

    def _kill_group(self) -> None:
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            return


@contextmanager
def running(
    name: str,
    argv: Sequence[str],
    folder: Path,
    is_ready: Callable[[], bool],
    seconds: float = 15.0,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Child]:
    """Run `argv` as a child for the length of the block; its output goes to a file in `folder`.

    Enters once `is_ready` says yes, within `seconds`. `environment` is added to ours. Raises ChildError.
    """
    log = folder / f"{name}.log"
    child: Child | None = None
    try:
        with log.open("wb") as output, undivided():
            process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=os.environ | dict(environment or {}),
            )
            child = Child(name, process, log)
        child.wait_until(is_ready, seconds)
        yield child
    finally:
        if child is not None:
            child.stop()


@contextmanager
def undivided() -> Iterator[None]:
    """Hold SIGINT and SIGTERM back until the end of the block, which then ends by the first of them.

    Without it Ctrl-C in the middle of a start leaves a process that nobody knows. Other threads get no signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    held: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda number, _: held.append(number)) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
        if held:
            signal.raise_signal(held[0])


def end_on_sigterm() -> None:
    """Let SIGTERM unwind the stack as Ctrl-C does, so that every block above ends its children."""

    def leave(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, leave)
