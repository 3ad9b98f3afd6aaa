import re

from s3edge.telemetry.families import FAMILIES, LABELS, SECTIONS, SIZES, TIMES, Kind


def test_names_follow_the_conventions_of_prometheus() -> None:
    for family in FAMILIES.values():
        assert re.fullmatch(r"s3edge_[a-z_]+", family.name)
        assert family.name.endswith("_total") == (family.kind is Kind.COUNTER)
        assert family.kind is not Kind.HISTOGRAM or family.name.endswith(("_seconds", "_bytes"))


def test_histograms_and_no_others_have_bounds_and_they_rise() -> None:
    for family in FAMILIES.values():
        assert bool(family.bounds) == (family.kind is Kind.HISTOGRAM)
        assert list(family.bounds) == sorted(set(family.bounds))
        assert not family.bounds or family.labels, "the buckets' label is written behind another one"


def test_times_reach_from_a_millisecond_to_a_minute_and_sizes_from_4_kib_to_64_gib() -> None:
    assert (TIMES[0], TIMES[-1]) == (0.001, 60.0)
    assert (SIZES[0], SIZES[-1]) == (4 << 10, 64 << 30)


def test_every_family_says_in_a_sentence_what_it_is() -> None:
    for family in FAMILIES.values():
        assert family.help.endswith(".")


def test_every_label_is_explained_and_no_other() -> None:
    assert {label for family in FAMILIES.values() for label in family.labels} == set(LABELS)


def test_every_family_is_in_one_section() -> None:
    assert [family for families in SECTIONS.values() for family in families] == list(FAMILIES.values())
