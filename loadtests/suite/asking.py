"""One question in a process of its own, which ends with all that it started."""

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from loadtests.child import Child, running, undivided
from loadtests.cost import tree_pids
from loadtests.suite.questions import Form, Question
from loadtests.suite.report import Outcome, State, findings_of, state_of

PATIENCE = 3.0
GRACE_SECONDS = 60.0
"""A question may take so many times what it takes on two idle cores, and so much more, before it is ended."""

STOP_SECONDS = 30.0
"""For a question to end its nodes, proxies and clients, one after the other; each may take ten seconds."""

LAST_LINES = 5
"""Of what a question printed, as the reason why it has no answer, unless a line begins with its name."""


def ask(question: Question, form: Form, folder: Path, tick: Callable[[float], object]) -> Outcome:
    """Run one question, whose output goes to logs/NAME.log of `folder`; `tick` is told how many seconds it runs."""
    logs = folder / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    argv = [sys.executable, "-m", f"loadtests.{question.name}", *shlex.split(form.arguments), "--results", str(folder)]
    began, began_at = time.monotonic(), time.time()
    limit = PATIENCE * form.seconds + GRACE_SECONDS
    with running(question.name, argv, logs, lambda: True, environment={"PYTHONUNBUFFERED": "1"}) as child, ended(child):
        while (code := wait(child, 0.5)) is None and time.monotonic() < began + limit:
            tick(time.monotonic() - began)
    took = time.monotonic() - began
    if code is None:
        return Outcome(question, form, took, State.FAILED, reason=f"not over within {limit:.0f} s, and ended")
    answer = folder / f"{question.file}.json"
    is_new = answer.exists() and answer.stat().st_mtime >= began_at
    if code in (0, 1) and is_new:
        findings = findings_of(answer)
        return Outcome(question, form, took, state_of(question.name, findings, code), findings)
    state, reason = why_unanswered(question.name, code, child.log.read_text(errors="replace"))
    return Outcome(question, form, took, state, reason=reason)


def wait(child: Child, seconds: float) -> int | None:
    """The child's exit code, or None if it runs longer than that."""
    try:
        return child.process.wait(seconds)
    except subprocess.TimeoutExpired:
        return None


@contextmanager
def ended(child: Child) -> Iterator[None]:
    """End the child at the end of the block with all that it started, whatever sessions those are in."""
    try:
        yield
    finally:
        with undivided():
            end(child, STOP_SECONDS)


def end(child: Child, seconds: float) -> None:
    """SIGTERM, upon which it ends its own children; what is left of the tree after `seconds` is killed."""
    if child.process.poll() is not None:
        return
    child.process.terminate()
    if wait(child, seconds) is None:
        for pid in tree_pids(child.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def why_unanswered(name: str, code: int, printed: str) -> tuple[State, str]:
    """Whether the question `name` has no answer for want of something, or failed; and what it said of that."""
    lines = printed.strip().splitlines()
    is_missing = code == 2 and not any(line.startswith("usage:") for line in lines)  # argparse ends with 2, too
    faults = [line.removeprefix(f"{name}: ") for line in lines if line.startswith(f"{name}: ")]
    return State.NOT_RUN if is_missing else State.FAILED, "; ".join(
        faults or lines[-LAST_LINES:]
    ) or f"exit code {code}"
