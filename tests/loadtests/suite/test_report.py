import json
from pathlib import Path

from loadtests.findings import Finding
from loadtests.suite.known_misses import KNOWN_MISSES
from loadtests.suite.questions import Form, Question
from loadtests.suite.report import Outcome, State, as_markdown, exit_code, findings_of, state_of

FORM = Form("--seconds 5", 10)
KNOWN = KNOWN_MISSES[0]
GOOD = Finding("requests that failed", 0, 0)
BAD = Finding("requests that failed", 1, 0)
DEAR = Finding(KNOWN.finding, KNOWN.seen, 1.0)
SHORT = Finding("p99", 12.0, 10.0, "ms", least_seconds=20).measured_for(5)


def outcome(state: State, *findings: Finding, name: str = "killed_nodes", reason: str = "") -> Outcome:
    return Outcome(Question(name, "Are nodes killed?", FORM, FORM), FORM, 90.0, state, findings, reason)


def test_findings_are_read_as_they_were_written(tmp_path: Path) -> None:
    (tmp_path / "answer.json").write_text(json.dumps({"findings": [one.raw() for one in (GOOD, DEAR, SHORT)]}))
    assert findings_of(tmp_path / "answer.json") == [GOOD, DEAR, SHORT]


def test_a_question_stands_as_the_worst_of_its_findings() -> None:
    assert state_of(KNOWN.name, [GOOD, SHORT], 0) is State.MET
    assert state_of(KNOWN.name, [GOOD, DEAR], 1) is State.KNOWN
    assert state_of(KNOWN.name, [GOOD, DEAR, BAD], 1) is State.MISSED
    assert state_of("another", [DEAR], 1) is State.MISSED
    assert state_of("matrix", [], 1) is State.MISSED


def test_known_misses_and_questions_that_could_not_run_do_not_fail_a_run() -> None:
    met, known, not_run = (outcome(state) for state in (State.MET, State.KNOWN, State.NOT_RUN))
    assert exit_code([met, known, not_run]) == 0
    assert exit_code([met, outcome(State.MISSED)]) == 1
    assert exit_code([met, outcome(State.FAILED)]) == 1
    assert exit_code([not_run, not_run]) == 2


def test_the_report_names_every_miss_every_figure_not_judged_and_every_reason() -> None:
    text = as_markdown(
        "Load tests, short form",
        [
            outcome(State.MET, GOOD, SHORT),
            outcome(State.KNOWN, DEAR, GOOD, name=KNOWN.name),
            outcome(State.MISSED, BAD, name="runaway"),
            outcome(State.FAILED, name="idle", reason="not over within 105 s, and ended"),
            outcome(State.NOT_RUN, name="epoch", reason="not found: torch"),
        ],
        {"cores": "2"},
    )
    assert text.startswith("# Load tests, short form\n\n- cores: 2\n- took: 7.5 minutes\n")
    assert "**5 questions: 1 met, 1 missed, as known, 1 missed, 1 failed, 1 not run.**" in text
    assert (
        "| [killed_nodes](killed_nodes.md): Are nodes killed? | met | 1 of 1 | 90 "
        "| `python -m loadtests.killed_nodes --seconds 5` |" in text
    )
    assert (
        f"| {KNOWN.name}: {KNOWN.finding} | known, {KNOWN.seen:.2f} before: {KNOWN.reason} | {KNOWN.seen:.2f} | 1.00 |"
        in text
    )
    assert "| runaway: requests that failed | **not known** | 1.00 | 0.00 |" in text
    assert "| killed_nodes | p99 | 12.00 ms | 10.00 ms |" in text
    assert "| idle: Are nodes killed? | failed |" in text
    assert "- idle: not over within 105 s, and ended\n" in text
    assert "- epoch: not found: torch\n" in text
