import math
from dataclasses import MISSING, fields
from typing import Any

import pytest

from tests.support.faults import (
    NAMES,
    AnswersEarly,
    DiesAfter,
    Fault,
    SendsGarbage,
    StallsAfter,
    TakesRate,
    WrongRange,
    from_json,
    to_json,
)


def example(kind: type[Fault]) -> Fault:
    """A fault of this kind with whatever it must be told."""
    required: Any = {each.name: 1 for each in fields(kind) if each.default is MISSING}
    return kind(**required)


@pytest.mark.parametrize("kind", NAMES.values(), ids=NAMES)
def test_every_fault_survives_json(kind: type[Fault]) -> None:
    assert from_json(to_json(example(kind))) == example(kind)


def test_every_fault_has_a_name() -> None:
    assert set(Fault.__subclasses__()) == set(NAMES.values())


def test_what_is_not_said_is_the_default() -> None:
    assert from_json({"fault": "DiesAfter", "size": 1000, "next": 1}) == DiesAfter(1000, next=1)
    assert from_json({"fault": "StallsAfter", "size": 0}) == StallsAfter(0, math.inf)
    assert from_json({"fault": "TakesRate", "rate": 400, "burst": 40}) == TakesRate(400.0, 40)
    assert from_json({"fault": "AnswersEarly", "invites": True}) == AnswersEarly(invites=True)


@pytest.mark.parametrize(
    "document, complaint",
    [
        ([], "an object with a fault of DiesAfter, "),
        ({"fault": "Sleeps"}, "an object with a fault of DiesAfter, "),
        ({"fault": "DiesAfter"}, "missing 1 required positional argument: 'size'"),
        ({"fault": "DiesAfter", "size": "10"}, "DiesAfter: size cannot be '10'"),
        ({"fault": "DiesAfter", "size": 10, "when": 3}, "unexpected keyword argument 'when'"),
        ({"fault": "SendsGarbage", "kind": "nice"}, "garbage of kind 'nice': one of binary, "),
        ({"fault": "WrongRange", "kind": "nice"}, "wrong range of kind 'nice': one of shifted, "),
    ],
)
def test_a_wrong_document_is_explained(document: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        from_json(document)


@pytest.mark.parametrize("kind", [SendsGarbage, WrongRange])
def test_an_unknown_kind_is_refused_at_once(kind: type[SendsGarbage | WrongRange]) -> None:
    with pytest.raises(ValueError, match="'nice'"):
        kind("nice")
