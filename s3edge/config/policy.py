"""A policy: which requests it is for, and what it decides for them."""

import re
from enum import StrEnum
from typing import Annotated, Final

from pydantic import BeforeValidator, Field, model_validator

from s3edge.config.fault import Refused
from s3edge.config.part import Name, Part
from s3edge.config.qos import Guard, PriorityName, ScopedLimits, ShareWeight
from s3edge.config.resilience import Failover, Hedge, Queue, Resume
from s3edge.config.units import matching, one_of
from s3edge.s3.operation import Operation, OperationClass

BUCKET_ALLOWED = "a bucket name in which * and ? stand for any characters, such as datasets-*"
OPERATION_ALLOWED = "the name of an S3 operation, such as GetObject or PutObject"
PREFIX_ALLOWED = "how keys begin, such as tmp/, in at most 1024 bytes and without a * at the end"
# Amazon's limit for keys.
LONGEST_KEY = 1024


class Balance(StrEnum):
    """How a node is chosen among the nodes of a cluster that can take a request."""

    LEAST_INFLIGHT = "least_inflight"
    PEAK_EWMA = "peak_ewma"
    ROUND_ROBIN = "round_robin"
    CONSISTENT_HASH = "consistent_hash"


def _key_prefix(value: object) -> str:
    """The beginning of a key. It is no pattern, and a `*` at its end can only be meant as one."""
    try:
        if isinstance(value, str) and 0 < len(value.encode()) <= LONGEST_KEY and not value.endswith("*"):
            return value
    except UnicodeEncodeError:  # a lone surrogate, which no key has
        pass
    raise Refused(PREFIX_ALLOWED)


BucketGlob = Annotated[str, BeforeValidator(matching(re.compile(r"[!-.0-~]{1,255}"), BUCKET_ALLOWED))]
OperationName = Annotated[Operation, BeforeValidator(one_of(Operation, OPERATION_ALLOWED))]
KeyPrefix = Annotated[str, BeforeValidator(_key_prefix)]
ClassName = Annotated[OperationClass, BeforeValidator(one_of(OperationClass))]
BalanceName = Annotated[Balance, BeforeValidator(one_of(Balance))]


class Match(Part):
    """The requests a policy is for: those that fit every key that is said. A key that is left out fits all requests.

    `classes` are read, write and list, by operation. A request without a bucket (ListBuckets) fits no list of buckets,
    not even `*`, and one without a key fits no prefix.
    """

    tenants: tuple[Name, ...] | None = Field(None, min_length=1)
    operations: tuple[OperationName, ...] | None = Field(None, min_length=1)
    classes: tuple[ClassName, ...] | None = Field(None, min_length=1)
    buckets: tuple[BucketGlob, ...] | None = Field(None, min_length=1)
    prefixes: tuple[KeyPrefix, ...] | None = Field(None, min_length=1)


class Policy(Part):
    """One policy file. Of each section, the first policy that matches and has it decides."""

    policy: Name
    match: Match = Match()
    route: tuple[Name, ...] | None = Field(None, min_length=1)
    priority: PriorityName | None = None
    weight: ShareWeight | None = None
    limits: ScopedLimits | None = None
    guard: Guard | None = None
    balance: BalanceName | None = None
    failover: Failover | None = None
    hedge: Hedge | None = None
    resume: Resume | None = None
    queue: Queue | None = None

    @model_validator(mode="after")
    def _decides_something(self) -> "Policy":
        if not self.sections:
            raise Refused(f"a policy with at least one of {', '.join(SECTIONS)}", found="a policy that decides nothing")
        return self

    @property
    def name(self) -> str:
        return self.policy

    @property
    def sections(self) -> frozenset[str]:
        """The names of the sections that this policy decides."""
        return frozenset(name for name in SECTIONS if getattr(self, name) is not None)


SECTIONS: Final = tuple(name for name in Policy.model_fields if name not in ("policy", "match"))
"""What a policy may decide, in the order of the documentation."""
