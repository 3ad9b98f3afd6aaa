"""All questions in a row, and one report: `make loadtest`, `make loadtest-full`, or `python -m loadtests.suite --help`.

Each question is a process of its own, which Ctrl-C and SIGTERM end with all that it started.
"""

import argparse
import os
import shlex
import signal
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from loadtests.child import Child, end_on_sigterm, running, undivided
from loadtests.cost import tree_pids
from loadtests.findings import RESULTS
from loadtests.machine import describe_machine
from loadtests.questions import QUESTIONS, Form, Question
from loadtests.suite_report import Outcome, State, as_markdown, exit_code, findings_of, in_short, state_of

SHORT_RESULTS = Path("build/loadtest")
"""Not over those of the long form, which README quotes."""

PATIENCE = 3.0
GRACE_SECONDS = 60.0
"""A question may take so many times what it takes on two idle cores, and so much more, before it is ended."""

STOP_SECONDS = 30.0
"""For a question to end its nodes, proxies and clients, one after the other; each may take ten seconds."""

LAST_LINES = 5
"""Of what a question printed, as the reason why it has no answer."""

STYLES = {State.MET: "green", State.KNOWN: "yellow", State.MISSED: "red", State.FAILED: "red", State.NOT_RUN: "dim"}


def parse_arguments(argv: Sequence[str] | None) -> Namespace:
    parser = argparse.ArgumentParser(prog="suite", description="Ask all questions and write one report.")
    names = [question.name for question in QUESTIONS]
    parser.add_argument("--full", action="store_true", help="the long form, whose results are quoted")
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="NAME", help=", ".join(names))
    parser.add_argument("--results", type=Path, help=f"folder for all results (default {SHORT_RESULTS}, {RESULTS})")
    return parser.parse_args(argv)


def ask(question: Question, form: Form, folder: Path, tick: Callable[[float], object]) -> Outcome:
    """Run one question, whose output goes to logs/NAME.log of `folder`; `tick` is told how many seconds it runs."""
    if find_spec(f"loadtests.{question.name}") is None:
        return Outcome(question, form, 0.0, State.NOT_RUN, reason="not in this checkout")
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
    state, reason = why_unanswered(code, child.log.read_text(errors="replace"))
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
            os.kill(pid, signal.SIGKILL)


def why_unanswered(code: int, printed: str) -> tuple[State, str]:
    """Whether a question without answer could not run for want of something, or failed; and its last words."""
    lines = printed.strip().splitlines()
    is_missing = code == 2 and not any(line.startswith("usage:") for line in lines)  # argparse ends with 2, too
    return State.NOT_RUN if is_missing else State.FAILED, "; ".join(lines[-LAST_LINES:]) or f"exit code {code}"


def ask_all(questions: Sequence[tuple[Question, Form]], folder: Path, console: Console) -> list[Outcome]:
    """One after the other, with a bar over all."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TextColumn("left about"))
    outcomes: list[Outcome] = []
    with Progress(*columns, TimeRemainingColumn(), console=console) as progress:
        task = progress.add_task("", total=sum(form.seconds for _, form in questions))
        done = 0.0
        for number, (question, form) in enumerate(questions, start=1):
            progress.update(task, description=f"{number}/{len(questions)} {question.name}")

            def tick(seconds: float, done: float = done, form: Form = form) -> None:
                progress.update(task, completed=done + min(seconds, form.seconds))

            outcome = ask(question, form, folder, tick)
            outcomes.append(outcome)
            done += form.seconds
            progress.update(task, completed=done)
            style = STYLES[outcome.state]
            console.print(f"{question.name:20}[{style}]{outcome.state:18}[/]{outcome.seconds:6.0f} s", highlight=False)
    return outcomes


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parse_arguments(argv)
    title = "Load tests, long form" if arguments.full else "Load tests, short form"
    folder = (arguments.results or (RESULTS if arguments.full else SHORT_RESULTS)).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    questions = [(one, one.full if arguments.full else one.short) for one in QUESTIONS if one.name in arguments.only]
    console = Console()
    end_on_sigterm()
    try:
        outcomes = ask_all(questions, folder, console)
    except KeyboardInterrupt:
        console.print("suite: stopped; nothing is left running")
        return 130
    report = folder / "report.md"
    report.write_text(as_markdown(title, outcomes, describe_machine()))
    console.print(f"{in_short(outcomes)}\nwritten: {report}", highlight=False)
    return exit_code(outcomes)


if __name__ == "__main__":
    sys.exit(main())
