"""Looking up and changing a document."""

from s3edge.config.document import Document, Place
from s3edge.config.reading import read_document


def test_what_is_not_there_is_none_and_lies_at_the_nearest_piece() -> None:
    document = read_document("a: {b: [1]}", "f", {})
    assert document.at(("a", "b", 0)) == 1
    for location in (("a", "x"), ("a", "b", 1), ("a", "b", "x"), ("a", "b", 0, "x"), (0,)):
        assert document.at(location) is None
    assert document.nearest(("a", "b", 7, "x")) == ("a", "b")
    assert document.items(("a", "b")) == [("a", "b", 0)]
    assert document.items(("a",)) == []


def test_a_piece_is_put_in_place_of_another_with_all_inside_it() -> None:
    document = read_document("a: {b: {c: '${UNSET}'}}", "f", {})
    document.put(("a", "b"), 2, Place(where="--b"))
    assert document.data == {"a": {"b": 2}}
    assert document.place(("a", "b", "c")) == Place(where="--b")
    assert not document.is_broken(("a", "b"))


def test_a_piece_is_put_where_nothing_was() -> None:
    document = Document()
    document.put(("a", "b"), 2, Place(where="--b"))
    assert document.data == {"a": {"b": 2}}


def test_nothing_is_put_into_what_is_no_mapping() -> None:
    document = read_document("a: [1]", "f", {})
    document.put(("a", "b"), 2, Place(where="--b"))
    assert document.data == {"a": [1]}


def test_a_broken_piece_breaks_all_inside_it_but_nothing_around_it() -> None:
    document = read_document("a: {b: 1}", "f", {})
    document.break_off(("a", "b"), "x", "y")
    assert document.is_broken(("a", "b", "c"))
    assert not document.is_broken(("a",))
    assert [str(fault) for fault in document.faults] == ["f:1: a.b: found x; allowed: y"]
