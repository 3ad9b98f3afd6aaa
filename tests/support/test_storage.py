"""The storage node in order, and how its connections end."""

import base64
import zlib
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.client import TruncatedError
from tests.support.faults import StallsAfter
from tests.support.objects import content, etag
from tests.support.stage import now, request, stage
from tests.support.virtual_time import run

KEY = "/bench/1000B-1"
OBJECT = content(KEY, 0, 1000)
ETAG = etag(KEY).encode()


def test_a_get_gives_the_whole_object_and_what_it_is() -> None:
    async def main() -> None:
        async with stage() as scene:
            response = await scene.ask(KEY)
            assert (response.status, response.body, response.header(b"etag")) == (200, OBJECT, ETAG)
            assert response.header(b"last-modified") == b"Wed, 01 Jan 2025 00:00:00 GMT"
            assert response.header(b"x-amz-version-id") is response.header(b"x-amz-checksum-crc32") is None
            other = await scene.ask(KEY)
            assert other.header(b"x-amz-request-id") != response.header(b"x-amz-request-id")
            assert (len(scene.storage.connections), now()) == (1, 0)

    run(main())


def test_head_tells_what_get_would_send() -> None:
    async def main() -> None:
        async with stage(is_versioned=True) as scene:
            head, get = await scene.ask(KEY, method=b"HEAD"), await scene.ask(KEY)
            assert head.body == b""
            assert [field for field in head.headers if field[0] != b"x-amz-request-id"] == [
                field for field in get.headers if field[0] != b"x-amz-request-id"
            ]
            assert get.header(b"x-amz-version-id") == b"generation-0"

    run(main())


def test_a_large_object_arrives_at_the_pace_of_its_reader() -> None:
    async def main() -> None:
        async with stage() as scene:
            scene.client.pause()
            await scene.client.send(request("/bench/5MiB"))
            assert scene.storage.sent == 0
            scene.client.resume()
            assert (await scene.client.read_response()).body == content("/bench/5MiB", 0, 5 << 20)

    run(main())


@given(first=st.integers(0, 1100), last=st.one_of(st.none(), st.integers(0, 1100)))
def test_a_range_is_what_a_slice_of_the_object_is(first: int, last: int | None) -> None:
    async def main() -> None:
        async with stage() as scene:
            end = b"" if last is None else b"%d" % last
            response = await scene.ask(KEY, b"Range: bytes=%d-%s" % (first, end))
            expected = OBJECT[first:] if last is None else OBJECT[first : last + 1]
            if expected:
                assert (response.status, response.body) == (206, expected)
                wanted = b"bytes %d-%d/1000" % (first, first + len(expected) - 1)
            else:
                assert response.status == 416
                wanted = b"bytes */1000"
            assert response.header(b"content-range") == wanted

    run(main())


@pytest.mark.parametrize("size", [1, 999, 1000, 2000])
def test_a_suffix_is_the_end_of_the_object(size: int) -> None:
    async def main() -> None:
        async with stage() as scene:
            response = await scene.ask(KEY, b"Range: bytes=-%d" % size)
            assert (response.status, response.body) == (206, OBJECT[-size:])

    run(main())


@pytest.mark.parametrize("value", [b"bytes=-0", b"bytes=-", b"bytes=0-1,3-4", b"lines=1-2"])
def test_a_range_without_a_byte_or_of_another_kind_is_refused(value: bytes) -> None:
    async def main() -> None:
        async with stage() as scene:
            response = await scene.ask(KEY, b"Range: " + value)
            assert (response.status, b"<Code>InvalidRange</Code>" in response.body) == (416, True)

    run(main())


@pytest.mark.parametrize(
    "condition, status",
    [
        (b"If-Match: " + ETAG, 200),
        (b"If-Match: *", 200),
        (b'If-Match: "x", ' + ETAG, 200),
        (b'If-Match: "x"', 412),
        (b"If-None-Match: " + ETAG, 304),
        (b"If-None-Match: *", 304),
        (b'If-None-Match: "x"', 200),
    ],
)
@pytest.mark.parametrize("method", [b"GET", b"HEAD"])
def test_conditions_are_kept(method: bytes, condition: bytes, status: int) -> None:
    async def main() -> None:
        async with stage() as scene:
            assert (await scene.ask(KEY, condition, method=method)).status == status
            assert (await scene.ask(KEY)).body == OBJECT, "the connection is in order"

    run(main())


def test_the_checksum_is_given_to_those_who_ask() -> None:
    async def main() -> None:
        async with stage() as scene:
            response = await scene.ask(KEY, b"x-amz-checksum-mode: ENABLED")
            checksum = base64.b64decode(response.header(b"x-amz-checksum-crc32") or b"")
            assert int.from_bytes(checksum) == zlib.crc32(OBJECT)

    run(main())


def test_what_was_put_is_given_back_until_it_is_deleted() -> None:
    async def main() -> None:
        async with stage() as scene:
            put = await scene.ask("/b/k", method=b"PUT", body=b"canary")
            get = await scene.ask("/b/k", b"Range: bytes=1-3")
            assert (put.status, get.status, get.body) == (200, 206, b"ana")
            assert get.header(b"etag") == put.header(b"etag")
            assert (await scene.ask("/b/k", method=b"DELETE")).status == 204
            gone = await scene.ask("/b/k")
            assert (gone.status, b"<Code>NoSuchKey</Code>" in gone.body) == (404, True)
            assert (await scene.ask("/b/k", method=b"PATCH")).status == 405

    run(main())


@pytest.mark.parametrize(
    "target, headers", [("/b/k?partNumber=1&uploadId=x", ()), ("/b/k", (b"Content-Encoding: aws-chunked",))]
)
def test_parts_and_framed_bodies_are_counted_and_not_kept(target: str, headers: tuple[bytes, ...]) -> None:
    async def main() -> None:
        async with stage() as scene:
            await scene.ask(target, *headers, method=b"PUT", body=b"6\r\ncanary\r\n")
            assert (await scene.ask("/b/k")).body == content("/b/k", 0, 65_536)
            assert scene.storage.uploads[0].body_size == 11

    run(main())


def test_a_large_upload_is_hashed_and_not_kept() -> None:
    async def main() -> None:
        body = content(KEY, 0, 3 << 20)
        async with stage() as scene:
            assert (await scene.ask(KEY, method=b"POST", body=body)).status == 200
            assert scene.storage.stats()["uploads"] == [
                {"path": KEY, "size": len(body), "sha256": sha256(body).hexdigest()}
            ]
            assert scene.storage.uploads[0].body is None

    run(main())


def test_a_client_that_waits_for_it_is_asked_for_the_body() -> None:
    async def main() -> None:
        async with stage() as scene:
            head = request("/b/k", b"Expect: 100-continue", method=b"PUT", body=b"abc")
            await scene.client.send(head[:-3])
            assert await scene.client.read_until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            await scene.client.send(b"abc")
            assert (await scene.client.read_response("PUT")).status == 200

    run(main())


@pytest.mark.parametrize("piece", [0, 1])
def test_pipelined_requests_are_answered_in_order(piece: int) -> None:
    async def main() -> None:
        keys = [f"/bench/{size}B-1" for size in (0, 1, 300_000, 7)]
        async with stage() as scene:
            await scene.client.send(b"".join(map(request, keys)), piece)
            for key, size in zip(keys, (0, 1, 300_000, 7), strict=True):
                assert (await scene.client.read_response()).body == content(key, 0, size)

    run(main())


@pytest.mark.parametrize(
    "last", [b"GET / HTTP/1.0\r\n\r\n", request("/", b"Connection: close"), b"\x16\x03\x01\r\n\r\n"]
)
def test_a_connection_is_closed_after_its_last_request(last: bytes) -> None:
    async def main() -> None:
        async with stage() as scene:
            await scene.client.send(last)
            assert (await scene.client.read_response()).header(b"connection") == b"close"
            assert (await scene.client.read_to_end(), scene.client.error) == (b"", None)

    run(main())


def test_probes_and_requests_are_counted_apart() -> None:
    async def main() -> None:
        async with stage() as scene:
            await scene.ask("/health")
            await scene.ask(KEY)
            await scene.ask(KEY, b"Range: bytes=1000-")
            stats = scene.storage.stats()
            assert (stats["probes"], stats["attempts"], stats["statuses"]) == (1, 2, {"200": 1, "416": 1})
            assert (stats["accepted"], stats["open"]) == (1, 1)
            assert stats["sent"] == len(scene.client.received)
            assert [each.target for each in scene.storage.requests] == [KEY.encode()] * 2
            assert scene.storage.requests[1].header(b"range") == b"bytes=1000-"

    run(main())


def test_connections_are_reset_like_those_of_a_killed_process() -> None:
    async def main() -> None:
        async with stage(StallsAfter(400)) as scene:
            await scene.client.send(request(KEY))
            await scene.client.read_until(b"\r\n\r\n" + OBJECT[:400])
            scene.storage.reset_connections()
            await scene.client.lost()
            assert isinstance(scene.client.error, ConnectionResetError)
            assert scene.storage.stats()["open"] == 0

    run(main())


def test_a_client_that_leaves_ends_the_stall() -> None:
    async def main() -> None:
        async with stage(StallsAfter(400, 5)) as scene:
            await scene.client.send(request(KEY))
            await scene.client.read_until(OBJECT[:400])
            scene.client.finish()
            with pytest.raises(TruncatedError):
                await scene.client.read_response()
            assert (now(), scene.storage.connections[0].is_lost) == (0, True)

    run(main())
