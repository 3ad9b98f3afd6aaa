"""Server-sent events are read as the HTML standard has them, in pieces of any size."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3edge.top.messages import LONGEST, Message, Messages, TooLongError

STREAM = (
    b": a comment\n\n"
    b'event: frame\ndata: {"a": 1}\n\n'
    b"id: 7\ndata: one\ndata:two\nretry: 5\n\n"
    b"event: empty\n\n"
    b"data: \xc3\xa4\r\n\r\n"
    b"id: 8\ndata\n\n"
    b"data: not ended\n"
)
TOLD = [
    Message("frame", '{"a": 1}', ""),
    Message("message", "one\ntwo", "7"),
    Message("message", "ä", "7"),
    Message("message", "", "8"),
]


def test_messages_are_told_when_they_end() -> None:
    assert list(Messages().feed(STREAM)) == TOLD


def test_byte_by_byte_they_are_the_same() -> None:
    messages = Messages()
    assert [message for byte in STREAM for message in messages.feed(bytes((byte,)))] == TOLD


@given(st.lists(st.integers(0, len(STREAM)), max_size=8))
def test_in_any_pieces_they_are_the_same(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(STREAM)]
    messages = Messages()
    told = [m for start, end in pairwise(places) for m in messages.feed(STREAM[start:end])]
    assert told == TOLD


@given(st.binary(max_size=300))
def test_any_bytes_are_messages_or_nothing(garbage: bytes) -> None:
    messages = Messages()
    list(messages.feed(garbage))
    assert list(messages.feed(b"\n\ndata: x\n\n"))[-1].data == "x"


def feed_for_long(piece: bytes) -> int:
    """Feed so many pieces that they are longer than any message may be; how many messages they were."""
    messages = Messages()
    return sum(len(list(messages.feed(piece))) for _ in range(2 * LONGEST // len(piece)))


def test_a_message_without_an_end_is_not_kept_for_ever() -> None:
    with pytest.raises(TooLongError):
        feed_for_long(b"data: " + b"x" * 65_536)


def test_many_lines_of_one_message_are_bounded_together() -> None:
    with pytest.raises(TooLongError):
        feed_for_long(b"data: " + b"x" * 65_536 + b"\n")


def test_a_stream_may_be_longer_than_any_message() -> None:
    assert feed_for_long(b"data: " + b"x" * 65_528 + b"\n\n") == 256
