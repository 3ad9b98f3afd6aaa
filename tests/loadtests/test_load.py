from collections import Counter

from loadtests.load import SMALL, Ask, Asks, Load
from tests.support.objects import etag, size_of


def test_a_load_survives_json() -> None:
    load = Load(3.5, readers=7, sizes={4096: 2, 1 << 20: 1}, rate=50.0, patience=1.0, seed=9)
    assert Load.from_json(load.to_json()) == load


def test_the_same_seed_draws_the_same_requests_and_another_seed_others() -> None:
    first, again, other = (Asks(Load(1.0, seed=seed)) for seed in (1, 1, 2))
    drawn = [first.draw() for _ in range(50)]
    assert drawn == [again.draw() for _ in range(50)]
    assert drawn != [other.draw() for _ in range(50)]


def test_sizes_and_ranges_are_drawn_by_their_shares() -> None:
    asks = Asks(Load(1.0, sizes={4096: 3, 65_536: 1}, ranged=0.5))
    drawn = [asks.draw() for _ in range(2000)]
    totals = Counter(ask.total for ask in drawn)
    assert totals.keys() == {4096, 65_536}
    assert 0.70 < totals[4096] / 2000 < 0.80
    assert 0.45 < sum(ask.is_ranged for ask in drawn) / 2000 < 0.55


def test_every_range_lies_in_its_object() -> None:
    asks = Asks(Load(1.0, sizes={1: 1, 4096: 1}, ranged=1.0))
    for ask in (asks.draw() for _ in range(500)):
        assert 0 <= ask.first < ask.first + ask.size <= ask.total == size_of(ask.path)


def test_a_load_without_ranges_asks_for_whole_objects() -> None:
    asks = Asks(Load(1.0, sizes=SMALL, ranged=0.0))
    assert {(ask.first, ask.size, ask.status) for ask in (asks.draw() for _ in range(50))} == {(0, 4096, 200)}


def test_the_head_of_a_request_names_host_and_range() -> None:
    path = "/bench/4096B-1"
    ask = Ask(path, 10, 5, 4096, (etag(path),), is_ranged=True)
    assert ask.head("edge:9000") == b"GET /bench/4096B-1 HTTP/1.1\r\nHost: edge:9000\r\nRange: bytes=10-14\r\n\r\n"
    assert (ask.status, ask.content_range) == (206, "bytes 10-14/4096")
