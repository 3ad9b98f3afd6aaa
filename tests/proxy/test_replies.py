"""The answers that the edge gives itself, and whether the connection may go on after them."""

import asyncio
from random import Random

import h11
import pytest

from s3edge.errors import ClientError, EdgeError, NodeError, Overloaded
from s3edge.http1.head import RequestHead, parse_request
from s3edge.proxy.replies import Replies
from tests.proxy.stage import connected
from tests.support.client import Response
from tests.support.virtual_time import run

NOT_FOUND = NodeError("BadGateway", "no <usable> answer")


def head(method: str = "GET", version: str = "1.1", *fields: str) -> RequestHead:
    return parse_request(
        "\r\n".join([f"{method} /bucket/key?x=1 HTTP/{version}", "Host: s3", *fields, "", ""]).encode()
    )


async def reply(
    error: EdgeError, request: RequestHead | None, *, may_stay: bool = True, seed: int = 0
) -> tuple[bool, Response]:
    """Whether the connection stays, and what the client reads."""
    async with connected() as (client, peer):
        stays = Replies(Random(seed)).send(client, request, error, may_stay=may_stay)
        return stays, await peer.read_response("GET" if request is None else request.method.decode())


def test_an_error_is_told_in_the_words_of_s3() -> None:
    async def main() -> None:
        _, response = await reply(NOT_FOUND, head())
        assert (response.status, response.header(b"content-type")) == (500, b"application/xml")
        assert b"<Code>BadGateway</Code><Message>no &lt;usable&gt; answer</Message>" in response.body
        assert b"<Resource>/bucket/key</Resource>" in response.body, "the query may hold a signature"

    run(main())


def test_only_a_503_says_when_to_come_back() -> None:
    async def main() -> None:
        for error in (NOT_FOUND, ClientError(400, "InvalidRequest", ""), NodeError("GatewayTimeout", "")):
            _, response = await reply(error, head())
            assert response.header(b"retry-after") is None
        _, response = await reply(Overloaded("No node is up."), head())
        assert (response.header(b"retry-after"), response.header(b"x-amz-retry-after")) == (b"1", b"1000")

    run(main())


def test_head_is_answered_without_a_body() -> None:
    async def main() -> None:
        async with connected() as (client, peer):
            replies = Replies(Random(0))
            replies.send(client, head("HEAD"), NOT_FOUND, may_stay=True)
            response = await peer.read_response("HEAD")
            assert int(response.header(b"content-length") or 0) > 0
            replies.send(client, head(), NOT_FOUND, may_stay=True)
            assert (await peer.read_response()).status == 500, "what follows is the next answer"

    run(main())


@pytest.mark.parametrize(
    "request_head, may_stay, stays",
    [
        (head(), True, True),
        (head("HEAD"), True, True),
        (head("PUT", "1.1", "Content-Length: 0"), True, True),
        (head(), False, False),
        (head("GET", "1.1", "Connection: close"), True, False),
        (head("PUT", "1.1", "Content-Length: 5"), True, False),
        (head("PUT", "1.1", "Content-Length: 5", "Expect: 100-continue"), True, False),
        (head("PUT", "1.1", "Transfer-Encoding: chunked"), True, False),
        (head("GET", "1.0"), True, False),
        (head("GET", "1.0", "Connection: keep-alive"), True, False),
        (None, True, False),
    ],
)
def test_a_connection_stays_only_where_nothing_of_the_request_is_to_come(
    request_head: RequestHead | None, may_stay: bool, stays: bool
) -> None:
    async def main() -> None:
        said, response = await reply(NOT_FOUND, request_head, may_stay=may_stay)
        assert (said, response.header(b"connection")) == (stays, None if stays else b"close")

    run(main())


def test_no_two_replies_share_an_id() -> None:
    async def main() -> None:
        ids = set()
        async with connected() as (client, peer):
            replies = Replies(Random(0))
            for _ in range(100):
                replies.send(client, head(), NOT_FOUND, may_stay=True)
                ids.add((await peer.read_response()).header(b"x-amz-request-id"))
        _, other_worker = await reply(NOT_FOUND, head(), seed=1)
        ids.add(other_worker.header(b"x-amz-request-id"))
        assert len(ids) == 101

    run(main())


def test_a_target_of_any_bytes_makes_a_well_formed_reply() -> None:
    async def main() -> None:
        target = bytes(byte for byte in range(0x21, 0x7F))
        request = parse_request(b"GET /" + target + b" HTTP/1.1\r\nHost: s3\r\n\r\n")
        try:
            _, response = await asyncio.wait_for(reply(NOT_FOUND, request), 5)
        except h11.RemoteProtocolError as error:
            raise AssertionError(f"not HTTP: {error}") from error
        assert b"<Resource>/!&quot;" in response.body or b'<Resource>/!"' in response.body

    run(main())
