"""The command line, and the bar over all questions."""

import argparse
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from loadtests.child import end_on_sigterm
from loadtests.findings import RESULTS
from loadtests.machine import describe_machine
from loadtests.suite.asking import ask
from loadtests.suite.questions import QUESTIONS, Form, Question
from loadtests.suite.report import Outcome, State, as_markdown, exit_code, in_short

SHORT_RESULTS = Path("build/loadtest")
"""Not over those of the long form, which README quotes."""

STYLES = {State.MET: "green", State.KNOWN: "yellow", State.MISSED: "red", State.FAILED: "red", State.NOT_RUN: "dim"}


def parse_arguments(argv: Sequence[str] | None) -> Namespace:
    parser = argparse.ArgumentParser(prog="suite", description="Ask all questions and write one report.")
    names = [question.name for question in QUESTIONS]
    parser.add_argument("--full", action="store_true", help="the long form, whose results are quoted")
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="NAME", help=", ".join(names))
    parser.add_argument("--results", type=Path, help=f"folder for all results (default {SHORT_RESULTS}, {RESULTS})")
    return parser.parse_args(argv)


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
