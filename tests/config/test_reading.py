"""From YAML to data with places."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from s3edge.config.document import Document, Location, Place
from s3edge.config.reading import read_document

ENVIRONMENT = {"HOST": "minio-7", "COUNT": "4", "EMPTY": "", "NESTED": "${HOST}", "TRICK": "a: [b"}


def read(text: str) -> Document:
    return read_document(text, "s3edge.yaml", ENVIRONMENT)


def faults_of(text: str) -> list[str]:
    return [str(fault) for fault in read(text).faults]


@pytest.mark.parametrize(
    "text, value",
    [
        ("true", True),
        ("false", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("12", 12),
        ("-1", -1),
        ("1.5", 1.5),
        ("no", "no"),
        ("on", "on"),
        ("12:30", "12:30"),
        ("2024-01-01", "2024-01-01"),
        ("1_000", "1_000"),
        ("0x10", "0x10"),
        (".inf", ".inf"),
        ("1" * 30, "1" * 30),
        ("'12'", "12"),
        ('"true"', "true"),
        ("[1, a]", [1, "a"]),
        ("{a: {b: []}}", {"a": {"b": []}}),
        ("${HOST}", "minio-7"),
        ("http://${HOST}:9000", "http://minio-7:9000"),
        ("${COUNT}", 4),
        ("'${COUNT}'", "4"),
        ("${COUNT}${COUNT}", 44),
        ("x${EMPTY}y", "xy"),
        ("${NESTED}", "${HOST}"),
        ("${TRICK}", "a: [b"),
        ("$${HOST}", "${HOST}"),
        ("$HOST $$ $", "$HOST $$ $"),
    ],
)
def test_a_value_is_what_an_operator_expects(text: str, value: object) -> None:
    document = read(f"key: {text}")
    assert (document.data, document.faults) == ({"key": value}, [])
    assert type(document.at(("key",))) is type(value)


def test_each_piece_has_its_line_and_its_path() -> None:
    document = read(
        """\
# a comment
clusters:
  - name: a
    nodes:
      - x

      - y
  - {name: b}
odd key: {1: 2}
"""
    )
    places: list[tuple[Location, int, str]] = [
        (("clusters",), 2, "clusters"),
        (("clusters", 0), 3, "clusters[0]"),
        (("clusters", 0, "nodes"), 4, "clusters[0].nodes"),
        (("clusters", 0, "nodes", 1), 7, "clusters[0].nodes[1]"),
        (("clusters", 0, "nodes", 1, "url"), 7, "clusters[0].nodes[1]"),
        (("clusters", 1, "name"), 8, "clusters[1].name"),
        (("odd key",), 9, '"odd key"'),
        (("odd key", "1"), 9, '"odd key".1'),
        (("nowhere", "at", "all"), 1, ""),
    ]
    for location, line, where in places:
        assert document.place(location) == Place("s3edge.yaml", line, where)


def test_a_value_from_the_environment_is_shown_as_it_was_written() -> None:
    document = read("a: http://${HOST}:9000\nb: minio-7")
    assert document.found(("a",)) == 'the value of "http://${HOST}:9000"'
    assert document.fault(("a",), "x", "y", "did you mean minio-7?").hint == ""
    assert document.found(("b",)) == '"minio-7"'
    assert document.fault(("b",), "x", "y", "did you mean minio-7?").hint == "did you mean minio-7?"


@pytest.mark.parametrize(
    "text, fault",
    [
        (
            "a: 1\nb: ${UNSET}",
            "s3edge.yaml:2: b: found ${UNSET}, which is not set; allowed: a variable of the environment; set UNSET",
        ),
        ("a: x${", 's3edge.yaml:1: a: found the variable "${"; allowed: ${NAME}, or $${ for a plain ${'),
        ("a: ${}", 's3edge.yaml:1: a: found the variable "${}"; allowed: ${NAME}, or $${ for a plain ${'),
        ("a: ${A-b}", 's3edge.yaml:1: a: found the variable "${A-b}"; allowed: ${NAME}, or $${ for a plain ${'),
        (
            "a: {b: 1,\n  b: 2}",
            "s3edge.yaml:2: a.b: found the key a second time, first in line 1; allowed: each key once",
        ),
        ("a:\n  [1]: 2", "s3edge.yaml:2: a: found a key that is no plain word; allowed: keys that are plain words"),
        (
            "a: !!python/name:os.system x",
            "s3edge.yaml:1: a: found the tag tag:yaml.org,2002:python/name:os.system; allowed: values without tags",
        ),
        (
            "a: {b: ${HOST}}",
            "s3edge.yaml:1: found text that is no YAML (while parsing a flow mapping expected ',' or '}', but "
            "got '{'); "
            'allowed: a YAML mapping; inside of { } and [ ] quote it: "${NAME}"',
        ),
        ("a: !x 1", "s3edge.yaml:1: a: found the tag !x; allowed: values without tags"),
        (
            "a: &a\n  b: *a",
            "s3edge.yaml:2: a.b: found an alias of what it is part of; allowed: an alias of a finished piece",
        ),
        (
            "a: [1\nb: 2",
            "s3edge.yaml:2: found text that is no YAML (while parsing a flow sequence expected ',' or ']', but "
            "got ':'); "
            "allowed: a YAML mapping",
        ),
        (
            "a: b: c",
            "s3edge.yaml:1: found text that is no YAML (mapping values are not allowed here); allowed: a YAML mapping",
        ),
        ("a: 1\nb: \x07", "s3edge.yaml:2: found text that is no YAML (the character U+0007); allowed: a YAML mapping"),
        (
            "a: 1\n---\nb: 2",
            "s3edge.yaml:2: found text that is no YAML (expected a single document in the stream but found another "
            "document); allowed: a YAML mapping",
        ),
        (
            "[" * 3000,
            "s3edge.yaml: found text that is no YAML (nested too deeply, or too large); allowed: a YAML mapping",
        ),
    ],
)
def test_a_fault_of_form_is_told_with_its_line(text: str, fault: str) -> None:
    assert faults_of(text) == [fault]


def test_aliases_stand_for_what_they_name() -> None:
    assert read("a: &x {b: [1]}\nc: *x").data == {"a": {"b": [1]}, "c": {"b": [1]}}


def test_aliases_of_aliases_cannot_eat_the_memory() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    [fault] = faults_of("\n".join(lines))
    assert "nested too deeply, or too large" in fault


def test_a_fault_of_form_hides_no_other() -> None:
    assert len(faults_of("a: ${X}\nb: ${Y}\nb: 1\nc: !t 1")) == 4


def test_a_part_of_a_greater_document_names_keys_from_its_own_root() -> None:
    part = read_document("match: {buckets: [a]}", "p.yaml", {}, ("policies", 3))
    assert part.data == {"match": {"buckets": ["a"]}}
    assert part.places["policies", 3, "match", "buckets", 0] == Place("p.yaml", 1, "match.buckets[0]")


PLAIN_DATA = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(10**17), 10**17), st.text(st.characters(codec="utf-8"))),
    lambda inner: st.one_of(
        st.lists(inner),
        st.dictionaries(st.text(st.characters(codec="utf-8", exclude_characters="$"), min_size=1), inner),
    ),
    max_leaves=10,
)


@given(PLAIN_DATA)
def test_what_yaml_wrote_is_read_back(data: object) -> None:
    text = yaml.safe_dump({"key": data}).replace("${", "$${")
    document = read(text)
    assert (document.data, document.faults) == ({"key": data}, [])


@given(st.text(alphabet="ab:-[]{},&*!|>'\"%@#?$ \n\t0.~"))
def test_any_text_is_read_or_refused(text: str) -> None:
    document = read(text)
    assert all(fault.file == str(Path("s3edge.yaml")) for fault in document.faults)
