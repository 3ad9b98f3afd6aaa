"""The client signs its head for the node, so the node gets it byte for byte; only fields of one hop come and go."""

import pytest

from tests.scenarios.scene import FORWARDED, scene
from tests.support.node import NodeEnd, ok
from tests.support.virtual_time import run


async def answers_anything(end: NodeEnd) -> None:
    """Reads heads without judging them, since h11 refuses some of what S3 clients send."""
    while not end.is_lost:
        await end.read_until(b"\r\n\r\n")
        await end.send(ok())


async def seen_by_node(head: bytes, answer: bytes = ok()) -> tuple[bytes, bytes]:
    """What the node got for a request head, and what the client got for the node's `answer`."""

    async def node(end: NodeEnd) -> None:
        await end.read_until(b"\r\n\r\n")
        await end.send(answer)
        await end.read_to_end()

    async with scene(node) as stage:
        async with stage.dial() as client:
            await client.send(head)
            raw = (await client.read_response()).raw
        return stage.node.received, raw


@pytest.mark.parametrize(
    "target",
    [
        b"/",
        b"//",
        b"/bucket//a//b",
        b"/bucket/a/./b/../c/",
        b"/../../etc/passwd",
        b"/bucket/a%2Fb%2fc%00%",
        b"/bucket/a+b%20c@d~e!f$g&h'i(j)k*l,m;n=o:p",
        b"/bucket/%E2%98%83/%ff",
        b"/bucket/k?x=1&X-Amz-Credential=AK%2F20260101%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Signature=0f",
        b"/bucket/k?versionId=a?b/../c#d",
        b"/bucket?list-type=2&prefix=&delimiter=%2F",
        b'/bucket/[{|}]^`"<>\\',
        b"/" + b"k" * 8000,
        b"http://s3.example.com:9000/bucket/a//b",
    ],
)
def test_a_target_is_never_cleaned_up(target: bytes) -> None:
    head = b"GET " + target + b" HTTP/1.1\r\nHost: s3.example.com:9000\r\n"

    async def main() -> None:
        received, _ = await seen_by_node(head + b"\r\n")
        assert received == head + FORWARDED

    run(main())


@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"PUT", b"POST", b"DELETE", b"OPTIONS"])
def test_every_method_of_s3_passes(method: bytes) -> None:
    head = method + b" /bucket/key HTTP/1.1\r\nHost: s3\r\nContent-Length: 0\r\n"

    async def main() -> None:
        received, _ = await seen_by_node(head + b"\r\n")
        assert received == head + FORWARDED

    run(main())


@pytest.mark.parametrize(
    "fields",
    [
        b"Host: S3.Example.COM:9000\r\n",
        b"hOsT:   s3   \r\n",
        b"Host: [2001:db8::1]:9000\r\n",
        b"Accept-Encoding: identity\r\nHost: s3\r\naccept-encoding:gzip\r\n",
        b"Host: s3\r\nAuthorization: AWS4-HMAC-SHA256 Credential=AK/20260101/us-east-1/s3/aws4_request, "
        b"SignedHeaders=host;x-amz-date, Signature=00\r\nx-amz-date: 20260101T000000Z\r\n",
        b"Host: s3\r\nx-amz-meta-a:  two  blanks\t\r\nx-amz-meta-b:\r\nx-amz-meta-c: \xe2\x98\x83\xff\r\n",
        b"Host: s3\r\nX-Amz-Meta-Same: 1\r\nx-amz-meta-same: 2\r\nX-AMZ-META-SAME: 3\r\n",
        b"Host: s3\r\nX-Forwarded-For: 203.0.113.9, 10.0.0.1\r\nVia: 1.1 proxy\r\nTrailer: x\r\n",
        b'Host: s3\r\nRange: bytes=0-9\r\nIf-Match: "a"\r\nAmz-Sdk-Request: attempt=1\r\nUser-Agent: Boto3\r\n',
        b"Host: s3\r\nCookie: connection: close\r\nX-Connection: keep-alive\r\nTest: te: trailers\r\n",
        b"Host: s3\r\n" + b"".join(b"x-amz-meta-%d: %s\r\n" % (n, b"v" * 500) for n in range(100)),
    ],
)
def test_client_fields_stay_byte_for_byte_and_in_order(fields: bytes) -> None:
    head = b"GET /bucket/key HTTP/1.1\r\n" + fields

    async def main() -> None:
        received, _ = await seen_by_node(head + b"\r\n")
        assert received == head + FORWARDED

    run(main())


@pytest.mark.parametrize(
    "field",
    [
        b"Connection: keep-alive",
        b"CONNECTION:keep-alive , foo",
        b"Keep-Alive: timeout=5, max=1000",
        b"Proxy-Connection: keep-alive",
        b"TE: trailers",
        b"te:",
    ],
)
def test_fields_of_the_clients_hop_do_not_reach_the_node(field: bytes) -> None:
    async def main() -> None:
        for fields in ([field, b"Host: s3", b"A: b"], [b"Host: s3", field, b"A: b"], [b"Host: s3", b"A: b", field]):
            received, _ = await seen_by_node(b"\r\n".join([b"GET /bucket/key HTTP/1.1", *fields, b"", b""]))
            kept = [line for line in fields if line != field]
            assert received == b"\r\n".join([b"GET /bucket/key HTTP/1.1", *kept, FORWARDED])

    run(main())


@pytest.mark.parametrize(
    "field",
    [
        b"Connection: close",
        b"connection:Close",
        b"Keep-Alive: timeout=5",
        b"Proxy-Connection: close",
        b"Upgrade: h2c",
    ],
)
def test_fields_of_the_nodes_hop_do_not_reach_the_client(field: bytes) -> None:
    async def main() -> None:
        answer = b"HTTP/1.1 200 OK\r\n" + field + b"\r\nContent-Length: 1\r\nx-amz-request-id: 1\r\n\r\nx"
        _, raw = await seen_by_node(b"GET /bucket/key HTTP/1.1\r\nHost: s3\r\n\r\n", answer)
        assert raw == answer.replace(field + b"\r\n", b"")

    run(main())


@pytest.mark.parametrize(
    "fields",
    [
        b'ETag: "9b2cf535f27731c974343645a3985328"\r\nx-amz-checksum-crc32: AAAAAA==\r\nx-amz-version-id: null\r\n',
        b"Server: MinIO\r\nserver: twice\r\nX-Amz-Meta-A:  \xe2\x98\x83 \r\nDate:\r\n",
        b"Set-Cookie: a\r\nSet-Cookie: b\r\nContent-Type: application/xml; charset=utf-8\r\n",
        b"X-Big: " + b"v" * 60_000 + b"\r\n",
    ],
)
def test_node_fields_stay_byte_for_byte_and_in_order(fields: bytes) -> None:
    async def main() -> None:
        answer = b"HTTP/1.1 200 Very Fine\r\n" + fields + b"Content-Length: 1\r\n\r\nx"
        _, raw = await seen_by_node(b"GET /bucket/key HTTP/1.1\r\nHost: s3\r\n\r\n", answer)
        assert raw == answer

    run(main())


def test_every_request_of_a_connection_tells_where_it_comes_from() -> None:
    async def main() -> None:
        async with scene(answers_anything) as stage, stage.dial() as client:
            head = b"GET /bucket/key HTTP/1.1\r\nHost: s3\r\n"
            for _ in range(3):
                await client.send(head + b"\r\n")
                await client.read_response()
            assert stage.node.received == 3 * (head + FORWARDED)

    run(main())


def test_a_target_in_absolute_form_is_the_same_for_its_own_host_in_any_case() -> None:
    head = b"GET HTTP://S3:80/bucket/key HTTP/1.1\r\nHost: s3:80\r\n"

    async def main() -> None:
        received, _ = await seen_by_node(head + b"\r\n")
        assert received == head + FORWARDED

    run(main())
