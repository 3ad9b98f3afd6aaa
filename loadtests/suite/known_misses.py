"""Limits that are missed and known to be, each with its reason: they do not fail a run of all questions.

A limit stays where it was set, so that every report shows it as missed; here stands by how much. Whoever makes it worse
than that fails the run, and whoever meets a limit takes it from the list.
"""

from dataclasses import dataclass

from loadtests.findings import Finding

NOISE = 1.1
"""Two runs of one s3edge differ by up to a tenth on a busy machine."""


@dataclass(frozen=True)
class KnownMiss:
    """The question `name` found `seen` for what it calls `finding`, more than the limit, because of the `reason`."""

    name: str
    finding: str
    seen: float
    reason: str

    def covers(self, name: str, finding: Finding) -> bool:
        """Whether this explains what was found, up to NOISE."""
        return (self.name, self.finding) == (name, finding.question) and finding.found <= self.seen * NOISE


_SMALL = "Python runs for each request; the limit was set for the engine alone, before failures, limits and metrics"
_COLD = "the objects of 1,000 tenants do not stay in the processor's caches"
_MORE_LIMITS = "each request asks every limit that applies to it"
_LINE = "the fields of a line are Python's work; 1.08 to 1.13 in three runs"
_FIRST_FRAME = "rates need two looks at the workers, a quarter of a second apart, and the browser shares the cores"
_PER_GIB = "not known; within what two runs differ by on two cores"

KNOWN_MISSES = (
    KnownMiss("bench", "4 KiB GET, 32 connections: CPU over haproxy's", 2.22, _SMALL),
    KnownMiss("bench", "4 KiB GET, 512 connections: CPU over haproxy's", 2.03, _SMALL),
    KnownMiss("bench", "64 KiB GET, 32 connections: CPU over haproxy's", 1.68, _SMALL),
    KnownMiss(
        "workers",
        "4 KiB GET, 32 connections: CPU per request of two workers over one",
        1.18,
        "each worker serves half as many connections, so fewer at once in a turn of its loop",
    ),
    KnownMiss(
        "many_tenants", "4 KiB GET, 32 connections, one tenant with limits: CPU per request over without", 1.05, _SMALL
    ),
    KnownMiss(
        "many_tenants",
        "4 KiB GET, 32 connections, 1,000 tenants with limits: CPU per request over without",
        1.18,
        _COLD,
    ),
    KnownMiss(
        "many_tenants",
        "4 KiB GET, 32 connections, 1,000 tenants with limits: CPU per request over one tenant's",
        1.10,
        _COLD,
    ),
    KnownMiss(
        "qos_cost",
        "4 KiB GET, 32 connections, and per client and bucket: CPU per request over without",
        1.23,
        _MORE_LIMITS,
    ),
    KnownMiss(
        "qos_cost", "4 KiB GET, 32 connections, and capacities: CPU per request over without", 1.37, _MORE_LIMITS
    ),
    KnownMiss("qos_cost", "8 MiB GET, 8 connections, and limits: CPU per GiB over without", 1.08, _PER_GIB),
    KnownMiss("log_cost", "4 KiB GET, 32 connections, all requests: CPU per request over without", 1.13, _LINE),
    KnownMiss(
        "page", "rows are seen", 1022, "the first rates need two looks at the workers, a quarter of a second apart"
    ),
)
