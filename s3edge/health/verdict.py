"""What one probe says of a node."""

from dataclasses import dataclass
from enum import StrEnum


class Sign(StrEnum):
    """Which way a probe's result points.

    `draining` is the node's own wish: it works, and wants no new requests. `refused` says nothing of the node: it
    answered that the probe itself may not do this, or not here.
    """

    GOOD = "good"
    BAD = "bad"
    DRAINING = "draining"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of one probe, with the reason in words for the operator.

    `load` is how many connections the node has open, where it tells.
    """

    sign: Sign
    reason: str
    load: int | None = None


def good(reason: str, load: int | None = None) -> Verdict:
    """The node may be used."""
    return Verdict(Sign.GOOD, reason, load)


def bad(reason: str) -> Verdict:
    """The node failed."""
    return Verdict(Sign.BAD, reason)


def draining(reason: str) -> Verdict:
    """The node asks for no new requests."""
    return Verdict(Sign.DRAINING, reason)


def refused(reason: str) -> Verdict:
    """The node does not let the probe do its work."""
    return Verdict(Sign.REFUSED, reason)
