import pytest

from loadtests.answer import HEAD_LIMIT, Answer
from loadtests.load import Ask
from tests.support.objects import content, etag

PATH = "/bench/4096B-1"
WHOLE = Ask(PATH, 0, 4096, 4096, (etag(PATH), etag(PATH, 1)))
PART = Ask(PATH, 100, 50, 4096, (etag(PATH),), is_ranged=True)
BODY = content(PATH, 0, 4096)
HEAD = f"HTTP/1.1 200 OK\r\nETag: {etag(PATH)}\r\nContent-Length: 4096\r\n\r\n".encode()


def fed(ask: Ask, *pieces: bytes) -> Answer:
    answer = Answer(ask)
    for number, piece in enumerate(pieces):
        answer.feed(memoryview(piece), float(number))
    return answer


def part_head(content_range: str, length: int = 50) -> bytes:
    fields = f"ETag: {etag(PATH)}\r\nContent-Length: {length}\r\nContent-Range: {content_range}\r\n"
    return f"HTTP/1.1 206 Partial Content\r\n{fields}\r\n".encode()


@pytest.mark.parametrize("size", [1, 7, 100, 10_000])
def test_a_true_answer_is_ok_however_it_is_cut_into_pieces(size: int) -> None:
    answer = HEAD + BODY
    pieces = [answer[start : start + size] for start in range(0, len(answer), size)]
    before_last = fed(WHOLE, *pieces[:-1])
    assert before_last.outcome is None
    answered = fed(WHOLE, *pieces)
    assert (answered.outcome, answered.received, answered.is_connection_usable) == ("ok", 4096, True)


def test_the_stall_is_the_longest_time_between_two_reads_and_not_the_wait_before_the_first() -> None:
    answer = Answer(WHOLE)
    answer.feed(memoryview(HEAD), 10.0)
    answer.feed(memoryview(BODY[:1000]), 10.5)
    answer.feed(memoryview(BODY[1000:2000]), 12.5)
    answer.feed(memoryview(BODY[2000:]), 13.0)
    assert (answer.first_byte_at, answer.stall) == (10.0, 2.0)


def test_the_wait_for_bytes_that_never_came_is_a_stall_too() -> None:
    cut, whole, unanswered = fed(WHOLE, HEAD, BODY[:10]), fed(WHOLE, HEAD, BODY), fed(WHOLE)
    for answer in (cut, whole, unanswered):
        answer.end(9.0)
    assert (cut.stall, whole.stall, unanswered.stall) == (8.0, 1.0, 0.0)


def test_a_single_wrong_byte_is_found_and_the_connection_is_not_used_again() -> None:
    wrong = bytearray(BODY)
    wrong[4095] ^= 1
    answer = fed(WHOLE, HEAD, bytes(wrong))
    assert (answer.outcome, answer.is_connection_usable) == ("wrong bytes", False)


def test_bytes_must_be_those_of_the_generation_that_the_etag_names() -> None:
    other = HEAD.replace(etag(PATH).encode(), etag(PATH, 1).encode())
    assert fed(WHOLE, other, content(PATH, 0, 4096, generation=1)).outcome == "ok"
    assert fed(WHOLE, other, BODY).outcome == "wrong bytes"


def test_a_body_joined_of_two_generations_is_wrong() -> None:
    joined = BODY[:2000] + content(PATH, 2000, 2096, generation=1)
    assert fed(WHOLE, HEAD, joined).outcome == "wrong bytes"


def test_a_range_is_the_range_that_was_asked_for() -> None:
    body = content(PATH, 100, 50)
    assert fed(PART, part_head("bytes 100-149/4096"), body).outcome == "ok"
    assert fed(PART, part_head("bytes 101-150/4096")).outcome == "wrong head"
    assert fed(PART, part_head("bytes 100-149/5000")).outcome == "wrong head"


@pytest.mark.parametrize(
    "old, new",
    [(b"ETag: ", b"ETag: x"), (b"ETag:", b"X-Tag:"), (b"4096", b"4095"), (b"4096", b"40960")],
)
def test_another_etag_or_length_than_the_objects_is_wrong(old: bytes, new: bytes) -> None:
    assert fed(WHOLE, HEAD.replace(old, new)).outcome == "wrong head"


def test_an_end_before_the_head_is_a_reset_and_one_in_the_body_a_truncation() -> None:
    for pieces, outcome in (
        ((), "reset"),
        ((HEAD[:-1],), "reset"),
        ((HEAD,), "truncated"),
        ((HEAD, BODY[:-1]), "truncated"),
    ):
        answer = fed(WHOLE, *pieces)
        answer.end(9.0)
        assert answer.outcome == outcome


def test_an_end_after_the_last_byte_changes_nothing() -> None:
    answer = fed(WHOLE, HEAD, BODY)
    answer.end(9.0)
    assert answer.outcome == "ok"


def test_an_error_is_told_by_its_status_and_its_code_once_it_is_whole() -> None:
    body = b"<Error><Code>SlowDown</Code></Error>"
    head = f"HTTP/1.1 503 Slow Down\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    assert fed(WHOLE, head, body[:-1]).outcome is None
    whole = fed(WHOLE, head, body[:10], body[10:])
    assert (whole.outcome, whole.is_connection_usable) == ("503 SlowDown", True)


def test_an_error_without_a_code_is_its_status_and_may_end_the_connection() -> None:
    answer = fed(WHOLE, b"HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\nContent-Length: 3\r\n\r\nbad")
    assert (answer.outcome, answer.is_connection_usable) == ("502", False)


def test_200_for_a_range_is_no_answer_to_it() -> None:
    assert fed(PART, HEAD, BODY).outcome == "200"


@pytest.mark.parametrize(
    "pieces",
    [
        (b"\x16\x03\x01 what\r\n\r\n",),
        (b"HTTP/1.1 200 OK\r\n\r\n",),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",),
        (b"x" * (HEAD_LIMIT + 1),),
        (HEAD, BODY + b"x"),
    ],
)
def test_what_is_no_answer_with_a_length_is_malformed(pieces: tuple[bytes, ...]) -> None:
    answer = fed(WHOLE, *pieces)
    assert (answer.outcome, answer.is_connection_usable) == ("malformed", False)
