"""Asks nodes at a steady pace whether they are well, and reports what they say.

Each probe takes a fresh connection: one that was kept proves only that the node once accepted it. A connection goes to
the addresses that discovery found, so a probe and a client's request mean the same machine.
"""

import asyncio
import errno
import os
import random
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from s3edge import __version__
from s3edge.config.address import host_and_port
from s3edge.health.presets import BODY_LIMIT, Probe
from s3edge.health.verdict import Verdict, bad

# Part of the interval by which each pause varies, so that the probes of many edges drift apart.
JITTER = 0.1
# What a library says of a broken answer may quote all of it; this much tells what it was.
REASON_LIMIT = 200


@dataclass(frozen=True, slots=True)
class Target:
    """One node to probe: where it is, what to ask and for how long (seconds).

    `addresses` gives the host's present IP addresses; `context` is the TLS context, None for plain HTTP.
    """

    host: str
    port: int
    probe: Probe
    timeout: float
    addresses: Callable[[], Sequence[str]]
    context: ssl.SSLContext | None = None


Ask = Callable[[], Awaitable[Verdict]]
"""Sends one probe and waits for its verdict, for a limited time."""

Report = Callable[[Verdict], None]
"""Takes what one probe said."""


class Prober:
    """Probes one node in a task of its own, from `start` until `close`, every `interval` seconds or so."""

    def __init__(self, name: str, interval: float, ask: Ask, report: Report, rng: random.Random) -> None:
        self._name = name
        self._interval = interval
        self._ask = ask
        self._report = report
        self._rng = rng
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; the first probe goes out at once."""
        self._task = asyncio.create_task(self._run(), name=self._name)

    async def close(self) -> None:
        """End the task and wait for it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        while True:
            self._report(await self._ask())
            await asyncio.sleep(pause(self._interval, self._rng))


def pause(interval: float, rng: random.Random) -> float:
    """Seconds to the next probe: the interval, up to a tenth more or less."""
    return interval * rng.uniform(1 - JITTER, 1 + JITTER)


class KnownAddresses(AbstractResolver):
    """Lets aiohttp connect to the addresses that discovery found, while Host and SNI keep the node's name."""

    def __init__(self, addresses: Callable[[], Sequence[str]]) -> None:
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=address, port=port, family=family_of(address), proto=0, flags=0)
            for address in self._addresses()
        ]

    async def close(self) -> None:
        """Nothing is held."""


def family_of(address: str) -> socket.AddressFamily:
    """The family of an IP address."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET


async def ask_node(target: Target) -> Verdict:
    """Probe a node once; every fault of the node or of the way to it is a bad verdict."""
    if not target.addresses():
        return bad(f"the name {target.host} has no address")
    try:
        async with asyncio.timeout(target.timeout):
            if target.probe.path is None:
                return await _connect(target)
            return await _get(target, target.probe.path)
    except TimeoutError:
        return bad(f"no answer within {target.timeout:g} s")
    except (aiohttp.ClientError, OSError) as error:
        return bad(explain(error))


def explain(error: Exception) -> str:
    """What went wrong on the way to a node, in words for the operator."""
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return f"its certificate is not trusted: {error.certificate_error}"
        case aiohttp.ClientConnectorError():
            return f"cannot connect: {_reason(error.os_error)}"
        case OSError():
            return f"cannot connect: {_reason(error)}"
        case _:
            words = " ".join(str(error).split())[:REASON_LIMIT] or type(error).__name__
            return f"broken answer: {''.join(letter if letter.isprintable() else '?' for letter in words)}"


def _reason(error: OSError) -> str:
    """The system's words for an error; asyncio's repeat the address."""
    is_system_error = error.errno in errno.errorcode
    return os.strerror(error.errno or 0) if is_system_error else str(error)


async def _get(target: Target, path: str) -> Verdict:
    """Send the probe's request, its path as configured; a redirect is an answer, and a long body is cut."""
    scheme = "https" if target.context else "http"
    url = URL(f"{scheme}://{host_and_port(target.host, target.port)}{path}", encoded=True)
    connector = aiohttp.TCPConnector(resolver=KnownAddresses(target.addresses), ssl=target.context or True)
    agent = {"User-Agent": f"s3edge/{__version__} probe"}
    async with (
        aiohttp.ClientSession(connector=connector, headers=agent, auto_decompress=False) as session,
        session.get(url, allow_redirects=False) as answer,
    ):
        try:
            body = await answer.content.readexactly(BODY_LIMIT)
        except asyncio.IncompleteReadError as error:
            body = error.partial
        return target.probe.judge(answer.status, answer.headers, body)


async def _connect(target: Target) -> Verdict:
    """Open a connection to the first address that takes one and close it again. Raises OSError."""
    loop = asyncio.get_running_loop()
    fault = OSError("no address")
    for address in target.addresses():
        with socket.socket(family_of(address), socket.SOCK_STREAM) as sock:
            sock.setblocking(False)
            try:
                await loop.sock_connect(sock, (address, target.port))
            except OSError as error:
                fault = error
            else:
                return target.probe.judge(0, {}, b"")
    raise fault
