"""Requests that break the rules: refused in S3's words, nothing of them forwarded, and the next client is served."""

import random

import h11
import pytest

from s3edge.errors import EdgeError
from s3edge.http1.head import CHUNKED, parse_request
from tests.scenarios.bad_input import BAD_HEADS, Bad, spoilt
from tests.scenarios.scene import FORWARDED, GET, now, put, scene
from tests.support.node import answers, ok
from tests.support.virtual_time import run

SMALL = {name: bad for name, bad in BAD_HEADS.items() if len(bad.data) < 1000}


async def is_refused(bad: Bad, piece: int = 0, before: bytes = b"") -> None:
    """Send what is bad behind `before`, which is good, and see it answered, the end, and nothing at the node."""
    async with scene(answers(ok(b"good"), ok(b"good"))) as stage:
        async with stage.dial() as client:
            await client.send(before + bad.data, piece)
            if before:
                assert (await client.read_response()).body == b"good"
            response = await client.read_response()
            assert (response.status, response.header(b"connection"), now()) == (bad.status, b"close", 0)
            assert f"<Code>{bad.code}</Code>".encode() in response.body
            identity = response.header(b"x-amz-request-id") or b""
            assert len(identity) == 16
            assert b"<RequestId>" + identity + b"</RequestId>" in response.body
            assert response.header(b"content-type") == b"application/xml"
            assert await client.read_to_end() == b""
        expected = before[:-2] + FORWARDED if before else b""
        assert stage.node.received == expected, "nothing of what is bad"
        assert stage.outcomes[("Other", str(bad.status), "refused")] == 1
        assert await stage.ask() == (200, b"good")


@pytest.mark.parametrize("bad", BAD_HEADS.values(), ids=BAD_HEADS.keys())
def test_a_bad_head_is_refused_and_nothing_of_it_is_forwarded(bad: Bad) -> None:
    run(is_refused(bad))


@pytest.mark.parametrize("piece", [1, 7])
@pytest.mark.parametrize("bad", SMALL.values(), ids=SMALL.keys())
def test_a_bad_head_in_pieces_is_refused_all_the_same(bad: Bad, piece: int) -> None:
    run(is_refused(bad, piece))


@pytest.mark.parametrize("bad", SMALL.values(), ids=SMALL.keys())
def test_a_bad_head_behind_a_good_request_is_refused_after_its_answer(bad: Bad) -> None:
    run(is_refused(bad, before=GET))


def test_a_bad_head_behind_a_body_is_refused_after_its_answer() -> None:
    async def main() -> None:
        async with scene(answers(ok())) as stage, stage.dial() as client:
            await client.send(put(b"12345") + b"6" + GET)
            assert (await client.read_response("PUT")).status == 200
            assert (await client.read_response()).status == 501, "the method 6GET"
            assert (len(stage.node.requests), stage.idle) == (1, 1)

    run(main())


def test_a_head_of_exactly_the_limit_is_served() -> None:
    async def main() -> None:
        limit = 8192
        filler = b"A: " + b"b" * (limit - len(GET) - 5) + b"\r\n\r\n"
        async with scene(answers(ok()), listen={"head_limit": limit}) as stage:
            assert (await stage.ask(GET[:-2] + filler))[0] == 200
            assert (await stage.ask(GET[:-2] + b"b" + filler))[0] == 431

    run(main())


def test_whatever_chance_makes_of_a_head_passes_only_if_another_parser_reads_the_same() -> None:
    rng = random.Random(0)
    passed = 0
    for _ in range(20_000):
        raw = spoilt(rng).partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
        try:
            head = parse_request(raw)
        except EdgeError:
            continue
        oracle = h11.Connection(h11.SERVER, max_incomplete_event_size=100_000)
        oracle.receive_data(raw)
        event = oracle.next_event()
        assert isinstance(event, h11.Request)
        assert (event.method, event.target) == (head.method, head.target)
        fields = dict(event.headers)
        length = CHUNKED if b"transfer-encoding" in fields else int(fields.get(b"content-length", b"0"))
        assert length == head.length, raw
        passed += 1
    assert passed > 1000
