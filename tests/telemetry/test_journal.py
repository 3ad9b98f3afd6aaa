import pytest

from s3edge.events import (
    AttemptFailed,
    BodyCut,
    Cause,
    End,
    Event,
    NodeEjected,
    NodeReturned,
    RequestShed,
    Retried,
    Subject,
)
from s3edge.telemetry.journal import KEY_LIMIT, LINE_LIMIT, PENDING_LIMIT, TEXT_LIMIT, Entry, Journal
from s3edge.telemetry.meter import Meter

READ = Subject("GetObject", "demo", "a/key")
CUT = BodyCut("n1", READ, 4096, "no other node")


class Scene:
    """A journal, what it counts into, and its clock."""

    def __init__(self) -> None:
        self.now = 100.0
        self.meter = Meter()
        self.journal = Journal(self.meter, lambda: self.now)

    def record(self, event: Event, times: int = 1) -> None:
        for _ in range(times):
            self.journal.record(event)


def test_an_event_is_taken_once_with_its_time_and_its_words() -> None:
    scene = Scene()
    scene.record(Retried("n2", READ))
    scene.now = 100.5
    scene.record(NodeEjected("n1", None, "5 failures in a row", 2.0))
    scene.now = 101.0
    assert scene.journal.take() == [
        Entry(100.0, "Retried", "info", "n2", "retried at n2", READ),
        Entry(100.5, "NodeEjected", "warning", "n1", "n1 ejected for 2 s: 5 failures in a row", None),
    ]
    assert scene.journal.take() == []


def test_an_event_is_counted_when_it_is_recorded_and_not_again_when_it_is_taken() -> None:
    scene = Scene()
    scene.record(CUT, times=3)
    assert scene.meter.snapshot()["s3edge_bodies_cut_total"] == [([], 3)]
    scene.journal.take()
    assert scene.meter.snapshot()["s3edge_bodies_cut_total"] == [([], 3)]


def test_of_a_storm_the_newest_are_kept_and_the_first_entry_says_how_many_are_missing() -> None:
    scene = Scene()
    for number in range(PENDING_LIMIT + 44):
        scene.now = float(number)
        scene.record(Retried(f"n{number}", READ))
    left_out, *kept = scene.journal.take()
    assert left_out == Entry(44.0, "EventsLeftOut", "warning", "", "44 events were left out", None)
    assert [entry.node for entry in kept] == [f"n{number}" for number in range(44, PENDING_LIMIT + 44)]
    assert sum(count for _, count in scene.meter.snapshot()["s3edge_retries_total"] if isinstance(count, int)) == 300


def test_as_many_as_fit_are_all_kept_and_a_storm_is_forgotten_once_it_was_told() -> None:
    scene = Scene()
    scene.record(CUT, times=PENDING_LIMIT + 1)
    scene.journal.take()
    scene.record(CUT, times=PENDING_LIMIT)
    assert [entry.event for entry in scene.journal.take()] == ["BodyCut"] * PENDING_LIMIT


def test_only_warnings_are_logged_with_their_subject(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene()
    scene.record(AttemptFailed("n1", READ, End.CLOSED, ""))
    scene.record(NodeReturned("n1", None))
    scene.record(CUT)
    scene.record(NodeEjected("n1", None, "5 failures in a row", 2.0))
    assert caplog.messages == [
        "cut after 4096 bytes: no other node (GetObject demo/a/key)",
        "n1 ejected for 2 s: 5 failures in a row",
    ]
    assert {record.levelname for record in caplog.records} == {"WARNING"}


def test_a_storm_of_one_kind_fills_ten_lines_a_second_and_hides_no_other_kind(
    caplog: pytest.LogCaptureFixture,
) -> None:
    scene = Scene()
    scene.record(CUT, times=LINE_LIMIT + 90)
    scene.record(RequestShed("", READ, "rag", Cause.LIMIT, "too many wait"))
    assert len(caplog.messages) == 11
    assert caplog.messages[-1] == "shed by limit: too many wait (tenant rag) (GetObject demo/a/key)"
    scene.now = 100.999
    scene.record(CUT)
    assert len(caplog.messages) == 11
    scene.now = 101.0
    scene.record(CUT)
    assert caplog.messages[11:] == [
        "BodyCut: 91 more in the same second",
        "cut after 4096 bytes: no other node (GetObject demo/a/key)",
    ]


def test_what_a_storm_left_out_is_logged_even_if_nothing_happens_any_more(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene()
    scene.record(CUT, times=LINE_LIMIT + 5)
    scene.journal.take()
    assert len(caplog.messages) == LINE_LIMIT
    scene.now = 101.0
    scene.journal.take()
    scene.journal.take()
    assert caplog.messages[LINE_LIMIT:] == ["BodyCut: 5 more in the same second"]


def test_ten_lines_in_a_second_leave_nothing_out(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene()
    scene.record(CUT, times=LINE_LIMIT)
    scene.now = 105.0
    scene.journal.take()
    assert len(caplog.messages) == LINE_LIMIT


def test_a_key_cannot_forge_a_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene()
    scene.record(BodyCut("n1", Subject("GetObject", "b\x1b[2J", "k\nERROR all is lost\udcff"), 1, "x\r"))
    assert caplog.messages == [r"cut after 1 bytes: x\r (GetObject b\x1b[2J/k\nERROR all is lost\udcff)"]


def test_names_of_any_length_and_coding_become_text_that_can_be_written() -> None:
    scene = Scene()
    subject = Subject("GetObject", "b" * 5000, "caf\u00e9\udcff" + "k" * 5000)
    scene.record(RequestShed("", subject, "rag", Cause.LIMIT, "r" * 5000))
    [entry] = scene.journal.take()
    assert entry.subject is not None
    assert entry.subject.bucket == "b" * 255
    assert entry.subject.key.startswith("caf\u00e9\\udcffkkk")
    assert entry.subject.key.endswith("k")
    assert len(entry.subject.key.replace("\\udcff", "?")) == KEY_LIMIT
    assert len(entry.text) == TEXT_LIMIT
    entry.subject.key.encode()
