import pytest

from s3edge.events import (
    AttemptFailed,
    BodyBroken,
    BodyCut,
    BodyResumed,
    Cause,
    ConfigApplied,
    ConfigRefused,
    End,
    Event,
    EventsLeftOut,
    Hedged,
    HedgeWon,
    NodeEjected,
    NodeProbed,
    NodeReturned,
    NodeThrottled,
    NodeTurned,
    NodeUnthrottled,
    RequestShed,
    Retried,
    SourceObserved,
    SourceReleased,
    SourceThrottled,
    Subject,
    WorkerReplaced,
    byte_rate_text,
    number_text,
)

READ = Subject("GetObject", "demo", "secret-name")
TEXTS: list[tuple[Event, str]] = [
    (AttemptFailed("n1", READ, End.ERROR, "500 InternalError"), "n1 error: 500 InternalError"),
    (Retried("n2", READ), "retried at n2"),
    (Hedged("n2", READ, 0.0254), "hedged at n2 after 25 ms"),
    (HedgeWon("n2", READ), "the hedge at n2 won"),
    (BodyBroken("n1", READ, End.STALLED, 4096), "n1 stalled after 4096 bytes of the body"),
    (BodyResumed("n2", READ, 4096, 0.9876, 100), "resumed from n2 at byte 4096 after 988 ms"),
    (BodyCut("n1", READ, 4096, "the object has changed"), "cut after 4096 bytes: the object has changed"),
    (RequestShed("", READ, "rag", Cause.LIMIT, "256 wait already"), "shed by limit: 256 wait already (tenant rag)"),
    (NodeEjected("n1", None, "5 failures in a row", 2.0), "n1 ejected for 2 s: 5 failures in a row"),
    (NodeProbed("n1", None), "n1 is tried by one request"),
    (NodeReturned("n1", None), "n1 takes requests again"),
    (NodeThrottled("n1", None, 387.5), "n1 is given at most 388 requests/s"),
    (NodeUnthrottled("n1", None), "n1 is no longer held to a rate"),
    (NodeTurned("n1", None, "down", "no answer within 1 s"), "n1 is down: no answer within 1 s"),
    (
        SourceThrottled("", None, "tenant training", 200.0, None, "1,240 requests/s, 31 times its usual 40"),
        "tenant training is held to 200 requests/s: 1,240 requests/s, 31 times its usual 40",
    ),
    (SourceReleased("", None, "tenant rag", "calm for 30 s"), "tenant rag is let go: calm for 30 s"),
    (
        SourceObserved("", None, "tenant rag", "400 lists/s, usually none"),
        "tenant rag has run away and is only observed: 400 lists/s, usually none",
    ),
    (ConfigApplied("", None, "policies[p], limits"), "a new configuration is in force; it changes policies[p], limits"),
    (
        ConfigRefused("", None, "p.yaml:3: weight: found -1"),
        "a new configuration was refused: p.yaml:3: weight: found -1",
    ),
    (
        WorkerReplaced("", None, 1, "was killed by SIGKILL"),
        "worker 1 was killed by SIGKILL, and is replaced",
    ),
    (EventsLeftOut("", None, 37), "37 events were left out"),
]


@pytest.mark.parametrize("event,text", TEXTS, ids=lambda value: value.name if isinstance(value, Event) else "")
def test_an_event_says_in_plain_words_what_happened_and_never_to_which_object(event: Event, text: str) -> None:
    assert event.text() == text


def test_an_end_that_says_it_all_needs_no_detail() -> None:
    assert AttemptFailed("n1", READ, End.CLOSED, "").text() == "n1 closed"


def test_a_source_can_be_held_to_a_bandwidth_as_well() -> None:
    event = SourceThrottled("", None, "client 10.0.0.1", 2.5, 1.5 * 2**30, "40 GiB/s sent, usually none")
    assert event.text() == "client 10.0.0.1 is held to 2.5 requests/s and 1.5 GiB/s: 40 GiB/s sent, usually none"


@pytest.mark.parametrize("number,text", [(1240.4, "1,240"), (9.96, "10"), (9.94, "9.9"), (0.0, "0.0")])
def test_a_number_has_two_digits_at_least_and_no_exponent(number: float, text: str) -> None:
    assert number_text(number) == text


def test_bytes_per_second_are_said_in_binary_units() -> None:
    assert byte_rate_text(2**30 - 1) == "1,024 MiB/s"
    assert byte_rate_text(2**30) == "1.0 GiB/s"


def test_every_kind_of_event_is_in_these_tests() -> None:
    # By name: `slots=True` makes each class twice.
    assert {event.name for event, _ in TEXTS} == {kind.__name__ for kind in Event.__subclasses__()}


def test_an_event_is_named_by_its_kind() -> None:
    assert BodyCut("n1", None, 1, "no other node").name == "BodyCut"


def test_warnings_are_what_a_client_saw_or_what_took_a_node_away() -> None:
    warnings = {event.name for event, _ in TEXTS if event.level == "warning"}
    assert warnings == {
        "BodyCut",
        "RequestShed",
        "NodeEjected",
        "SourceThrottled",
        "ConfigRefused",
        "WorkerReplaced",
        "EventsLeftOut",
    }
    assert {event.level for event, _ in TEXTS} == {"info", "warning"}


def test_a_node_is_not_blamed_for_a_full_house_or_for_what_others_did() -> None:
    blameless = {end for end in End if not end.is_nodes_fault}
    assert blameless == {End.DONE, End.SLOW_DOWN, End.MISMATCH, End.BEATEN, End.CLIENT_GONE, End.EDGE}
