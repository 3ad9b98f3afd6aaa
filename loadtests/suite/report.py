"""What came of a run of all questions: which limits were met, which were not, and what did not run."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from loadtests.findings import Finding
from loadtests.report import Verdict, markdown_table
from loadtests.suite.known_misses import KNOWN_MISSES, KnownMiss
from loadtests.suite.questions import Form, Question


class State(StrEnum):
    """What came of a question: KNOWN when all that it missed is explained by `known_misses`; FAILED without answer."""

    MET = "met"
    KNOWN = "missed, as known"
    MISSED = "missed"
    FAILED = "failed"
    NOT_RUN = "not run"


@dataclass(frozen=True)
class Outcome:
    """What came of one question in one of its forms; `reason` says why there is no answer."""

    question: Question
    form: Form
    seconds: float
    state: State
    findings: Sequence[Finding] = ()
    reason: str = ""

    def with_verdict(self, verdict: Verdict) -> list[Finding]:
        return [finding for finding in self.findings if finding.verdict is verdict]

    @property
    def command(self) -> str:
        """What to type to ask it again."""
        return f"python -m loadtests.{self.question.name} {self.form.arguments}".strip()


def findings_of(answer: Path) -> list[Finding]:
    """What a question's JSON says that it found."""
    return [Finding.from_raw(raw) for raw in json.loads(answer.read_text()).get("findings", ())]


def state_of(name: str, findings: Iterable[Finding], code: int) -> State:
    """How an answered question stands; `code` is its exit code, which alone tells where there are no findings."""
    missed = [finding for finding in findings if finding.verdict is Verdict.MISSED]
    if not missed:
        return State.MISSED if code else State.MET
    return State.KNOWN if all(explained(name, finding) for finding in missed) else State.MISSED


def explained(name: str, finding: Finding) -> KnownMiss | None:
    """Why a limit is missed, if that is known."""
    return next((known for known in KNOWN_MISSES if known.covers(name, finding)), None)


def exit_code(outcomes: Sequence[Outcome]) -> int:
    """0: no limit is missed but known ones; 1: one is, or a question did not come to its end; 2: none was answered."""
    states = {outcome.state for outcome in outcomes}
    if states & {State.MISSED, State.FAILED}:
        return 1
    return 2 if states == {State.NOT_RUN} else 0


def in_short(outcomes: Sequence[Outcome]) -> str:
    """One line: how many questions, and what came of them."""
    counted = Counter(outcome.state for outcome in outcomes)
    return f"{len(outcomes)} questions: " + ", ".join(f"{counted[state]} {state}" for state in State if counted[state])


def as_markdown(title: str, outcomes: Sequence[Outcome], machine: Mapping[str, str]) -> str:
    """The report; answers are linked as files beside it."""
    facts = dict(machine) | {"took": f"{sum(outcome.seconds for outcome in outcomes) / 60:.1f} minutes"}
    parts = [f"# {title}\n\n" + "".join(f"- {name}: {value}\n" for name, value in facts.items())]
    parts.append(f"**{in_short(outcomes)}.**\n")
    parts.append(markdown_table(("question", "verdict", "limits met", "took s", "command"), [*map(_line, outcomes)]))
    parts += _misses(outcomes)
    parts += _not_judged(outcomes)
    for heading, state in (("Failed: no answer", State.FAILED), ("Not run", State.NOT_RUN)):
        reasons = [f"- {one.question.name}: {one.reason}\n" for one in outcomes if one.state is state]
        if reasons:
            parts.append(f"## {heading}\n\n" + "".join(reasons))
    return "\n".join(parts)


def _line(one: Outcome) -> list[str]:
    name = one.question.name
    is_answered = one.state not in (State.FAILED, State.NOT_RUN)
    link = f"[{name}]({one.question.file}.md)" if is_answered else name
    met, missed = len(one.with_verdict(Verdict.MET)), len(one.with_verdict(Verdict.MISSED))
    limits = f"{met} of {met + missed}" if met + missed else ""
    return [f"{link}: {one.question.asked}", one.state, limits, f"{one.seconds:,.0f}", f"`{one.command}`"]


def _misses(outcomes: Sequence[Outcome]) -> list[str]:
    lines = []
    for one in outcomes:
        for finding in one.with_verdict(Verdict.MISSED):
            known = explained(one.question.name, finding)
            _, _, found, limit = finding.cells()
            reason = f"known, {known.seen:.2f} before: {known.reason}" if known else "**not known**"
            lines.append([f"{one.question.name}: {finding.question}", reason, found, limit])
    if not lines:
        return []
    return ["## Limits that were missed\n", markdown_table(("limit", "why", "found", "at most"), lines)]


def _not_judged(outcomes: Sequence[Outcome]) -> list[str]:
    lines = []
    for one in outcomes:
        for finding in one.with_verdict(Verdict.TOO_SHORT):
            _, _, found, limit = finding.cells()
            lines.append([one.question.name, finding.question, found, limit])
    if not lines:
        return []
    heading = "## Figures of runs that were too short to judge them\n"
    return [heading, markdown_table(("question", "figure", "found", "at most"), lines)]
