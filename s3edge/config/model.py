"""The configuration of s3edge: frozen values, checked once. Durations are seconds, sizes bytes, paths resolved.

`Config.model_dump_json()` and `Config.model_validate_json()` carry a configuration from the supervisor to its workers,
but for the admin token, which workers need not know.
What one part alone cannot see (names that are taken twice, routes to nowhere) is checked in `check.py`.
"""

from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator

from s3edge.config.address import Address, BaseHost, ListenAddress, NodeAddress, host_and_port
from s3edge.config.admin import Admin
from s3edge.config.health import Ejection, Health
from s3edge.config.log import AccessLog, Log
from s3edge.config.part import LocalFile, Name, Part
from s3edge.config.policy import Policy
from s3edge.config.qos import Capacity, ScopedLimits, Tenant
from s3edge.config.tracing import Tracing
from s3edge.config.units import KIB, MIB, Flag, Seconds, SecondsOrZero, Workers, size, whole_number

# Loopback: a sidecar beside its clients is the safe default; serving a network is the operator's decision.
DEFAULT_LISTEN = Address("127.0.0.1", 9000)

# AWS takes 8 KiB of headers; session tokens, presigned targets and long keys come on top, and 64 KiB holds them all.
HEAD_LIMIT = 64 * KIB
# A flow may hold at most 1 MiB of memory, and its head is part of that.
LARGEST_HEAD_LIMIT = MIB
SMALLEST_HEAD_LIMIT = 4 * KIB
# A head is one packet or two: ten seconds bear several lost packets, and no slow-loris.
HEAD_TIMEOUT = 10.0
# nginx's keepalive_timeout: clients that pause for a minute between two batches still find their connection open.
IDLE_TIMEOUT = 75.0
# What Kubernetes gives a container between SIGTERM and SIGKILL.
DRAIN = 30.0

# Idle connections to keep for each node and worker: as many as a data loader of 256 threads opens at once.
IDLE_CONNECTIONS = 256
# Below the limits of the servers, which else may close a connection while a request is on its way: MinIO waits 30 s
# (minio#6924), radosgw 65 s, nginx 75 s.
CONNECTION_IDLE_TIMEOUT = 20.0
# Covers one lost SYN, which Linux sends again after 1 s.
CONNECT_TIMEOUT = 2.0
# botocore gives up on an answer after 60 s, too.
ANSWER_TIMEOUT = 60.0


HeadLimit = Annotated[int, BeforeValidator(size(SMALLEST_HEAD_LIMIT, LARGEST_HEAD_LIMIT))]
# HAProxy's upper bound; a node of weight 0 would be a node that is not listed.
Weight = Annotated[int, BeforeValidator(whole_number(1, 256))]
# A few ranks of nodes are a topology; more are a mistyped number.
Tier = Annotated[int, BeforeValidator(whole_number(0, 9))]
# The ports of one source address: more connections to one node cannot be open at once.
IdleLimit = Annotated[int, BeforeValidator(whole_number(0, 65535))]


class Tls(Part):
    """The certificate chain and the key that clients see, as PEM files."""

    certificate: LocalFile
    key: LocalFile


class Listen(Part):
    """Where clients connect, and how long they may take. `hosts` are the base names of virtual-host addressing.

    With `trace` every answer tells what was tried for it, else those to requests that ask with `x-s3edge-trace`.
    """

    address: ListenAddress = DEFAULT_LISTEN
    tls: Tls | None = None
    hosts: tuple[BaseHost, ...] = ()
    head_limit: HeadLimit = HEAD_LIMIT
    head_timeout: Seconds = HEAD_TIMEOUT
    idle_timeout: Seconds = IDLE_TIMEOUT
    trace: Flag = False


class NodeConfig(Part):
    """One storage node, written as a URL or as a mapping with one.

    Nodes of a higher `tier` serve when too few of the lower ones can; in a tier, those of the edge's own `zone` first.
    """

    url: NodeAddress
    weight: Weight = 1
    zone: Name | None = None
    tier: Tier = 0

    @model_validator(mode="before")
    @classmethod
    def _from_url(cls, value: object) -> object:
        return value if isinstance(value, dict | NodeConfig) else {"url": value}

    @property
    def name(self) -> str:
        """`host:port`, unique over the whole configuration."""
        return host_and_port(self.url.host, self.url.port)

    @property
    def host(self) -> str:
        return self.url.host

    @property
    def port(self) -> int:
        return self.url.port

    @property
    def is_tls(self) -> bool:
        return self.url.scheme == "https"


class NodeTls(Part):
    """How `https` nodes are verified: by the CA in this PEM file, else by the system's. Verification is always on."""

    ca: LocalFile | None = None


class Connections(Part):
    """The connections that one worker keeps to one node."""

    idle: IdleLimit = IDLE_CONNECTIONS
    idle_timeout: Seconds = CONNECTION_IDLE_TIMEOUT
    connect_timeout: Seconds = CONNECT_TIMEOUT
    answer_timeout: Seconds = ANSWER_TIMEOUT


class Cluster(Part):
    """Storage nodes that serve the same objects."""

    name: Name
    nodes: tuple[NodeConfig, ...] = Field(min_length=1)
    health: Health = Health()
    ejection: Ejection = Ejection()
    tls: NodeTls = NodeTls()
    connections: Connections = Connections()
    capacity: Capacity = Capacity()


class Config(Part):
    """A whole configuration. `policies` are the policies themselves, in order; the file names globs of policy files.

    `zone` is where this edge runs. `limits` hold for all requests together, before it is known whose they are.
    """

    listen: Listen = Listen()
    admin: Admin = Admin()
    log: Log = Log()
    access_log: AccessLog = AccessLog()
    tracing: Tracing = Tracing()
    workers: Workers = "auto"
    drain: SecondsOrZero = DRAIN
    zone: Name | None = None
    clusters: tuple[Cluster, ...] = Field(min_length=1)
    tenants: tuple[Tenant, ...] = ()
    limits: ScopedLimits = ScopedLimits()
    policies: tuple[Policy, ...] = ()
