"""The storage as HTTP sees it."""

from collections.abc import Iterator
from socket import create_connection
from urllib.parse import urlsplit

import pytest

from s3edge.demo.nodes import Nodes
from s3edge.demo.samples import BUCKET, Sample, write_samples

ANYBODY = "AWS4-HMAC-SHA256 Credential=demo/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"

pytestmark = pytest.mark.wire


class Connection:
    """Requests and answers as bytes on one connection."""

    def __init__(self, url: str) -> None:
        target = urlsplit(url)
        self._socket = create_connection((target.hostname, target.port), timeout=10)
        self._stream = self._socket.makefile("rb")

    def close(self) -> None:
        self._stream.close()
        self._socket.close()

    def ask(self, line: str, *fields: str) -> None:
        """Send a request head; moto wants a signature but believes any."""
        self.send("\n".join([f"{line} HTTP/1.1", "Host: x", f"Authorization: {ANYBODY}", *fields, "\n"]))

    def send(self, data: str) -> None:
        self._socket.sendall(data.replace("\n", "\r\n").encode())

    def head(self) -> list[str]:
        """The lines of the next head, in lower case."""
        lines: list[str] = []
        while (line := self._stream.readline()) != b"\r\n":
            assert line, f"the connection ended after {lines}"
            lines.append(line.decode().lower().strip())
        return lines

    def body(self, length: int) -> bytes:
        return self._stream.read(length)


@pytest.fixture
def connection(nodes: Nodes) -> Iterator[Connection]:
    write_samples(nodes.urls[0], [Sample("object", b"content")])
    connection = Connection(nodes.urls[0])
    yield connection
    connection.close()


def test_a_connection_serves_one_request_after_the_other(connection: Connection) -> None:
    for _ in range(3):
        connection.ask(f"GET /{BUCKET}/object")
        head = connection.head()
        assert head[0] == "http/1.1 200 ok"
        assert "content-length: 7" in head
        assert "connection: close" not in head
        assert connection.body(7) == b"content"


def test_an_answer_to_head_has_a_length_and_no_body(connection: Connection) -> None:
    for _ in range(2):
        connection.ask(f"HEAD /{BUCKET}/object")
        head = connection.head()
        assert head[0] == "http/1.1 200 ok"
        assert "content-length: 7" in head


def test_a_client_that_asks_before_it_sends_gets_one_100(connection: Connection) -> None:
    connection.ask(f"PUT /{BUCKET}/asked", "Expect: 100-continue", "Content-Length: 3")
    assert connection.head() == ["http/1.1 100 continue"]
    connection.send("abc")
    assert connection.head()[0] == "http/1.1 200 ok"


def test_a_chunked_body_is_joined(connection: Connection) -> None:
    connection.ask(f"PUT /{BUCKET}/chunked", "Transfer-Encoding: chunked")
    connection.send("3\nabc\n2\nde\n0\n\n")
    assert connection.head()[0] == "http/1.1 200 ok"
    connection.ask(f"GET /{BUCKET}/chunked")
    assert "content-length: 5" in connection.head()
    assert connection.body(5) == b"abcde"


def test_an_empty_answer_keeps_the_connection_in_order(connection: Connection) -> None:
    for _ in range(2):
        connection.ask(f"DELETE /{BUCKET}/absent")
        assert connection.head()[0] == "http/1.1 204 no content"
