"""The sections of a configuration that protect the storage: who is who, what each may take, and who goes first."""

import re
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_interface, ip_network
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, model_validator

from s3edge.config.fault import Refused
from s3edge.config.part import Name, Part
from s3edge.config.resilience import Section
from s3edge.config.units import (
    BYTE_RATE_ALLOWED,
    MIB,
    REQUEST_RATE_ALLOWED,
    Seconds,
    byte_rate,
    duration,
    matching,
    number,
    one_of,
    request_rate,
    share,
    whole_number,
    word_or_number,
)

# Whose requests are of no tenant that is named.
DEFAULT_TENANT = "default"

# What may come at once after a pause, in seconds of the rate. Long against the turns of an event loop, short against
# the ten seconds over which operators look at a limit.
BURST = 0.25
MOST_CONCURRENT = 1_000_000
ADAPTIVE = "adaptive"

# A job that starts asks for some times its usual; one gone wild, for hundreds of times.
GUARD_FACTOR = 10.0
# Long against one step of a training job, short against a working day, in which the usual may change.
GUARD_BASELINE = 600.0
# What one healthy data loader or service may do at any time; a jump to less than that hurts no storage.
GUARD_REQUESTS = 50.0
GUARD_BANDWIDTH = 100.0 * MIB
# Errors, listings and new connections cost storage and edge more than reads do, and a healthy client makes few.
GUARD_ERRORS = GUARD_LISTS = GUARD_CONNECTIONS = 20.0
# A training epoch asks for each key once, a cache that works for few keys twice: nine in ten are a loop.
GUARD_REPEATS = 0.9
# Longer than the pauses that AWS's SDKs make between two tries (20 s at most): such a pause is not taken for calm.
GUARD_HOLD = 30.0
# Enough for a client to find out that it works again, too little to hurt.
GUARD_LEAST = 5.0

# The length of ::ffff:0:0/96, into which IPv4 is mapped (RFC 4291, section 2.5.5.2).
_MAPPED_BITS = 96
NETWORK_ALLOWED = "a network in CIDR form, such as 10.8.0.0/16 or fd00::/8"


class Priority(StrEnum):
    """Who waits for whom where not all can be served at once."""

    INTERACTIVE = "interactive"
    NORMAL = "normal"
    BACKGROUND = "background"


def _tenant_name(name: str) -> str:
    if name == DEFAULT_TENANT:
        raise Refused(f"a name other than {DEFAULT_TENANT}, which those have that are of no tenant")
    return name


def parse_network(value: object) -> str:
    """A network in CIDR form, as its canonical text; raises Refused."""
    if not isinstance(value, str) or "%" in value:
        raise Refused(NETWORK_ALLOWED)
    try:
        interface = ip_interface(value)
    except ValueError:
        raise Refused(NETWORK_ALLOWED) from None
    network = _plain(interface.network)
    if "/" not in value or interface.ip != interface.network.network_address:
        raise Refused(f"{NETWORK_ALLOWED}, without bits behind the prefix", hint=f"did you mean {network}?")
    return str(network)


def _plain(network: IPv4Network | IPv6Network) -> IPv4Network | IPv6Network:
    """IPv4 networks that are mapped into IPv6 (`::ffff:10.0.0.0/104`) as what they are: so are clients' addresses."""
    mapped = network.network_address.ipv4_mapped if isinstance(network, IPv6Network) else None
    return network if mapped is None else ip_network(f"{mapped}/{network.prefixlen - _MAPPED_BITS}")


RequestRate = Annotated[float, BeforeValidator(request_rate())]
ByteRate = Annotated[float, BeforeValidator(byte_rate())]
Count = Annotated[int, BeforeValidator(whole_number(1, MOST_CONCURRENT))]
Concurrency = Annotated[int | Literal["adaptive"], BeforeValidator(word_or_number(ADAPTIVE, MOST_CONCURRENT))]
PriorityName = Annotated[Priority, BeforeValidator(one_of(Priority))]
# The shares of two tenants may differ by this much; with more, the lesser one is as good as shut out.
ShareWeight = Annotated[float, BeforeValidator(number(0.01, 1000.0))]
TenantName = Annotated[Name, AfterValidator(_tenant_name)]
AccessKey = Annotated[
    str,
    BeforeValidator(
        matching(re.compile(r"[!-.0-~]{1,128}"), "an access key of 1 to 128 ASCII characters without / and spaces")
    ),
]
Network = Annotated[str, BeforeValidator(parse_network)]


class RequestRates(Part):
    """Requests per second: of `all` kinds together, and of each class. Written as one rate, it is that of all."""

    all: RequestRate | None = None
    read: RequestRate | None = None
    write: RequestRate | None = None
    list: RequestRate | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_rate(cls, value: object) -> object:
        if isinstance(value, dict | RequestRates):
            return value
        try:
            return {"all": request_rate()(value)}
        except Refused as refused:
            keys = ", ".join(cls.model_fields)
            raise Refused(f"{REQUEST_RATE_ALLOWED}, or a mapping with any of {keys}", hint=refused.hint) from None


class Bandwidth(Part):
    """Body bytes per second, `received` from clients and `sent` to them. Written as one rate, it is that of each."""

    received: ByteRate | None = None
    sent: ByteRate | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_rate(cls, value: object) -> object:
        if isinstance(value, dict | Bandwidth):
            return value
        try:
            return dict.fromkeys(cls.model_fields, byte_rate()(value))
        except Refused as refused:
            keys = ", ".join(cls.model_fields)
            raise Refused(f"{BYTE_RATE_ALLOWED}, or a mapping with any of {keys}", hint=refused.hint) from None


class Limits(Part):
    """What one tenant, client address or bucket may take. What is left out is not limited.

    `concurrency` are requests in flight, `connections` open connections. `burst` is how much may come at once after a
    pause, in seconds of each rate.
    """

    requests: RequestRates = RequestRates()
    bandwidth: Bandwidth = Bandwidth()
    concurrency: Count | None = None
    connections: Count | None = None
    burst: Annotated[float, BeforeValidator(duration(0.01, 60.0))] = BURST


class ScopedLimits(Limits):
    """Limits of a tenant (or of the whole edge), and those of each client address and of each bucket within it."""

    per_client: Limits | None = None
    per_bucket: Limits | None = None

    @model_validator(mode="after")
    def _can_be_counted(self) -> "ScopedLimits":
        if self.per_bucket is not None and self.per_bucket.connections is not None:
            raise Refused(
                "connections per client, or of all: one connection may be for many buckets",
                found="connections per bucket",
            )
        return self


class GuardMode(StrEnum):
    """What the runaway guard may do."""

    OFF = "off"
    OBSERVE = "observe"
    ENFORCE = "enforce"


class Guard(Section):
    """When a tenant or a client address counts as run away, and what it is then held to.

    A source has run away if it does `factor` times what it usually does (the mean of some `baseline` seconds) of
    `requests`, `bandwidth`, `errors`, `lists` or `connections`, and more of it per second than is said there; or if
    more than `requests` per second come, of which a share of `repeats` is for keys that it has just asked for. It is
    held to less and less, but never to less than `least` requests per second; each `hold` seconds of calm let it go
    one step. `observe` says all that and holds nobody.
    """

    off: ClassVar[dict[str, float | str]] = {"mode": "off"}

    mode: Annotated[GuardMode, BeforeValidator(one_of(GuardMode))] = GuardMode.ENFORCE
    factor: Annotated[float, BeforeValidator(number(1.5, 1000.0))] = GUARD_FACTOR
    baseline: Annotated[float, BeforeValidator(duration(10.0))] = GUARD_BASELINE
    requests: RequestRate = GUARD_REQUESTS
    bandwidth: ByteRate = GUARD_BANDWIDTH
    errors: RequestRate = GUARD_ERRORS
    lists: RequestRate = GUARD_LISTS
    connections: RequestRate = GUARD_CONNECTIONS
    repeats: Annotated[float, BeforeValidator(share(0.1, 1.0))] = GUARD_REPEATS
    hold: Seconds = GUARD_HOLD
    least: RequestRate = GUARD_LEAST

    @model_validator(mode="after")
    def _least_is_harmless(self) -> "Guard":
        if self.least > self.requests:
            raise Refused(
                "a least rate that is at most the rate from which a jump counts", found="least above requests"
            )
        return self


class NodeCapacity(Part):
    """What one node can take: requests at a time, of all workers together, and body bytes per second.

    `adaptive` finds the number of requests out, from the times to first byte.
    """

    concurrency: Concurrency | None = None
    bandwidth: ByteRate | None = None


class Capacity(Part):
    """What a cluster as a whole can take, and each of its nodes; only what a node can take is ever found out."""

    concurrency: Count | None = None
    bandwidth: ByteRate | None = None
    node: NodeCapacity = NodeCapacity()


class Tenant(Part):
    """One user of the storage, known by the access keys that it claims and by the networks that it comes from."""

    name: TenantName
    access_keys: tuple[AccessKey, ...] = ()
    networks: tuple[Network, ...] = ()

    @model_validator(mode="after")
    def _can_be_known(self) -> "Tenant":
        if not self.access_keys and not self.networks:
            raise Refused("a tenant with access_keys, networks or both", found="a tenant that nobody can be known as")
        return self
