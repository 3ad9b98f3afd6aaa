"""Ranges in node lists."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3edge.config.document import Document
from s3edge.config.expansion import MOST_NODES, expand, expand_nodes
from s3edge.config.fault import Refused
from s3edge.config.reading import read_document


@pytest.mark.parametrize(
    "text, expanded",
    [
        ("http://minio1:9000", ["http://minio1:9000"]),
        ("http://minio{1...3}:9000", ["http://minio1:9000", "http://minio2:9000", "http://minio3:9000"]),
        ("m{09...11}", ["m09", "m10", "m11"]),
        ("{0...0}", ["0"]),
        ("r{1...2}n{1...2}", ["r1n1", "r1n2", "r2n1", "r2n2"]),
    ],
)
def test_a_range_stands_for_each_of_its_numbers(text: str, expanded: list[str]) -> None:
    assert expand(text) == expanded


@pytest.mark.parametrize(
    "text, hint",
    [
        ("m{1..4}", "did you mean {1...4}?"),
        ("m{4...1}", ""),
        ("m{1...4", ""),
        ("m1...4}", ""),
        ("m{a...d}", ""),
        ("m{{1...4}}", ""),
        ("m{1...1025}", ""),
        ("m{1...40}{1...40}", ""),
        ("m{0...999999999}", ""),
    ],
)
def test_a_faulty_range_is_refused(text: str, hint: str) -> None:
    with pytest.raises(Refused) as refused:
        expand(text)
    assert refused.value.allowed == "a range of rising numbers such as {1...4}, for at most 1024 nodes"
    assert refused.value.hint == hint


@given(st.integers(0, 10**6), st.integers(1, MOST_NODES))
def test_a_range_has_as_many_texts_as_numbers_all_different(first: int, count: int) -> None:
    expanded = expand(f"m{{{first}...{first + count - 1}}}")
    assert len(set(expanded)) == len(expanded) == count


def read(text: str) -> Document:
    document = read_document(text, "s3edge.yaml", {})
    expand_nodes(document)
    return document


def test_nodes_of_a_range_keep_the_place_of_their_entry() -> None:
    document = read(
        """\
clusters:
  - nodes:
      - http://a{1...2}
      - {url: "http://b{1...2}", weight: 3}
      - http://c
"""
    )
    at = ("clusters", 0, "nodes")
    assert document.at(at) == [
        "http://a1",
        "http://a2",
        {"url": "http://b1", "weight": 3},
        {"url": "http://b2", "weight": 3},
        "http://c",
    ]
    assert [document.place((*at, index)).line for index in range(5)] == [3, 3, 4, 4, 5]
    assert [document.place((*at, index)).where for index in (1, 2, 4)] == [
        "clusters[0].nodes[0]",
        "clusters[0].nodes[1]",
        "clusters[0].nodes[2]",
    ]
    assert document.place((*at, 3, "weight")).where == "clusters[0].nodes[1].weight"


def test_a_faulty_range_is_told_at_its_entry_and_the_others_expand() -> None:
    document = read("clusters:\n- nodes: ['http://a{1...2}', 'http://b{1..2}', {url: 'http://c{2...1}'}]\n")
    assert [(fault.where, fault.found) for fault in document.faults] == [
        ("clusters[0].nodes[1]", '"http://b{1..2}"'),
        ("clusters[0].nodes[2].url", '"http://c{2...1}"'),
    ]
    assert document.is_broken(("clusters", 0, "nodes", 2))
    assert document.is_broken(("clusters", 0, "nodes", 3, "url"))
    assert not document.is_broken(("clusters", 0, "nodes", 1))


@pytest.mark.parametrize("text", ["", "[]", "clusters: 1", "clusters: [1, {nodes: 2}, {nodes: [null, {}, [1], 3]}]"])
def test_what_is_no_node_list_is_left_alone(text: str) -> None:
    document = read(text)
    assert document.faults == []
    assert document.data == read_document(text, "s3edge.yaml", {}).data
