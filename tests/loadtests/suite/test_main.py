from loadtests.suite.__main__ import parse_arguments
from loadtests.suite.questions import QUESTIONS


def test_all_questions_are_asked_unless_some_are_named() -> None:
    assert parse_arguments([]).only == [question.name for question in QUESTIONS]
    assert parse_arguments(["--only", "idle", "soak"]).only == ["idle", "soak"]
