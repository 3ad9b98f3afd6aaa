"""A cluster: which of its nodes takes the next attempt, and what its looks at them bring.

Waiting for a throttled node is told in test_cluster_queue.py.
"""

import asyncio

import pytest

from s3edge.config.policy import Balance
from s3edge.events import NodeEjected, NodeProbed
from tests.support.peer import Peer
from tests.support.virtual_time import run
from tests.upstream.clusters import Bench, now

# Choosing.


@pytest.mark.parametrize("balance", list(Balance))
def test_each_pick_gives_a_node_that_may_be_used(balance: Balance) -> None:
    async def main() -> None:
        bench = Bench("a", "b", "c")
        bench["a"].turned(False, 1.0, now())
        assert {bench.pick("b", balance=balance) for _ in range(10)} == {"c"}
        assert bench.pick("a", "b", "c", balance=balance) is None

    run(main())


def test_nodes_keep_the_order_of_the_configuration() -> None:
    async def main() -> None:
        bench = Bench("b", "c", "a")
        assert [node.name for node in bench.cluster.nodes] == ["b", "c", "a"]
        assert [bench.pick() for _ in range(4)] == ["b", "c", "a", "b"]

    run(main())


def test_the_own_zone_comes_first_and_other_zones_when_it_has_no_node_left() -> None:
    async def main() -> None:
        bench = Bench("a", "b", "c", zones=["east", "west", "east"], own_zone="west")
        assert {bench.pick() for _ in range(10)} == {"b"}
        assert {bench.pick("b") for _ in range(10)} == {"a", "c"}
        bench["b"].turned(False, 1.0, now())
        assert {bench.pick() for _ in range(10)} == {"a", "c"}

    run(main())


def test_a_rank_of_which_half_is_down_spills_over_to_the_next() -> None:
    async def main() -> None:
        bench = Bench("a", "b", "c", tiers=[0, 0, 1])
        assert {bench.pick() for _ in range(20)} == {"a", "b"}
        bench["a"].turned(False, 1.0, now())
        picked = [bench.pick() for _ in range(1000)]
        assert set(picked) == {"b", "c"}
        assert 250 < picked.count("c") < 350, "70% of the requests are enough for half of the rank"

    run(main())


# Trials.


def test_a_node_whose_ejection_is_over_is_tried_by_one_safe_request_only() -> None:
    async def main() -> None:
        bench = Bench("a", "b")
        assert bench.pick() == "a"
        bench.eject("b")
        await asyncio.sleep(0.9)
        assert [bench.pick() for _ in range(3)] == ["a", "a", "a"]
        await asyncio.sleep(0.1)
        assert bench.pick(is_safe=False) == "a"
        assert bench.pick("b") == "a", "who has tried it does not try it again"
        assert [bench.pick() for _ in range(3)] == ["b", "a", "a"]
        assert [type(event) for event in bench.events] == [NodeEjected, NodeProbed]

    run(main())


def test_a_node_that_is_down_is_not_tried() -> None:
    async def main() -> None:
        bench = Bench("a", "b")
        assert bench.pick() == "a"
        bench.eject("b")
        bench["b"].turned(False, 1.0, now())
        await asyncio.sleep(5)
        assert [bench.pick() for _ in range(3)] == ["a", "a", "a"]
        bench["b"].turned(True, 1.0, now())
        assert bench.pick() == "b"

    run(main())


def test_while_others_are_throttled_a_trial_is_made_once_and_costs_no_wait() -> None:
    """Regression: a look at who else could be asked began a trial that nobody made, and the node never came back."""

    async def main() -> None:
        bench = Bench("a", "b")
        assert bench.pick() == "a"
        bench.eject("b")
        await asyncio.sleep(1)
        bench.throttle("a")
        began = now()
        assert await bench.place(is_safe=False) == "a"
        assert now() == pytest.approx(began + 0.1)
        assert bench.nodes["b"].is_ejected
        assert await bench.place() == "b"
        assert now() == pytest.approx(began + 0.1)
        bench["b"].answered(now(), now())
        assert not bench.nodes["b"].is_ejected

    run(main())


def test_no_more_than_half_of_a_cluster_is_ejected() -> None:
    async def main() -> None:
        bench = Bench("a", "b", "c", "d")
        bench["a"].turned(False, 1.0, now())
        bench.eject("b")
        for _ in range(50):
            bench["c"].failed(now(), now(), "closed")
        assert not bench.nodes["c"].is_ejected

    run(main())


# No node left.


def test_when_no_node_is_up_none_is_picked() -> None:
    async def main() -> None:
        bench = Bench("a", "b")
        for name in ("a", "b"):
            bench[name].turned(False, 1.0, now())
        assert bench.pick() is None
        assert await bench.place() is None

    run(main())


def test_a_cluster_that_uses_all_asks_nodes_that_are_down_but_none_that_is_drained() -> None:
    async def main() -> None:
        bench = Bench("a", "b", "c", health={"when_none_is_up": "use_all"})
        for name in ("a", "b"):
            bench[name].turned(False, 1.0, now())
        bench["c"].turned(False, 0.0, now())
        assert {bench.pick() for _ in range(10)} == {"a", "b"}
        bench["b"].turned(True, 1.0, now())
        assert {bench.pick() for _ in range(10)} == {"b"}

    run(main())


# Looks.


def test_a_node_that_fails_more_than_its_peers_is_ejected_within_a_second() -> None:
    async def main() -> None:
        bench = Bench("a", "b", "c")
        assert bench.pick() == "a"
        bench.nodes["a"].inflight += 1
        for name in ("a", "b", "c"):
            for number in range(40):
                if name == "b" and number % 2:
                    bench[name].failed(now(), now(), "answered 500")
                else:
                    bench[name].answered(now(), now())
        await asyncio.sleep(0.9)
        assert bench.events == []
        await asyncio.sleep(0.1)
        reason = "50% of its attempts failed, 0% of its peers'"
        assert bench.events == [NodeEjected("b", None, reason, 1.0)]

    run(main())


def test_without_requests_nothing_is_looked_at() -> None:
    async def main() -> None:
        bench = Bench("a", "b")
        assert bench.pick() == "a"
        await asyncio.sleep(10)
        assert bench.cluster._timer.due == float("inf")
        looks = bench.cluster._looks
        bench.pick()
        await asyncio.sleep(10)
        assert bench.cluster._looks == looks + 1

    run(main())


def test_closing_a_cluster_closes_the_idle_connections_to_all_nodes() -> None:
    async def main() -> None:
        bench = Bench("a", "b")
        bench.pick()
        pools = [standing.pool for standing in bench.cluster.standings.values()]
        for pool in pools:
            bench.network.listen((pool.node.name, 9000), Peer)
            pool.give_back(await pool.open())
        await asyncio.sleep(0)
        bench.throttle("a", "b")
        waiting = asyncio.create_task(bench.place(), name="waits")
        await asyncio.sleep(0)
        bench.cluster.close()
        await asyncio.sleep(1)
        assert [pool.idle for pool in pools] == [0, 0]
        assert not waiting.done()
        waiting.cancel()
        await asyncio.wait([waiting])

    run(main())


def test_a_node_that_refuses_in_its_first_moment_is_held_to_what_it_took() -> None:
    """Regression: without a look before, its rate was taken over all the time that the machine had been up."""

    async def main() -> None:
        await asyncio.sleep(1000)
        bench = Bench("a")
        assert bench.pick() == "a"
        await asyncio.sleep(0.125)
        for _ in range(50):
            bench["a"].answered(now(), now())
        bench["a"].slowed(now(), now())
        assert bench["a"].throttle_rate == pytest.approx(400, rel=0.05)
        bench.cluster.close()

    run(main())
