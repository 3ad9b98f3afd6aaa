"""Faults in how nodes are judged and in how failures are hidden, in the words that an operator reads."""

import pytest

from tests.config.test_check import NODES, faults_of

SWITCH = "true, false, or a mapping with any of"


@pytest.mark.parametrize(
    "section, fault",
    [
        (
            "hedge: {quantil: 95%}",
            "hedge.quantil: found an unknown key; allowed: budget, quantile; did you mean quantile?",
        ),
        ("hedge: 7", f"hedge: found 7; allowed: {SWITCH} quantile, budget"),
        ("hedge: [95%]", f"hedge: found a list; allowed: {SWITCH} quantile, budget"),
        ("hedge: {quantile: 30%}", 'hedge.quantile: found "30%"; allowed: a share from 50% to 99.9%, such as 90%'),
        ("hedge: {budget: 0.6}", "hedge.budget: found 0.6; allowed: a share from 0% to 50%, such as 20%"),
        (
            "failover: off",
            f'failover: found "off"; allowed: {SWITCH} attempts, budget, deadline, patience, buffer',
        ),
        ("failover: {attempts: 0}", "failover.attempts: found 0; allowed: a whole number from 1 to 10"),
        (
            "failover: {buffer: 1GiB}",
            'failover.buffer: found "1GiB"; allowed: a size from 0B to 16MiB, such as 64KiB, 1MiB or 10MB',
        ),
        (
            "resume: {stall: 2m}",
            'resume.stall: found "2m"; allowed: a duration from 100ms to 1m, such as 250ms or 10s',
        ),
        ("queue: true", "queue: found true; allowed: a mapping with any of length, wait"),
        ("queue: {length: -1}", "queue.length: found -1; allowed: a whole number from 0 to 100000"),
    ],
)
def test_a_fault_in_a_section_of_a_policy_is_named(section: str, fault: str) -> None:
    assert faults_of(f"{NODES}policies:\n- {{policy: a, {section}}}") == [f"f:4: policies[0].{fault}"]


DEEP = "bucket: canaries, access_key: AK, secret_key"
DEEP_KEYS = "a mapping with bucket, access_key, secret_key and optionally region, interval, timeout"


@pytest.mark.parametrize(
    "section, fault",
    [
        ("health: {deep: true}", f"health.deep: found true; allowed: {DEEP_KEYS}"),
        (
            "health: {deep: {bucket: canaries, access_key: AK}}",
            f"health.deep: found no secret_key; allowed: {DEEP_KEYS}",
        ),
        (
            f"health: {{deep: {{{DEEP}: k, bucket: Canaries}}}}".replace("bucket: canaries, ", ""),
            'health.deep.bucket: found "Canaries"; allowed: the name of a bucket that exists: 3 to 63 lower-case '
            "letters, digits, dots and dashes",
        ),
        (
            f"health: {{deep: {{{DEEP}: k, region: EU West}}}}",
            'health.deep.region: found "EU West"; allowed: the name of a region, such as us-east-1',
        ),
        ("health: {when_none_is_up: use}", 'health.when_none_is_up: found "use"; allowed: refuse, use_all'),
        (
            "ejection: 5",
            "ejection: found 5; allowed: a mapping with any of failures, error_rate, slowness, time, longest, at_most",
        ),
        ("ejection: {at_most: 150%}", 'ejection.at_most: found "150%"; allowed: a share from 0% to 100%, such as 20%'),
        ("ejection: {slowness: 1}", "ejection.slowness: found 1; allowed: a number from 2 to 1000"),
        (
            "ejection: {longest: 1ms}",
            "ejection: found longest below time; allowed: a longest ejection that is at least the first one",
        ),
    ],
)
def test_a_fault_in_how_nodes_are_judged_is_named(section: str, fault: str) -> None:
    [found] = faults_of(f"clusters:\n- {{name: a, nodes: [http://a], {section}}}")
    assert found.startswith(f"f:2: clusters[0].{fault}")


@pytest.mark.parametrize("secret", ["[hunter2]", "{key: hunter2}", "7002", "''", "true"])
def test_a_secret_is_not_shown_by_the_message_that_refuses_it(secret: str) -> None:
    text = f"clusters:\n- {{name: a, nodes: [http://a], health: {{deep: {{{DEEP}: {secret}}}}}}}"
    assert faults_of(text) == [
        "f:2: clusters[0].health.deep.secret_key: found a secret that is no text; allowed: a secret as text, best as "
        "${NAME} from the environment"
    ]
