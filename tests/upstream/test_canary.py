"""Deep probes of a node on loopback that keeps objects in memory, and of moto."""

import asyncio
import random
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from itertools import count

import boto3
import pytest
import trustme
from aiohttp import web

from s3edge.config.health import DeepProbe
from s3edge.demo.nodes import Nodes
from s3edge.health.verdict import Sign, Verdict, bad, good, refused
from s3edge.upstream.canary import Canaries, Canary

KEY = "/canaries/.s3edge-canary/edge-9000/n1:9000"
DONE = good("wrote, read and deleted a canary")
PLAIN_ROUND = [f"PUT {KEY}", f"GET {KEY}", f"DELETE {KEY}"]


def deep_probe(timeout: float = 5.0) -> DeepProbe:
    return DeepProbe.model_validate(
        {"bucket": "canaries", "access_key": "AK", "secret_key": "hunter2", "timeout": timeout}
    )


class Store:
    """A node that keeps objects, and answers a method of `faults` with that status and S3 code instead."""

    def __init__(self, *, is_versioned: bool = False) -> None:
        self.objects: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.authorization = ""
        self.faults: dict[str, tuple[int, str]] = {}
        self.silent: set[str] = set()
        self._versions = count(1) if is_versioned else None

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(f"{request.method} {request.path}?{request.query_string}".rstrip("?"))
        self.authorization = request.headers["Authorization"]
        body = await request.read()
        if request.method in self.silent:
            await asyncio.Event().wait()
        if request.method in self.faults:
            status, code = self.faults[request.method]
            return web.Response(status=status, text=f"<Error><Code>{code}</Code></Error>")
        return self._done(request.method, request.path, body)

    def _done(self, method: str, path: str, body: bytes) -> web.Response:
        if method == "PUT":
            self.objects[path] = body
            version = {} if self._versions is None else {"x-amz-version-id": f"v{next(self._versions)}"}
            return web.Response(headers={"ETag": '"e"', **version})
        if method == "GET":
            return web.Response(body=self.objects[path])
        self.objects.pop(path, None)
        return web.Response(status=204)


@asynccontextmanager
async def serving(store: Store, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """The store's port on loopback."""
    app = web.Application()
    app.router.add_route("*", "/{key:.*}", store.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    with socket.create_server(("127.0.0.1", 0)) as sock:
        await web.SockSite(runner, sock, ssl_context=context).start()
        try:
            yield sock.getsockname()[1]
        finally:
            await runner.cleanup()


def canary_at(url: str, *, timeout: float = 5.0, context: ssl.SSLContext | None = None) -> Canary:
    """The canary of a node that is called n1:9000 and found on loopback, whatever its URL."""
    return Canaries("edge-9000", random.Random(1)).canary(
        url, "n1:9000", lambda: ["127.0.0.1"], context, deep_probe(timeout)
    )


def with_store(
    store: Store, scenario: Callable[[Canary], Coroutine[None, None, None]], *, timeout: float = 5.0
) -> None:
    async def main() -> None:
        async with serving(store) as port:
            await scenario(canary_at(f"http://node.test:{port}", timeout=timeout))

    asyncio.run(main())


def rounds(store: Store, number: int = 1, *, timeout: float = 5.0) -> list[Verdict]:
    """The verdicts of some rounds."""
    verdicts = []

    async def scenario(canary: Canary) -> None:
        verdicts.extend([await canary.ask() for _ in range(number)])

    with_store(store, scenario, timeout=timeout)
    return verdicts


def test_a_round_writes_reads_and_deletes_one_signed_object_of_the_edge_and_the_node() -> None:
    store = Store()
    assert rounds(store) == [DONE]
    assert store.asked == PLAIN_ROUND
    assert store.objects == {}
    assert store.authorization.startswith("AWS4-HMAC-SHA256 Credential=AK/")


def test_every_round_uses_the_same_key() -> None:
    store = Store()
    assert rounds(store, 3) == [DONE] * 3
    assert store.asked == PLAIN_ROUND * 3


def test_in_a_versioned_bucket_the_version_that_was_written_is_deleted() -> None:
    store = Store(is_versioned=True)
    assert rounds(store, 2) == [DONE, DONE]
    assert [line for line in store.asked if line.startswith("DELETE")] == [
        f"DELETE {KEY}?versionId=v1",
        f"DELETE {KEY}?versionId=v2",
    ]


@pytest.mark.parametrize(
    "step,status,code,verdict",
    [
        ("PUT", 403, "AccessDenied", refused("PUT 403 AccessDenied")),
        ("PUT", 404, "NoSuchBucket", refused("PUT 404 NoSuchBucket")),
        ("GET", 403, "AccessDenied", refused("GET 403 AccessDenied")),
        ("DELETE", 403, "AccessDenied", refused("DELETE 403 AccessDenied")),
        ("PUT", 500, "InternalError", bad("PUT 500 InternalError")),
        ("PUT", 507, "XMinioStorageFull", bad("PUT 507 XMinioStorageFull")),
        ("DELETE", 503, "ServiceUnavailable", bad("DELETE 503 ServiceUnavailable")),
        ("GET", 404, "NoSuchKey", bad("GET 404 NoSuchKey")),
        ("PUT", 503, "SlowDown", good("PUT 503 SlowDown")),
        ("PUT", 429, "TooManyRequests", good("PUT 429 TooManyRequests")),
        ("PUT", 403, "a\nERROR forged", refused("PUT 403")),
        ("PUT", 500, "x" * 65, bad("PUT 500")),
        ("PUT", 500, "", bad("PUT 500")),
    ],
)
def test_a_failed_step_is_named_and_judged(step: str, status: int, code: str, verdict: Verdict) -> None:
    store = Store()
    store.faults[step] = status, code
    assert rounds(store) == [verdict]


def test_a_step_is_tried_once_only() -> None:
    store = Store()
    store.faults["PUT"] = 500, "InternalError"
    rounds(store)
    assert store.asked == [f"PUT {KEY}"]


@pytest.mark.parametrize("step", ["PUT", "GET", "DELETE"])
def test_a_node_that_stays_silent_is_bad_after_the_timeout(step: str) -> None:
    store = Store()
    store.silent.add(step)
    assert rounds(store, timeout=3.0) == [bad(f"{step}: no answer within 3 s")]


def test_a_node_that_gives_back_other_bytes_is_bad_and_its_object_goes_all_the_same() -> None:
    class Forgetful(Store):
        def _done(self, method: str, path: str, body: bytes) -> web.Response:
            return super()._done(method, path, b"old" if method == "PUT" else body)

    store = Forgetful()
    assert rounds(store) == [bad("GET: other bytes than were written")]
    assert store.asked == PLAIN_ROUND


def test_what_was_left_is_deleted_before_anything_new_is_written() -> None:
    store = Store()
    store.faults["DELETE"] = 500, "InternalError"

    async def scenario(canary: Canary) -> None:
        for _ in range(3):
            assert await canary.ask() == bad("DELETE 500 InternalError")
        assert store.asked == [*PLAIN_ROUND, f"DELETE {KEY}", f"DELETE {KEY}"]
        store.faults.clear()
        store.asked.clear()
        assert await canary.ask() == DONE
        assert store.asked == [f"DELETE {KEY}", *PLAIN_ROUND]

    with_store(store, scenario)
    assert store.objects == {}


def test_an_upload_without_an_answer_may_have_left_an_object_and_a_refused_one_has_not() -> None:
    store = Store()

    async def scenario(canary: Canary) -> None:
        for code, asked in ((500, [f"DELETE {KEY}", *PLAIN_ROUND]), (403, PLAIN_ROUND)):
            store.faults["PUT"] = code, "InternalError"
            await canary.ask()
            store.faults.clear()
            store.asked.clear()
            assert await canary.ask() == DONE
            assert store.asked == asked

    with_store(store, scenario)


def test_a_closed_port_is_bad_with_the_step_that_failed() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        verdict = asyncio.run(canary_at(f"http://127.0.0.1:{unused.getsockname()[1]}").ask())
    assert verdict == bad("PUT: cannot connect: Connection refused")


def test_neither_a_proxy_nor_a_profile_of_the_machine_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_PROFILE", "somebody")
    assert rounds(Store()) == [DONE]


def ask_by_tls(*, is_known_ca: bool) -> Verdict:
    """The verdict of a round at an https node."""
    ca = trustme.CA()
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    ca.issue_cert("node.test").configure_cert(server)
    if is_known_ca:
        ca.configure_trust(client)

    async def scenario() -> Verdict:
        async with serving(Store(), server) as port:
            return await canary_at(f"https://node.test:{port}", context=client).ask()

    return asyncio.run(scenario())


def test_an_https_node_is_verified_by_the_configured_ca() -> None:
    assert ask_by_tls(is_known_ca=True) == DONE
    verdict = ask_by_tls(is_known_ca=False)
    assert verdict.sign is Sign.BAD
    assert verdict.reason.startswith("PUT: its certificate is not trusted: ")


def test_a_node_that_closes_the_connection_instead_of_an_answer_is_bad() -> None:
    async def scenario() -> Verdict:
        server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
        async with server:
            return await canary_at(f"http://node.test:{server.sockets[0].getsockname()[1]}").ask()

    verdict = asyncio.run(scenario())
    assert verdict.sign is Sign.BAD
    assert verdict.reason.startswith("PUT: broken answer: ")


@pytest.mark.wire
def test_a_storage_keeps_nothing_of_a_canary_and_refuses_one_without_a_bucket() -> None:
    with Nodes(1) as nodes:
        [url] = nodes.urls
        assert asyncio.run(canary_at(url).ask()) == refused("PUT 404 NoSuchBucket")
        keys = {"aws_access_key_id": "AK", "aws_secret_access_key": "hunter2", "region_name": "us-east-1"}
        client = boto3.client("s3", endpoint_url=url, **keys)
        client.create_bucket(Bucket="canaries")
        client.put_bucket_versioning(Bucket="canaries", VersioningConfiguration={"Status": "Enabled"})
        assert asyncio.run(canary_at(url).ask()) == DONE
        versions = client.list_object_versions(Bucket="canaries")
        client.close()
    assert versions.get("Versions", []) + versions.get("DeleteMarkers", []) == []
