import re
import shlex
from importlib.util import find_spec
from pathlib import Path

import pytest

from loadtests.suite.questions import QUESTIONS, Question

README = Path(__file__).parents[3] / "loadtests" / "README.md"
MOST_SECONDS = 15 * 60


def test_the_short_form_of_all_takes_at_most_a_quarter_of_an_hour() -> None:
    assert sum(question.short.seconds for question in QUESTIONS) <= MOST_SECONDS


def test_each_question_is_asked_once() -> None:
    assert len({question.name for question in QUESTIONS}) == len(QUESTIONS)


@pytest.mark.parametrize("question", QUESTIONS, ids=[question.name for question in QUESTIONS])
def test_no_form_says_where_results_go(question: Question) -> None:
    for form in (question.short, question.full):
        assert "--results" not in shlex.split(form.arguments)


def test_every_question_of_the_readme_is_in_the_suite() -> None:
    commands = re.findall(r"\| `python -m loadtests\.(\w+)", README.read_text())
    assert commands
    assert {name for name in commands if find_spec(f"loadtests.{name}")} <= {question.name for question in QUESTIONS}
