"""What the admin server tells a viewer, checked: one frame of `/api/v1/live`, one event of `/api/v1/events`.

Only what is shown is named here; what is not is ignored, so that an older `s3edge top` can look at a newer s3edge.
Rates are per second, times in seconds, sizes in bytes.
"""

from typing import Annotated, Final, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

# What is beyond is no figure of an s3edge, and a float counts exactly up to about here.
LARGEST: Final = 10**15

Amount = Annotated[float, Field(ge=-LARGEST, le=LARGEST, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, le=LARGEST)]


class GarbageError(ValueError):
    """What came is no frame, or no event."""


class Told(BaseModel):
    """Part of what was told."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Quantiles(Told):
    """Of the times to first byte; None if there were none."""

    p50: Amount | None = None
    p99: Amount | None = None


class Edge(Told):
    """s3edge itself; `changes` says whether this viewer may change anything: `allowed`, `token` or `off`."""

    version: str
    not_ready: str | None = None
    workers: Count = 0
    workers_ready: Count = 0
    loop_lag: Amount = 0.0
    changes: str = "allowed"


class Totals(Told):
    """All requests together."""

    requests_per_second: Amount = 0.0
    sent_per_second: Amount = 0.0
    received_per_second: Amount = 0.0
    failed_per_second: Amount = 0.0
    shed_per_second: Amount = 0.0
    inflight: Amount = 0.0
    waiting: Amount = 0.0
    connections: Amount = 0.0
    first_byte: Quantiles = Quantiles()
    stalled: Amount = 0.0
    hedges_per_second: Amount = 0.0
    retries_per_second: Amount = 0.0
    resumes_per_second: Amount = 0.0


class Node(Told):
    """A node; `limit` is None where any number may be in flight."""

    name: str
    cluster: str = ""
    state: str
    state_seconds: Amount = 0.0
    reason: str = ""
    share: Amount = 1.0
    inflight: Amount = 0.0
    limit: Amount | None = None
    ejected_by_workers: Amount = 0.0
    throttled_to: Amount | None = None
    requests_per_second: Amount = 0.0
    first_byte: Quantiles = Quantiles()


class RequestLimits(Told):
    """Most requests per second."""

    all: Amount | None = None


class BandwidthLimits(Told):
    """Most body bytes per second."""

    sent: Amount | None = None
    received: Amount | None = None


class Limits(Told):
    """What one policy allows a tenant; None is any amount."""

    requests: RequestLimits = RequestLimits()
    bandwidth: BandwidthLimits = BandwidthLimits()
    concurrency: Amount | None = None


class PolicyLimits(Told):
    """The limits of one policy."""

    limits: Limits = Limits()


class Guarded(Told):
    """What the runaway guard does about a tenant, to which rates, and why."""

    state: str = "normal"
    requests_per_second: Amount | None = None
    reason: str = ""


class Tenant(Told):
    """A tenant; `stalled` is in seconds of stall per second."""

    name: str
    requests_per_second: Amount = 0.0
    sent_per_second: Amount = 0.0
    received_per_second: Amount = 0.0
    inflight: Amount = 0.0
    waiting: Amount = 0.0
    waiting_per_second: Amount = 0.0
    stalled: Amount = 0.0
    shed_per_second: Amount = 0.0
    failed_per_second: Amount = 0.0
    limits: tuple[PolicyLimits, ...] = ()
    guard: Guarded | None = None


class HeldSource(Told):
    """A client address that the guard, or a pin, holds to `rate` requests per second."""

    kind: str
    name: str
    state: str
    rate: Amount | None = None


class Flow(Told):
    """A request under way; `size` are the bytes that are expected in its direction."""

    id: str
    tenant: str
    client: str = ""
    operation: str
    bucket: str = ""
    key: str = ""
    node: str | None = None
    state: str
    sent: Amount = 0.0
    received: Amount = 0.0
    size: Amount | None = None
    rate: Amount = 0.0
    age: Amount = 0.0
    resumes: Amount = 0.0


class Flows(Told):
    """Those of `matching` flows that were asked for, of `total` in all."""

    total: Count = 0
    matching: Count = 0
    flows: tuple[Flow, ...] = ()


class Frame(Told):
    """The whole picture at one `time`; rates are those of the last `interval` seconds, 0 if there are none yet."""

    time: AwareDatetime
    interval: Amount
    edge: Edge
    totals: Totals
    nodes: tuple[Node, ...]
    tenants: tuple[Tenant, ...]
    tenants_total: Count = 0
    sources: tuple[HeldSource, ...] = ()
    flows: Flows = Flows()


class Event(Told):
    """A decision in words, with the request that it was about, if it was about one."""

    sequence: Count
    time: AwareDatetime
    event: str
    level: str = "info"
    node: str | None = None
    text: str
    operation: str | None = None
    bucket: str | None = None
    key: str | None = None


class Events(Told):
    """The events of one look."""

    events: tuple[Event, ...] = ()


Model = TypeVar("Model", bound=Told)


def read(model: type[Model], text: str | bytes) -> Model:
    """What the JSON says, as a `model`; raises GarbageError."""
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        # Without the input: it may be long, and is not fit to be printed.
        fault = error.errors(include_url=False, include_input=False)[0]
        raise GarbageError(f"{'.'.join(map(str, fault['loc'])) or 'it'}: {fault['msg']}") from None
