"""One node is four times slower than the others: `python -m loadtests.uneven_nodes`.

Each node works on one request at a time and queues the others, as a disk does. 48 readers keep all nodes busy, so
throughput and mean latency are one figure (Little's law), and what balancing can win beyond that is the tail.
"""

import sys
from collections.abc import Sequence

from loadtests.command import command
from loadtests.findings import Finding
from loadtests.load import Load
from loadtests.nodes import KIB
from loadtests.rivals import REFERENCE
from loadtests.scenario import Nodes, Results, Scenario
from tests.support.faults import ServesAtOnce

SERVICE_SECONDS = 0.004
SLOW_SERVICE_SECONDS = 4 * SERVICE_SECONDS
"""250 requests a second and 62: together 812, far below what the proxies can do."""

PEAK_EWMA = "s3edge-peak-ewma"
ROUND_ROBIN = "s3edge-round-robin"

THROUGHPUT_GAIN = 1.40
FIRST_BYTE_GAIN = 0.39
LATENCY_GAIN = 0.66
"""What the industry quotes for latency-aware balancing over round robin: +40%, -61%, -34%."""

NO_WORSE = 1.02
"""Times the reference's; two runs of one proxy differ by so much."""

TAIL_GAIN = 0.5
LEAST_SECONDS = 30.0
"""The first seconds, in which s3edge knows nothing of the nodes, weigh more in a shorter run."""


def prepare(nodes: Nodes) -> None:
    for number, node in enumerate(nodes):
        node.misbehave(ServesAtOnce(1, SLOW_SERVICE_SECONDS if number == 0 else SERVICE_SECONDS))


def judge(results: Results) -> Sequence[Finding]:
    findings = [Finding("requests that failed", results[PEAK_EWMA].summary.failed, 0)]
    if ROUND_ROBIN in results:
        findings += _against(ROUND_ROBIN, results, 1 / THROUGHPUT_GAIN, FIRST_BYTE_GAIN, LATENCY_GAIN)
    if REFERENCE in results:
        findings += _against(REFERENCE, results, NO_WORSE, NO_WORSE, NO_WORSE)
        p99 = results[PEAK_EWMA].summary.p99 / results[REFERENCE].summary.p99
        findings.append(
            Finding(f"p99 of the first byte over {REFERENCE}'s", p99, TAIL_GAIN, least_seconds=LEAST_SECONDS)
        )
    return findings


def _against(rival: str, results: Results, throughput: float, first_byte: float, latency: float) -> list[Finding]:
    """Three ratios to a rival, with their limits."""
    ours, theirs = results[PEAK_EWMA].summary, results[rival].summary
    return [
        Finding(f"throughput of {rival} over ours", theirs.requests_per_second / ours.requests_per_second, throughput),
        Finding(f"mean first byte over {rival}'s", ours.mean_first_byte / theirs.mean_first_byte, first_byte),
        Finding(f"mean latency over {rival}'s", ours.mean_latency / theirs.mean_latency, latency),
    ]


def scenarios(seconds: float) -> Sequence[Scenario]:
    load = Load(seconds, sizes={64 * KIB: 1}, ranged=0.0)
    proxies = (PEAK_EWMA, ROUND_ROBIN, REFERENCE)
    title = "a node four times slower"
    return [Scenario(title, load, judge, prepare, proxies=proxies, subject=PEAK_EWMA)]


if __name__ == "__main__":
    sys.exit(command("uneven_nodes", "One node is four times slower", 30, scenarios))
