"""What is known of one exchange."""

from typing import cast

from s3edge.events import Event, HedgeWon, Subject
from s3edge.http1.head import parse_request
from s3edge.proxy.client import ClientConnection
from s3edge.proxy.progress import GONE, Progress
from s3edge.s3.request import understand


def progress(told: list[Event]) -> Progress:
    head = parse_request(b"GET /bucket/a%20key?versionId=3 HTTP/1.1\r\nHost: s3\r\n\r\n")
    return Progress(cast(ClientConnection, None), head, understand(head, ()), 5.0, told.append)


def test_the_story_keeps_what_was_told_in_order_and_is_none_when_nothing_was() -> None:
    told: list[Event] = []
    one, other = progress(told), progress(told)
    assert (one.story, one.subject) == (None, Subject("GetObject", "bucket", "a key"))
    events = [HedgeWon("node-1", one.subject), HedgeWon("node-2", one.subject)]
    for event in events:
        one.note(event)
    assert one.story == told == events
    assert other.story is None


def test_an_exchange_of_which_nothing_is_known_yet_is_one_whose_client_left() -> None:
    new = progress([])
    assert (new.outcome, new.status, new.first_byte, new.stays, new.is_reusable) == (GONE, 0, None, False, False)
    assert (new.started, new.waits_since) == (5.0, 5.0)
