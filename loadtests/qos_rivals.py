"""Ways to the storage that are compared when tenants compete: none, HAProxy plain and by an expert, s3edge by policies.

HAProxy as an expert sets it up against a runaway: each node gets as many requests at a time as it can work on, who
waits for one is ranked by access key, and the training key as a whole has a cap. HAProxy caps connections to a server
and not requests of a key, so that key's requests pass through HAProxy once more, over a Unix socket whose server has
that cap: waiting there costs nobody else a place. 2.6 has no limit of bandwidth; `haproxy-rates` refuses what a key
asks for beyond so many requests in a second, by a stick table.
"""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from loadtests.child import running
from loadtests.clients import access_key
from loadtests.nodes import HEALTH_PATH
from loadtests.ports import answers, free_ports
from loadtests.rivals import SUBJECT, Node, Proxy, haproxy

_HAPROXY = """\
global
    nbthread 1
    maxconn 4096
defaults
    mode http
    timeout connect 5s
    timeout queue 60s
    timeout client 120s
    timeout server 120s
    option splice-auto
    option splice-request
    option splice-response
    http-reuse always
frontend edge
    bind 127.0.0.1:{port} backlog 4096
{rules}
    default_backend storage
{further}
backend storage
    balance leastconn
    option httpchk GET {health}
    default-server check inter 1s{of_each_node}
{servers}
"""

_CLASSES_AND_CAP = """\
    http-request set-priority-class int(-100)
    use_backend capped if {{ req.hdr(authorization) -m sub Credential={key}/ }}"""

_CAPPED = """\
backend capped
    server again unix@{folder}/again.sock maxconn {cap}
frontend again
    bind unix@{folder}/again.sock
    http-request set-priority-class int(100)
    default_backend storage"""

_RATES = """\
    stick-table type string len 256 size 10k expire 10s store http_req_rate(1s)
    http-request track-sc0 req.hdr(authorization)
    http-request deny deny_status 503 if {{ sc_http_req_rate(0) gt {rate} }}"""


@dataclass(frozen=True)
class Entrance:
    """A way in: clients connect to the `ports` in turn. `pid` leads the processes behind them, if any."""

    name: str
    ports: Sequence[int]
    pid: int | None = None


StartEntrance = Callable[[Sequence[Node], Path], AbstractContextManager[Entrance]]
"""Opens a way to the nodes for the length of a block, its files in the folder. Raises ChildError."""


@dataclass(frozen=True)
class Edge:
    """What an s3edge is told, in the words of its configuration; each tenant is known by its `access_key`."""

    tenants: Sequence[str] = ()
    policies: Sequence[Mapping[str, Any]] = ()
    capacity: Mapping[str, Any] | None = None
    workers: int = 1
    access_log: Mapping[str, Any] | None = None
    connections: Mapping[str, Any] | None = None


def write_edge(edge: Edge, nodes: Sequence[Node], ports: tuple[int, int], folder: Path) -> Path:
    """Files for s3edge with `ports` for clients and for its admin server; the path of the main one.

    Policies are NUMBER.policy.yaml, counted from 0.
    """
    folder.mkdir(parents=True, exist_ok=True)
    cluster: dict[str, Any] = {
        "name": "storage",
        "nodes": [node.url for node in nodes],
        "health": {"preset": "http", "path": HEALTH_PATH, "interval": "1s"},
    }
    if edge.capacity:
        cluster["capacity"] = dict(edge.capacity)
    if edge.connections:
        cluster["connections"] = dict(edge.connections)
    document: dict[str, Any] = {
        "listen": {"address": f"127.0.0.1:{ports[0]}"},
        "admin": {"address": f"127.0.0.1:{ports[1]}"},
        "workers": edge.workers,
        "clusters": [cluster],
    }
    if edge.access_log:
        document["access_log"] = dict(edge.access_log)
    if edge.tenants:
        document["tenants"] = [{"name": tenant, "access_keys": [access_key(tenant)]} for tenant in edge.tenants]
    if edge.policies:
        document["policies"] = ["*.policy.yaml"]
    for number, policy in enumerate(edge.policies):
        write_policy(policy, number, folder)
    config = folder / "s3edge.yaml"
    config.write_text(yaml.safe_dump(document, sort_keys=False))
    return config


def write_policy(policy: Mapping[str, Any], number: int, folder: Path) -> None:
    """Write a policy file, or replace it as a whole: nobody reads half of one."""
    path = folder / f"{number:04}.policy.yaml"
    draft = path.with_suffix(".draft")
    draft.write_text(yaml.safe_dump(dict(policy), sort_keys=False))
    draft.rename(path)


@contextmanager
def s3edge_by_policy(nodes: Sequence[Node], folder: Path, edge: Edge, name: str = SUBJECT) -> Iterator[Proxy]:
    """s3edge told by files, which are in the folder NAME of `folder`. Raises ChildError."""
    port, admin = free_ports(2)
    config = write_edge(edge, nodes, (port, admin), folder / name)
    argv = [sys.executable, "-m", "s3edge", "serve", "--config", str(config)]
    with running(name, argv, folder, lambda: answers(admin, "/-/ready") and answers(port, "/bench/4KiB")) as child:
        yield Proxy(name, port, is_tls=False, child=child)


@contextmanager
def direct(nodes: Sequence[Node], folder: Path) -> Iterator[Entrance]:
    """Nothing between: clients are spread over the nodes, each stays with its own."""
    yield Entrance("direct", [node.port for node in nodes])


@contextmanager
def haproxy_as_installed(nodes: Sequence[Node], folder: Path) -> Iterator[Entrance]:
    """HAProxy as it is compared elsewhere, without any limit. Raises ChildError."""
    with haproxy(nodes, folder, None) as proxy:
        yield entrance_of(proxy)


@contextmanager
def haproxy_by_an_expert(
    nodes: Sequence[Node], folder: Path, *, capped: str, cap: int, slots: int, failover: str = ""
) -> Iterator[Entrance]:
    """The tenant `capped` has at most `cap` requests in flight and is ranked last, each node gets `slots`.

    `failover` are further lines for the nodes' backend.
    """
    rules = _CLASSES_AND_CAP.format(key=access_key(capped))
    further = _CAPPED.format(folder=folder, cap=cap)
    with _haproxy("haproxy-expert", nodes, folder, rules, further, f" maxconn {slots}{failover}") as entrance:
        yield entrance


@contextmanager
def haproxy_with_rates(nodes: Sequence[Node], folder: Path, *, rate: int) -> Iterator[Entrance]:
    """Each key gets `rate` requests a second; what it asks for beyond is refused."""
    with _haproxy("haproxy-rates", nodes, folder, _RATES.format(rate=rate), "", "") as entrance:
        yield entrance


@contextmanager
def _haproxy(
    name: str, nodes: Sequence[Node], folder: Path, rules: str, further: str, of_each_node: str
) -> Iterator[Entrance]:
    (port,) = free_ports(1)
    config = folder / f"{name}-{port}.cfg"
    servers = "\n".join(f"    server node-{node.port} 127.0.0.1:{node.port}" for node in nodes)
    config.write_text(
        _HAPROXY.format(
            port=port, health=HEALTH_PATH, rules=rules, further=further, of_each_node=of_each_node, servers=servers
        )
    )
    with running(name, ["haproxy", "-db", "-f", str(config)], folder, lambda: answers(port, "/bench/4KiB")) as child:
        yield Entrance(name, [port], child.pid)


@contextmanager
def s3edge_told(nodes: Sequence[Node], folder: Path, *, edge: Edge, name: str = SUBJECT) -> Iterator[Entrance]:
    """An s3edge told by `edge`, shown as `name`. Raises ChildError."""
    with s3edge_by_policy(nodes, folder, edge, name) as proxy:
        yield entrance_of(proxy)


def entrance_of(proxy: Proxy) -> Entrance:
    """A proxy as a way in."""
    return Entrance(proxy.name, [proxy.port], proxy.child.pid)
