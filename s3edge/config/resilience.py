"""The sections of a policy that say how failures are hidden. Each may be written as `true`, `false` or a mapping."""

from typing import Annotated, ClassVar

from pydantic import BeforeValidator, model_validator

from s3edge.config.fault import Refused
from s3edge.config.part import Part
from s3edge.config.units import MIB, Seconds, Share, duration, parse_flag, share, size, whole_number

# Three nodes of one cluster that fail one request in a row have a common cause, which a fourth attempt would not cure.
ATTEMPTS = 3
# Envoy's retry budget: retries may be a fifth of what is under way.
RETRY_BUDGET = 0.2
# botocore gives up on an answer after 60 s.
DEADLINE = 60.0
# Long against a disk's seek under load, short against a second, which a person or a data loader feels.
PATIENCE = 0.5
# Above the 64 KiB to 1 MiB of most small writes; parts of multipart uploads (8 MiB) are the client's to send again.
BUFFER = MIB
LARGEST_BUFFER = 16 * MIB

# "The Tail at Scale": waiting for the 95th percentile before the second request costs about 5% more requests.
HEDGE_QUANTILE = 0.95
HEDGE_BUDGET = 0.05

# A body of hours may meet many restarts; one that breaks off more often meets something else.
RESUMES = 16
# A client of a training job feels a second; a healthy node that has begun to send does not pause for one.
STALL = 1.0
# Waiting requests are cheap, and a client that waits is better off than one that must try again: two seconds are what
# AWS's SDKs wait at most between two tries of a throttled request at first.
QUEUE_LENGTH = 256
QUEUE_WAIT = 2.0


class Section(Part):
    """A section that may also be `true`, all its defaults, or `false`, which sets what `off` says."""

    off: ClassVar[dict[str, float | str]]

    @model_validator(mode="before")
    @classmethod
    def _from_flag(cls, value: object) -> object:
        if isinstance(value, dict | Part):
            return value
        try:
            return {} if parse_flag(value) else cls.off
        except Refused:
            raise Refused(f"true, false, or a mapping with any of {', '.join(cls.model_fields)}") from None


class Failover(Section):
    """How many nodes are asked before the first byte (`attempts`), in how much time, and what must be kept for that.

    `budget` is the share of live requests that may be retries. A first byte that takes longer than `patience` seconds
    counts as none; `deadline` bounds the wait for an answer, or for a broken body to go on. Bodies of up to `buffer`
    bytes are kept until the answer is there, so that they can be sent again.
    """

    off: ClassVar[dict[str, float | str]] = {"attempts": 1}

    attempts: Annotated[int, BeforeValidator(whole_number(1, 10))] = ATTEMPTS
    budget: Share = RETRY_BUDGET
    deadline: Seconds = DEADLINE
    patience: Annotated[float, BeforeValidator(duration(0.05, 60.0))] = PATIENCE
    buffer: Annotated[int, BeforeValidator(size(0, LARGEST_BUFFER))] = BUFFER


class Hedge(Section):
    """When a read is sent to a second node, too: after the `quantile` of recent times, for `budget` of all requests."""

    off: ClassVar[dict[str, float | str]] = {"budget": 0.0}

    quantile: Annotated[float, BeforeValidator(share(0.5, 0.999))] = HEDGE_QUANTILE
    budget: Annotated[float, BeforeValidator(share(0.0, 0.5))] = HEDGE_BUDGET


class Resume(Section):
    """How often a broken body goes on from another node, and after how many seconds without a byte it is broken."""

    off: ClassVar[dict[str, float | str]] = {"times": 0}

    times: Annotated[int, BeforeValidator(whole_number(0, 1000))] = RESUMES
    stall: Annotated[float, BeforeValidator(duration(0.1, 60.0))] = STALL


class Queue(Part):
    """How many requests may wait for a node that can take them, and for how many seconds; then 503 SlowDown."""

    length: Annotated[int, BeforeValidator(whole_number(0, 100_000))] = QUEUE_LENGTH
    wait: Annotated[float, BeforeValidator(duration(0.0, 60.0))] = QUEUE_WAIT
