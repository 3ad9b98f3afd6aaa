import re

from s3edge.telemetry.families import FAMILIES, Kind


def test_names_follow_the_conventions_of_prometheus() -> None:
    for family in FAMILIES.values():
        assert re.fullmatch(r"s3edge_[a-z_]+", family.name)
        assert family.name.endswith("_total") == (family.kind is Kind.COUNTER)
        assert family.kind is not Kind.HISTOGRAM or family.name.endswith("_seconds")


def test_every_family_says_in_a_sentence_what_it_is() -> None:
    for family in FAMILIES.values():
        assert family.help.endswith(".")


def test_labels_are_bounded() -> None:
    allowed = {"operation", "status", "outcome", "cluster", "node", "event", "state", "kind", "verdict"}
    allowed |= {"worker", "version", "tenant", "class", "cause", "source"}
    assert {label for family in FAMILIES.values() for label in family.labels} <= allowed
