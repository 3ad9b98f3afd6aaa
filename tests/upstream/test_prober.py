import asyncio
import random
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from functools import partial

import pytest
import trustme

from s3edge.config.health import Preset
from s3edge.health.presets import BODY_LIMIT, Probe, probe
from s3edge.health.verdict import Sign, Verdict, bad, good
from s3edge.upstream.prober import JITTER, REASON_LIMIT, Prober, Target, ask_node, pause
from tests.support import virtual_time

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[None, None, None]]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def target_at(port: int, probe: Probe, *, context: ssl.SSLContext | None = None, timeout: float = 5.0) -> Target:
    """A node named node.test that listens on loopback."""
    return Target("node.test", port, probe, timeout, lambda: ["127.0.0.1"], context)


class Node:
    """A server that gives one canned answer and keeps what it was sent."""

    def __init__(self, answer: bytes, *, is_silent: bool = False) -> None:
        self.answer = answer
        self.is_silent = is_silent
        self.heads: list[bytes] = []

    @asynccontextmanager
    async def listening(self, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
        """Serve within the block; gives the port."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=context)
        async with server:
            yield server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self.heads.append(await reader.readuntil(b"\r\n\r\n"))
            if not self.is_silent:
                writer.write(self.answer)
                await writer.drain()
            else:
                await reader.read()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


def ask(node: Node, probe: Probe, *, timeout: float = 5.0) -> Verdict:
    """The verdict of one probe of a plain HTTP node."""

    async def scenario() -> Verdict:
        async with node.listening() as port:
            return await ask_node(target_at(port, probe, timeout=timeout))

    return asyncio.run(scenario())


def test_the_probe_asks_for_its_path_under_the_nodes_own_name() -> None:
    node = Node(OK)
    assert ask(node, probe(Preset.HTTP, "/health//x%2Fy?a=b%20c")) == good("answered 200")
    [head] = node.heads
    assert head.startswith(b"GET /health//x%2Fy?a=b%20c HTTP/1.1\r\nHost: node.test:")
    assert b"\r\nUser-Agent: s3edge/" in head


def test_a_redirect_is_judged_and_not_followed() -> None:
    node = Node(b"HTTP/1.1 302 Found\r\nLocation: http://192.0.2.1/\r\nContent-Length: 0\r\n\r\n")
    assert ask(node, probe(Preset.HTTP, "/")) == good("answered 302")
    assert ask(node, probe(Preset.MINIO)) == bad("answered 302 instead of 200")


def test_the_judge_sees_the_beginning_of_a_long_body_only() -> None:
    seen: list[bytes] = []

    def judge(status: int, headers: object, body: bytes) -> Verdict:
        seen.append(body)
        return good("fine")

    size = 20 * BODY_LIMIT
    ask(Node(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size), Probe("/", judge))
    assert seen == [b"x" * BODY_LIMIT]


def test_a_node_that_accepts_and_stays_silent_is_bad_after_the_timeout() -> None:
    assert ask(Node(b"", is_silent=True), probe(Preset.MINIO), timeout=0.05) == bad("no answer within 0.05 s")


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"])
def test_a_broken_answer_is_bad(answer: bytes) -> None:
    verdict = ask(Node(answer), probe(Preset.HTTP, "/"))
    assert verdict.sign is Sign.BAD
    assert verdict.reason.startswith(("broken answer: ", "cannot connect: "))


def test_a_broken_answer_cannot_forge_a_line_of_the_log_or_fill_it() -> None:
    for answer in (b"HTTP/9.9\x1b[2J nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"x y" * 2000 + b"\r\n\r\n"):
        reason = ask(Node(answer), probe(Preset.HTTP, "/")).reason
        assert reason.startswith("broken answer: ")
        assert reason.isprintable()
        assert len(reason) <= len("broken answer: ") + REASON_LIMIT


@pytest.mark.parametrize("preset", [Preset.TCP, Preset.MINIO])
def test_a_closed_port_is_bad_with_the_systems_words(preset: Preset) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        verdict = asyncio.run(ask_node(target_at(unused.getsockname()[1], probe(preset))))
    assert verdict == bad("cannot connect: Connection refused")


def test_for_tcp_a_connection_is_enough_and_nothing_is_sent() -> None:
    node = Node(b"", is_silent=True)
    assert ask(node, probe(Preset.TCP)) == good("accepted a connection")
    assert node.heads == []


def test_for_tcp_the_second_address_is_tried_when_the_first_refuses() -> None:
    async def scenario() -> Verdict:
        async with Node(b"").listening() as port:
            target = Target("node.test", port, probe(Preset.TCP), 5.0, lambda: ["127.0.0.2", "127.0.0.1"])
            return await ask_node(target)

    assert asyncio.run(scenario()).sign is Sign.GOOD


def test_a_node_without_an_address_is_bad_and_says_so() -> None:
    target = Target("node.test", 80, probe(Preset.TCP), 1.0, list)
    assert asyncio.run(ask_node(target)) == bad("the name node.test has no address")


def ask_by_tls(certificate_for: str, *, is_known_ca: bool) -> Verdict:
    """The verdict of one probe of an HTTPS node whose certificate names a host."""
    ca = trustme.CA()
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    ca.issue_cert(certificate_for).configure_cert(server)
    if is_known_ca:
        ca.configure_trust(client)

    async def scenario() -> Verdict:
        async with Node(OK).listening(server) as port:
            return await ask_node(target_at(port, probe(Preset.MINIO), context=client))

    return asyncio.run(scenario())


def test_an_https_node_is_verified_by_its_name_although_an_address_is_dialled() -> None:
    assert ask_by_tls("node.test", is_known_ca=True).sign is Sign.GOOD


@pytest.mark.parametrize("certificate_for,is_known_ca", [("other.test", True), ("node.test", False)])
def test_an_https_node_with_a_wrong_certificate_is_bad(certificate_for: str, is_known_ca: bool) -> None:
    verdict = ask_by_tls(certificate_for, is_known_ca=is_known_ca)
    assert verdict.sign is Sign.BAD
    assert verdict.reason.startswith("its certificate is not trusted: ")


class Asked:
    """Stands for a node: answers after some seconds, and keeps when it was asked and reported."""

    def __init__(self, seconds: Sequence[float] = ()) -> None:
        self.seconds = list(seconds)
        self.times: list[float] = []
        self.reports: list[Verdict] = []

    async def ask(self) -> Verdict:
        self.times.append(asyncio.get_running_loop().time())
        if self.seconds:
            await asyncio.sleep(self.seconds.pop(0))
        return good(str(len(self.times)))


def probe_for(asked: Asked, seconds: float, rng: random.Random) -> None:
    """Let a prober run for so many seconds of virtual time."""

    async def scenario() -> None:
        prober = Prober("probe n", 1.0, asked.ask, asked.reports.append, rng)
        prober.start()
        await asyncio.sleep(seconds)
        await prober.close()

    virtual_time.run(scenario())


def test_the_first_probe_goes_out_at_once_and_the_others_follow_the_interval() -> None:
    asked = Asked()
    probe_for(asked, 100.0, random.Random(1))
    pauses = [later - earlier for earlier, later in zip(asked.times, asked.times[1:], strict=False)]
    assert asked.times[0] == 0.0
    assert 90 <= len(asked.times) <= 111
    assert all(1 - JITTER <= pause <= 1 + JITTER for pause in pauses)
    assert len({round(pause, 6) for pause in pauses}) > len(pauses) / 2


def test_each_verdict_is_reported() -> None:
    asked = Asked()
    probe_for(asked, 1.5, random.Random(1))
    assert asked.reports == [good("1"), good("2")]


def test_a_slow_probe_is_never_joined_by_a_second_one() -> None:
    asked = Asked([10.0])
    probe_for(asked, 12.0, random.Random(1))
    assert asked.times[1] > 10.0


def test_closing_during_a_probe_ends_it_without_a_report() -> None:
    asked = Asked([10.0])
    probe_for(asked, 5.0, random.Random(1))
    assert asked.reports == []


def test_a_prober_that_was_never_started_can_be_closed() -> None:
    virtual_time.run(Prober("probe n", 1.0, Asked().ask, print, random.Random(1)).close())


def test_two_edges_that_start_together_drift_apart() -> None:
    draw = [partial(pause, 1.0, random.Random(seed)) for seed in (1, 2)]
    assert draw[0]() != draw[1]()
