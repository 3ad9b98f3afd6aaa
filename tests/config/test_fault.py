"""Faults as an operator reads them."""

import pytest

from s3edge.config.fault import Fault, Faults, did_you_mean, shown


@pytest.mark.parametrize(
    "fault, text",
    [
        (Fault("a.yaml", 3, "drain", "1", "2", "try 2"), "a.yaml:3: drain: found 1; allowed: 2; try 2"),
        (Fault("a.yaml", 3, "drain", "1", "2"), "a.yaml:3: drain: found 1; allowed: 2"),
        (Fault("a.yaml", None, "", "no file", "a file"), "a.yaml: found no file; allowed: a file"),
        (Fault(None, None, "--node", "x", "a URL"), "--node: found x; allowed: a URL"),
    ],
)
def test_a_fault_is_one_line_of_what_is_known(fault: Fault, text: str) -> None:
    assert str(fault) == text


def test_faults_are_one_error_with_a_line_for_each() -> None:
    faults = Faults([Fault("a", 1, "x", "1", "2"), Fault("a", 2, "y", "3", "4")])
    assert str(faults) == "a:1: x: found 1; allowed: 2\na:2: y: found 3; allowed: 4"


@pytest.mark.parametrize(
    "value, text",
    [
        ("plain", '"plain"'),
        ("two\nlines \x1b[31m", '"two\\nlines \\u001b[31m"'),
        ("x" * 100, '"' + "x" * 80 + '..."'),
        (12, "12"),
        (True, "true"),
        (None, "nothing"),
        ({"key": "secret"}, "a mapping"),
        (["secret"], "a list"),
    ],
)
def test_a_value_is_shown_on_one_short_line(value: object, text: str) -> None:
    assert shown(value) == text


def test_a_hint_names_the_nearest_known_word_in_its_own_spelling() -> None:
    assert did_you_mean("getobjet", ["GetObject", "PutObject"]) == "did you mean GetObject?"
    assert did_you_mean("zebra", ["GetObject", "PutObject"]) == ""
