"""What each way to balance does when nodes are not equal: the figures that decided for `peak_ewma` as the default."""

from collections.abc import Callable
from random import Random

import pytest

from s3edge.config.policy import Balance
from s3edge.routing.balance import balancer
from s3edge.routing.node import Node
from tests.routing.fleet import nodes
from tests.routing.queueing import Figures, Queueing

SEEDS = pytest.mark.parametrize("seed", range(2))


def service(slowness: float, seed: int) -> Callable[[Node, float], float]:
    """10 ms on average; node a takes `slowness` times as long."""
    uniform = Random(seed).uniform
    return lambda node, _: uniform(0.005, 0.015) * (slowness if node.name == "a" else 1.0)


def four_nodes(balance: Balance, *, slots: int, clients: int = 48, slowness: float = 4.0, seed: int) -> Figures:
    """Four nodes and clients that always want more, for 5 s."""
    queueing = Queueing(balancer(balance, Random(seed)), nodes(1, 1, 1, 1), service(slowness, seed), slots)
    return queueing.run_closed(clients, seconds=5.0, warm_up=1.0)


@pytest.mark.parametrize("slots", [4, 8, 12, 64])
@SEEDS
def test_with_one_of_four_nodes_four_times_slower_it_beats_round_robin_by_far(slots: int, seed: int) -> None:
    """The figures that the industry quotes are +40% throughput, -61% first byte."""
    ewma = four_nodes(Balance.PEAK_EWMA, slots=slots, seed=seed)
    robin = four_nodes(Balance.ROUND_ROBIN, slots=slots, seed=seed)
    assert ewma.rate > 1.7 * robin.rate
    assert ewma.mean < 0.6 * robin.mean
    assert ewma.p99 < 0.3 * robin.p99


@pytest.mark.parametrize(
    "slots, least_rate, most_p99",
    [
        (4, 0.94, 0.5),
        (8, 0.92, 0.6),
        (12, 0.91, 0.6),
        (64, 1.2, 0.3),
    ],
)
@SEEDS
def test_against_the_fewest_under_way_it_nearly_halves_the_slowest_hundredth(
    slots: int, least_rate: float, most_p99: float, seed: int
) -> None:
    """Where slots are short, throughput pays for it: the fewest under way keeps the slow node busy, too."""
    ewma = four_nodes(Balance.PEAK_EWMA, slots=slots, seed=seed)
    fewest = four_nodes(Balance.LEAST_INFLIGHT, slots=slots, seed=seed)
    assert ewma.rate > least_rate * fewest.rate
    assert ewma.p99 < most_p99 * fewest.p99


@pytest.mark.parametrize("slots", [4, 8, 12, 64])
@SEEDS
def test_where_all_nodes_are_equal_it_is_as_good_as_the_fewest_under_way(slots: int, seed: int) -> None:
    ewma = four_nodes(Balance.PEAK_EWMA, slots=slots, slowness=1.0, seed=seed)
    fewest = four_nodes(Balance.LEAST_INFLIGHT, slots=slots, slowness=1.0, seed=seed)
    assert ewma.rate > 0.95 * fewest.rate
    assert ewma.p99 < 1.12 * fewest.p99
    assert all(share == pytest.approx(0.25, abs=0.01) for share in ewma.shares.values())


@SEEDS
def test_a_single_client_seldom_meets_the_slow_node(seed: int) -> None:
    ewma = four_nodes(Balance.PEAK_EWMA, slots=8, clients=1, seed=seed)
    fewest = four_nodes(Balance.LEAST_INFLIGHT, slots=8, clients=1, seed=seed)
    assert ewma.shares["a"] < 0.03
    assert fewest.shares["a"] > 0.2


LINKERD = {Balance.ROUND_ROBIN: (0.90, 0.92), Balance.LEAST_INFLIGHT: (0.99, 0.997), Balance.PEAK_EWMA: (0.9993, 1.0)}


@pytest.mark.parametrize("balance", LINKERD)
@SEEDS
def test_linkerds_test_of_one_node_in_eleven_that_answers_after_two_seconds(balance: Balance, seed: int) -> None:
    """200 requests/s, given up after 1 s; without hedges or retries.

    Linkerd reports 95%, 99% and 99.9% (https://linkerd.io/2016/03/16/beyond-round-robin-load-balancing-for-latency/).
    """
    uniform = Random(seed).uniform
    queueing = Queueing(
        balancer(balance, Random(seed)),
        nodes(*[1] * 11),
        lambda node, _: 2.0 if node.name == "a" else uniform(0.01, 0.05),
        patience=1.0,
    )
    queueing.run_open(rate=200, seconds=60.0)
    succeeded = sum(answer.seconds < 1.0 for answer in queueing.answers) / len(queueing.answers)
    least, most = LINKERD[balance]
    assert least <= succeeded <= most


@SEEDS
def test_a_node_that_was_slow_has_its_part_again_within_a_minute(seed: int) -> None:
    """Ten seconds at four times the time, then as fast as the others."""
    uniform = Random(seed).uniform
    queueing = Queueing(
        balancer(Balance.PEAK_EWMA, Random(seed)),
        nodes(1, 1, 1, 1),
        lambda node, now: uniform(0.005, 0.015) * (4.0 if node.name == "a" and now < 10.0 else 1.0),
    )
    late = queueing.run_closed(clients=4, seconds=60.0, warm_up=45.0)
    served = [answer.node for answer in queueing.answers if 1.0 <= answer.sent < 10.0]
    assert served.count("a") / len(served) < 0.02
    assert late.shares["a"] == pytest.approx(0.25, abs=0.03)
