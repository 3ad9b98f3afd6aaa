"""The memory that all connections of a worker read into."""

from s3edge.transport.inbox import BODY_ROOM, HEAD_ROOM, Inbox


def test_one_read_takes_the_largest_head_with_room_for_a_small_body() -> None:
    assert len(Inbox().head) == HEAD_ROOM > 64 * 1024
    assert len(Inbox().body) == BODY_ROOM


def test_a_renewed_buffer_leaves_the_old_bytes_to_whoever_keeps_them() -> None:
    inbox = Inbox()
    inbox.body[:4] = b"kept"
    kept = inbox.body[:4]
    inbox.renew_body()
    inbox.body[:4] = b"next"
    assert bytes(kept) == b"kept"
    assert len(inbox.body) == BODY_ROOM
