import pytest

from loadtests.slow_readers import whole_length


def test_head_and_body_count_together() -> None:
    head = b"HTTP/1.1 200 OK\r\nServer: nginx\r\ncontent-length: 1000\r\n\r\n"
    assert whole_length(head + b"first bytes") == len(head) + 1000


@pytest.mark.parametrize(
    "start",
    [
        b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 10\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n",
        b"",
    ],
)
def test_anything_but_a_good_answer_of_known_length_can_never_be_whole(start: bytes) -> None:
    assert whole_length(start) == -1
