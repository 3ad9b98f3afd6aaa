import os
import select
import sys
from pathlib import Path

from loadtests.child import running
from loadtests.suite.asking import ask, end, why_unanswered
from loadtests.suite.questions import Form, Question
from loadtests.suite.report import State

FAMILY = """
import os, pathlib, signal, sys
child = os.fork()
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if child == 0:
    os.setsid()
    pathlib.Path(sys.argv[1]).write_text(str(os.getpid()))
signal.pause()
"""


def ticks(seconds: float) -> None:
    pass


def test_a_question_that_ignores_sigterm_ends_with_what_it_started_in_other_sessions(tmp_path: Path) -> None:
    mark = tmp_path / "grandchild"
    argv = [sys.executable, "-c", FAMILY, str(mark)]
    with running("family", argv, tmp_path, lambda: mark.exists() and bool(mark.read_text())) as child:
        grandchild = os.pidfd_open(int(mark.read_text()))
        end(child, seconds=0.1)
        assert child.process.wait(5) < 0
        assert select.select([grandchild], [], [], 5)[0]
        os.close(grandchild)


def test_an_answer_of_an_earlier_run_is_none(tmp_path: Path) -> None:
    question = Question("killed_nodes", "Killed?", Form("--no-such-option", 1), Form("", 1))
    (tmp_path / "killed_nodes.json").write_text('{"findings": []}')
    os.utime(tmp_path / "killed_nodes.json", (0, 0))
    outcome = ask(question, question.short, tmp_path, ticks)
    assert outcome.state is State.FAILED
    assert "unrecognized arguments: --no-such-option" in outcome.reason
    assert "--no-such-option" in (tmp_path / "logs" / "killed_nodes.log").read_text()


def test_what_is_missing_is_no_failure_but_a_wrong_command_is() -> None:
    missing = "not found: wrk\non Debian: apt-get install wrk\n"
    assert why_unanswered("bench", 2, missing) == (
        State.NOT_RUN,
        "not found: wrk; on Debian: apt-get install wrk",
    )
    assert why_unanswered("bench", 2, "usage: bench [-h]\nbench: error: no") == (State.FAILED, "error: no")


def test_the_reason_of_a_failure_is_what_the_question_says_of_it_else_its_last_lines() -> None:
    said = "bench: s3edge: not ready within 15 s\nlines\nof its\nlog"
    assert why_unanswered("bench", 1, said) == (State.FAILED, "s3edge: not ready within 15 s")
    assert why_unanswered("bench", 1, "1\n2\n3\n4\n5\n6") == (State.FAILED, "2; 3; 4; 5; 6")
    assert why_unanswered("bench", -9, "") == (State.FAILED, "exit code -9")
