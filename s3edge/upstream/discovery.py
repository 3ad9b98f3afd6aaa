"""The IP addresses that the nodes' host names stand for: looked up at the start, then again and again.

A failed look-up keeps the last good answer, because a name server that is down says nothing about a node. Each change
is logged once and reported; an IP literal is its own answer for ever.
"""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Collection, Sequence
from ipaddress import ip_address

from s3edge.errors import StartError

log = logging.getLogger(__name__)

# Container platforms move a service to a new address and serve its name with a time to live of 5 to 30 s.
REFRESH = 30.0
# A name that never resolved, or that just failed, is asked for sooner: its node may be only starting.
RETRY = 5.0
# Two rounds of the C library's resolver against one silent name server (5 s each by default).
LOOKUP_LIMIT = 10.0

Lookup = Callable[[str], Awaitable[Sequence[str]]]
"""A host name's IP addresses, in order of preference. Raises OSError."""

Report = Callable[[str, tuple[str, ...]], None]
"""Takes a host name and the addresses that it stands for from now on."""


async def look_up(host: str) -> Sequence[str]:
    """The addresses that the system's resolver gives, each once. Raises OSError."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(info[4][0]) for info in found))


def is_literal(host: str) -> bool:
    """Whether the host is an IP address rather than a name."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


class Discovery:
    """Keeps the addresses of a set of hosts fresh until it is closed; one task per name."""

    def __init__(
        self, hosts: Collection[str], report: Report, lookup: Lookup = look_up, refresh: float = REFRESH
    ) -> None:
        self._hosts = tuple(dict.fromkeys(hosts))
        self._report = report
        self._lookup = lookup
        self._refresh = refresh
        self._known: dict[str, tuple[str, ...]] = {}
        self._failing: dict[str, str] = {}
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Look every name up once, then keep on. Raises StartError if not one host has an address."""
        names = [host for host in self._hosts if not is_literal(host)]
        for host in self._hosts:
            if host not in names:
                self._learn(host, (host,))
        await asyncio.gather(*(self._ask(name) for name in names))
        if not self._known:
            faults = ", ".join(f"{name!r} ({reason})" for name, reason in self._failing.items())
            raise StartError(f"no node can be reached by name: {faults}; correct the node URLs or the name service")
        for name in names:
            self._tasks.append(asyncio.create_task(self._keep(name), name=f"look up {name}"))

    async def close(self) -> None:
        """End the tasks and wait for them."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    async def _keep(self, name: str) -> None:
        while True:
            await asyncio.sleep(min(self._refresh, RETRY) if name in self._failing else self._refresh)
            await self._ask(name)

    async def _ask(self, name: str) -> None:
        try:
            async with asyncio.timeout(LOOKUP_LIMIT):
                addresses = tuple(await self._lookup(name))
        except TimeoutError:
            self._fail(name, f"no answer within {LOOKUP_LIMIT:g} s")
        except (OSError, UnicodeError) as error:  # UnicodeError: a name that no encoding of DNS can hold.
            self._fail(name, getattr(error, "strerror", None) or str(error))
        else:
            self._learn(name, addresses)

    def _learn(self, host: str, addresses: tuple[str, ...]) -> None:
        if self._failing.pop(host, None):
            log.info("node name %s resolves again", host)
        # Name servers rotate their answers; only a change of the set is news.
        if set(addresses) == set(self._known.get(host, ())):
            return
        self._known[host] = addresses
        if not is_literal(host):
            log.info("node name %s stands for %s", host, ", ".join(addresses))
        self._report(host, addresses)

    def _fail(self, name: str, reason: str) -> None:
        if self._failing.get(name) != reason:
            kept = self._known.get(name)
            log.warning(
                "node name %s does not resolve: %s; %s",
                name,
                reason,
                "keeping " + ", ".join(kept) if kept else "no address",
            )
        self._failing[name] = reason
