import asyncio
import socket
from collections.abc import Sequence

import pytest

from s3edge.errors import StartError
from s3edge.upstream.discovery import LOOKUP_LIMIT, REFRESH, RETRY, Discovery, look_up
from tests.support import virtual_time

UNKNOWN_NAME = socket.gaierror(socket.EAI_NONAME, "Name or service not known")


class NameServer:
    """Answers from a table; an exception there is raised, an answer of None never comes."""

    def __init__(self, **answers: Sequence[str] | Exception | None) -> None:
        self.answers = answers
        self.asked: list[tuple[float, str]] = []

    async def look_up(self, name: str) -> Sequence[str]:
        self.asked.append((asyncio.get_running_loop().time(), name))
        answer = self.answers[name]
        if answer is None:
            await asyncio.Event().wait()
        if isinstance(answer, Exception):
            raise answer
        assert answer is not None
        return answer


class Watcher:
    """A discovery and what it reported, with the time of each report."""

    def __init__(self, hosts: Sequence[str], names: NameServer) -> None:
        self.reports: list[tuple[float, str, tuple[str, ...]]] = []
        self.discovery = Discovery(hosts, self._report, names.look_up)

    def _report(self, host: str, addresses: tuple[str, ...]) -> None:
        self.reports.append((asyncio.get_running_loop().time(), host, addresses))

    async def __aenter__(self) -> "Watcher":
        await self.discovery.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.discovery.close()


def test_start_returns_when_all_names_have_their_first_answer() -> None:
    async def scenario() -> None:
        async with Watcher(["a", "b"], NameServer(a=["10.0.0.1", "10.0.0.2"], b=["10.0.0.3"])) as watcher:
            assert watcher.reports == [(0.0, "a", ("10.0.0.1", "10.0.0.2")), (0.0, "b", ("10.0.0.3",))]

    virtual_time.run(scenario())


def test_an_ip_address_is_its_own_answer_and_nobody_is_asked() -> None:
    async def scenario() -> None:
        names = NameServer()
        async with Watcher(["10.0.0.1", "fd00::1"], names) as watcher:
            await asyncio.sleep(10 * REFRESH)
        assert watcher.reports == [(0.0, "10.0.0.1", ("10.0.0.1",)), (0.0, "fd00::1", ("fd00::1",))]
        assert names.asked == []

    virtual_time.run(scenario())


def test_a_host_of_several_nodes_is_looked_up_once() -> None:
    async def scenario() -> None:
        names = NameServer(a=["10.0.0.1"])
        async with Watcher(["a", "a", "a"], names):
            assert len(names.asked) == 1

    virtual_time.run(scenario())


def test_a_change_is_reported_at_the_next_refresh_and_a_rotation_is_none() -> None:
    async def scenario() -> None:
        names = NameServer(a=["10.0.0.1", "10.0.0.2"])
        async with Watcher(["a"], names) as watcher:
            names.answers["a"] = ["10.0.0.2", "10.0.0.1"]
            await asyncio.sleep(1.5 * REFRESH)
            names.answers["a"] = ["10.0.0.3"]
            await asyncio.sleep(REFRESH)
        assert watcher.reports == [(0.0, "a", ("10.0.0.1", "10.0.0.2")), (2 * REFRESH, "a", ("10.0.0.3",))]

    virtual_time.run(scenario())


def test_a_failure_keeps_the_last_good_answer_and_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        names = NameServer(a=["10.0.0.1"])
        async with Watcher(["a"], names) as watcher:
            names.answers["a"] = UNKNOWN_NAME
            await asyncio.sleep(REFRESH + 3.5 * RETRY)
            names.answers["a"] = ["10.0.0.1"]
            await asyncio.sleep(RETRY)
        assert [report[2] for report in watcher.reports] == [("10.0.0.1",)]
        assert [time for time, _ in names.asked] == [0.0, *(REFRESH + RETRY * count for count in range(5))]

    caplog.set_level("INFO")
    virtual_time.run(scenario())
    assert caplog.messages == [
        "node name a stands for 10.0.0.1",
        "node name a does not resolve: Name or service not known; keeping 10.0.0.1",
        "node name a resolves again",
    ]


def test_a_name_that_is_unknown_at_first_is_found_later() -> None:
    async def scenario() -> None:
        names = NameServer(a=UNKNOWN_NAME, b=["10.0.0.2"])
        async with Watcher(["a", "b"], names) as watcher:
            names.answers["a"] = ["10.0.0.1"]
            await asyncio.sleep(RETRY)
            await asyncio.sleep(0)
            assert watcher.reports[-1] == (RETRY, "a", ("10.0.0.1",))

    virtual_time.run(scenario())


def test_a_start_without_a_single_address_fails_with_one_line() -> None:
    async def scenario() -> None:
        watcher = Watcher(["a", "b"], NameServer(a=UNKNOWN_NAME, b=None))
        with pytest.raises(StartError) as caught:
            await watcher.discovery.start()
        message = str(caught.value)
        assert "'a' (Name or service not known)" in message
        assert f"'b' (no answer within {LOOKUP_LIMIT:g} s)" in message
        assert "\n" not in message

    virtual_time.run(scenario())


def test_a_silent_name_server_delays_neither_the_start_for_ever_nor_other_names() -> None:
    async def scenario() -> None:
        names = NameServer(a=None, b=["10.0.0.1"])
        async with Watcher(["a", "b"], names) as watcher:
            assert asyncio.get_running_loop().time() == LOOKUP_LIMIT
            names.answers["b"] = ["10.0.0.2"]
            await asyncio.sleep(REFRESH + 0.1)
            assert watcher.reports[-1][1:] == ("b", ("10.0.0.2",))

    virtual_time.run(scenario())


def test_closing_during_a_look_up_ends_it() -> None:
    async def scenario() -> None:
        names = NameServer(a=["10.0.0.1"])
        async with Watcher(["a"], names):
            names.answers["a"] = None
            await asyncio.sleep(REFRESH + 1)

    virtual_time.run(scenario())


def test_the_systems_resolver_knows_localhost() -> None:
    assert set(asyncio.run(look_up("localhost"))) & {"127.0.0.1", "::1"}


def test_a_name_that_dns_cannot_hold_is_a_failure_and_no_crash() -> None:
    async def scenario() -> None:
        with pytest.raises(StartError, match="no node can be reached by name"):
            await Discovery(["a" * 64 + ".example"], lambda *_: None).start()

    asyncio.run(scenario())
