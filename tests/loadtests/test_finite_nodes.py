"""The work of a node by exact instants, without sockets; and one run of the process."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from loadtests.clients import Clients
from loadtests.finite_nodes import QUANTUM, Capacity, Reply, Sender, Work, finite_nodes
from loadtests.nodes import scratch
from loadtests.pullers import pull
from tests.support.objects import content


@pytest.fixture
def folder() -> Iterator[Path]:
    with scratch() as path:
        yield path


@dataclass
class Client(Sender):
    """Takes what it is sent, in memory; `room` is what it takes before it is blocked."""

    work: Work
    reply: Reply | None
    room: int = 1 << 30
    sent: list[bytes] = field(default_factory=list)

    def send(self, most: int, now: float) -> tuple[int, bool]:
        if self.reply is None:
            return 0, False
        piece = bytes(self.reply.stretch()[: min(most, self.room)])
        self.room -= len(piece)
        self.sent.append(piece)
        self.reply.advance(len(piece))
        if self.reply.stretch():
            return len(piece), len(piece) == most or self.room > 0
        reply, self.reply = self.reply, None
        self.work.leave(reply, True, now)
        return len(piece), False

    @property
    def body(self) -> bytes:
        return b"".join(self.sent).partition(b"\r\n\r\n")[2]

    @property
    def size(self) -> int:
        return sum(len(piece) for piece in self.sent)


def arrived(work: Work, path: str, count: int = 1) -> list[Client]:
    clients = [Client(work, Reply(path)) for _ in range(count)]
    for client in clients:
        work.arrive(client, 0.0)
    return clients


def turns(work: Work, first: float, last: float, every: float = 0.001) -> None:
    """Turn from `first` to `last`, every `every` seconds."""
    for number in range(round((last - first) / every) + 1):
        work.turn(first + number * every)


def test_the_first_byte_comes_when_it_is_due_and_not_before() -> None:
    work = Work(Capacity(slots=1, bandwidth=1e6, first_byte=0.002))
    (client,) = arrived(work, "/bench/64KiB")
    turns(work, 0.0, 0.001)
    assert client.size == 0
    work.turn(0.002)
    assert client.size > 0


def test_a_node_sends_no_more_than_its_bandwidth() -> None:
    work = Work(Capacity(slots=4, bandwidth=10e6, first_byte=0.0))
    clients = arrived(work, "/bench/8MiB", 4)
    turns(work, 0.0, 1.0)
    assert sum(client.size for client in clients) == pytest.approx(10e6, abs=QUANTUM)
    assert work.counts.sent == sum(client.size for client in clients)


def test_answers_share_the_bandwidth_equally_whatever_their_size() -> None:
    work = Work(Capacity(slots=4, bandwidth=10e6, first_byte=0.0))
    clients = arrived(work, "/bench/8MiB", 3) + arrived(work, "/bench/64MiB")
    turns(work, 0.0, 1.0)
    assert [client.size for client in clients] == pytest.approx([2.5e6] * 4, abs=QUANTUM)


def test_who_finds_no_slot_waits_until_one_is_free() -> None:
    work = Work(Capacity(slots=2, bandwidth=1e9, first_byte=0.0))
    first, second, third = arrived(work, "/bench/4KiB", 3)
    assert (work.counts.in_flight, work.counts.most_in_flight) == (3, 3)
    work.turn(0.001)
    assert (first.size > 0, second.size > 0, third.size) == (True, True, 0)
    work.turn(0.002)
    assert third.body == content("/bench/4KiB", 0, 4096)
    assert (work.counts.served, work.counts.in_flight) == (3, 0)
    assert work.is_idle


def test_a_client_that_goes_gives_up_its_slot_or_its_place() -> None:
    work = Work(Capacity(slots=1, bandwidth=1e9, first_byte=0.0))
    serving, waiting, last = arrived(work, "/bench/4KiB", 3)
    for gone in (waiting, serving):
        reply, gone.reply = gone.reply, None
        assert reply is not None
        work.leave(reply, False, 0.0)
    work.turn(0.001)
    work.turn(0.002)
    assert (last.size > 0, serving.size, waiting.size) == (True, 0, 0)
    assert (work.counts.left, work.counts.served, work.counts.in_flight) == (2, 1, 0)


def test_a_client_that_does_not_read_leaves_its_share_to_the_others() -> None:
    work = Work(Capacity(slots=2, bandwidth=10e6, first_byte=0.0))
    (slow,) = arrived(work, "/bench/8MiB")
    slow.room = 1000
    (quick,) = arrived(work, "/bench/8MiB")
    turns(work, 0.0, 0.5)
    assert slow.size == 1000
    assert quick.size == pytest.approx(5e6 - 1000, abs=QUANTUM)


def test_a_node_that_was_held_up_does_not_make_up_for_more_than_a_hundredth_of_a_second() -> None:
    work = Work(Capacity(slots=1, bandwidth=10e6, first_byte=0.0))
    (client,) = arrived(work, "/bench/8MiB")
    work.turn(0.001)
    before = client.size
    work.turn(5.0)
    assert client.size - before <= 100_000 + QUANTUM


def test_nodes_serve_objects_and_count(folder: Path) -> None:
    with finite_nodes(2, folder, Capacity(slots=2, first_byte=0.0)) as nodes:
        groups = [Clients("training", 4, {65_536: 1})]
        (got,) = asyncio.run(pull(groups, [node.port for node in nodes], 0.3))
        counts = [node.counts() for node in nodes]
    assert set(got.outcomes) == {"ok"}
    assert sum(got.answered) == got.outcomes["ok"] > 4
    assert sum(got.received) >= got.outcomes["ok"] * 65_536
    served = sum(count.served for count in counts)
    assert got.outcomes["ok"] <= served <= got.outcomes["ok"] + 4, "the last ones may have been under way"
    assert [count.most_in_flight for count in counts] == [2, 2]


@pytest.mark.parametrize("span, first, size", [((1000, 69_999), 1000, 69_000), ((65_000, None), 65_000, 3_072_000)])
def test_a_part_of_an_object_is_sent_when_it_is_asked_for(span: tuple[int, int | None], first: int, size: int) -> None:
    path = "/bench/3137000B"
    work = Work(Capacity(slots=1, bandwidth=100e6, first_byte=0.0))
    client = Client(work, Reply(path, span))
    work.arrive(client, 0.0)
    turns(work, 0.0, 0.1)
    head = b"".join(client.sent).partition(b"\r\n\r\n")[0].decode()
    assert head.startswith("HTTP/1.1 206 ")
    assert f"\r\nContent-Range: bytes {first}-{first + size - 1}/3137000\r\n" in head
    assert client.body == content(path, first, size)
