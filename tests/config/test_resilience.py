"""The sections of a policy that hide failures, as values."""

import pytest
from pydantic import ValidationError

from s3edge.config.policy import Policy
from s3edge.config.resilience import Failover, Hedge, Queue, Resume


@pytest.mark.parametrize("value", [True, "true", {}])
@pytest.mark.parametrize("section", [Failover, Hedge, Resume])
def test_true_is_a_section_with_all_its_defaults(section: type[Failover | Hedge | Resume], value: object) -> None:
    assert section.model_validate(value) == section()


@pytest.mark.parametrize("value", [False, "false"])
def test_false_is_a_section_that_does_nothing(value: object) -> None:
    assert Failover.model_validate(value).attempts == 1
    assert Hedge.model_validate(value).budget == 0
    assert Resume.model_validate(value).times == 0


@pytest.mark.parametrize("value", [7, "yes", "off", [], 0, 1])
@pytest.mark.parametrize("section", [Failover, Hedge, Resume])
def test_a_section_is_no_other_word(section: type[Failover | Hedge | Resume], value: object) -> None:
    with pytest.raises(ValidationError, match="allowed: true, false, or a mapping with any of"):
        section.model_validate(value)


def test_a_section_that_is_turned_off_still_decides() -> None:
    policy = Policy.model_validate({"policy": "p", "hedge": False, "queue": {}})
    assert policy.sections == {"hedge", "queue"}
    assert Policy.model_validate_json(policy.model_dump_json()) == policy


@pytest.mark.parametrize(
    "section",
    [
        Failover(attempts=5, budget=0.5, deadline=1.0, patience=0.1, buffer=0),
        Hedge(quantile=0.99, budget=0.1),
        Resume(times=0, stall=0.5),
        Queue(length=0, wait=0.0),
    ],
)
def test_a_section_comes_back_from_json_as_it_was(section: Failover | Hedge | Resume | Queue) -> None:
    assert type(section).model_validate_json(section.model_dump_json()) == section
