import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3edge.events import AttemptFailed, BodyResumed, End, Event, Hedged, HedgeWon, Retried, Subject
from s3edge.telemetry.trace import LIMIT, trace_value

READ = Subject("GetObject", "demo", "secret-name")


def test_a_story_is_told_in_order_and_without_its_subject() -> None:
    story: list[Event | str] = [
        "asked n1",
        AttemptFailed("n1", READ, End.UNREACHABLE, "cannot connect: Connection refused"),
        Retried("n2", READ),
        Hedged("n3", READ, 0.05),
        HedgeWon("n3", READ),
    ]
    assert trace_value(story) == (
        b"asked n1; n1 unreachable: cannot connect: Connection refused; retried at n2; hedged at n3 after 50 ms; "
        b"the hedge at n3 won"
    )


def test_an_empty_story_is_an_empty_value() -> None:
    assert trace_value([]) == b""


@pytest.mark.parametrize(
    "detail,shown",
    [
        ("\r\nSet-Cookie: x", rb"\r\nSet-Cookie: x"),
        ("500 Fehler \u00fc", rb"500 Fehler \xfc"),
        ("a; b", b"a, b"),
    ],
)
def test_what_a_node_said_cannot_become_a_field_or_an_entry_of_its_own(detail: str, shown: bytes) -> None:
    value = trace_value([AttemptFailed("n1", READ, End.ERROR, detail), "asked n2"])
    assert value == b"n1 error: " + shown + b"; asked n2"


def test_in_a_long_story_the_entries_after_the_first_make_room_and_are_counted() -> None:
    resumes = [BodyResumed(f"n{number}", READ, number, 0.001, 0) for number in range(1, 100)]
    value = trace_value(["asked n0", *resumes])
    entries = value.split(b"; ")
    assert entries[:2] == [b"asked n0", b"74 left out"]
    assert entries[2] == b"resumed from n75 at byte 75 after 1 ms"
    assert entries[-1] == b"resumed from n99 at byte 99 after 1 ms"
    assert len(entries) == 27
    assert LIMIT - 40 < len(value) <= LIMIT


def test_one_entry_alone_cannot_fill_the_value() -> None:
    value = trace_value(["x" * 10_000, "y" * 10_000, "z"])
    assert value == b"x" * 253 + b"...; " + b"y" * 253 + b"...; z"


@given(st.lists(st.text(max_size=600), max_size=30))
def test_whatever_the_story_the_value_fits_a_head(story: list[str]) -> None:
    value = trace_value(story)
    assert len(value) <= LIMIT
    assert all(0x20 <= byte < 0x7F for byte in value)
