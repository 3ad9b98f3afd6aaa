"""The proxies that are compared, each started as its operator would for this task, in front of the same nodes.

All get one thread or process for the data, keep-alive on both sides and health checks where they have them. nginx gets
buffers of 64 KiB, with which large bodies cost it half. HAProxy comes twice: with the kernel's pipes of 64 KiB, which
splice has by default and which the limits in `cases` are set against, and with pipes of 1 MiB, its best for bodies.

Where nodes fail, FAILOVER_PROXIES are compared: HAProxy and nginx with what they have against failing nodes. sidekick
knows one way to serve, and takes part where it is installed.
"""

import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from loadtests.certificate import Certificate
from loadtests.child import Child, running
from loadtests.needs import Missing
from loadtests.nodes import HEALTH_PATH, MIB, nginx_user, object_path
from loadtests.ports import answers, free_ports

_HAPROXY = """\
global
    nbthread {threads}{pipes}
    maxconn 8500
    maxpipes 1024
defaults
    mode http
    timeout connect 5s
    timeout client 120s
    timeout server 120s
    option splice-auto
    option splice-request
    option splice-response
    http-reuse always
frontend edge
    bind 127.0.0.1:{port} backlog 4096{tls}
    default_backend storage
backend storage
    balance leastconn
    option httpchk GET {health}
    default-server check inter 1s{failover}
{servers}
"""

HAPROXY_FAILOVER = """
    option redispatch 1
    retries 3
    retry-on all-retryable-errors
    timeout connect 1s
    timeout server 30s"""
"""Another server at each retry, for every failure that HAProxy can retry. Connecting within a data centre takes less
than a millisecond, and a lost SYN is sent again after 1 s; its manual's example waits 30 s for an answer."""

_S3EDGE = """\
listen: {{address: "127.0.0.1:{port}"}}
admin: {{address: "127.0.0.1:{admin}"}}
workers: 1
clusters:
  - name: storage
    nodes: [{nodes}]
    health: {{preset: http, path: {health}, interval: 1s}}{cluster}
policies: ["{policy}"]
"""

_NGINX = """\
{user}daemon off;
worker_processes {workers};
worker_rlimit_nofile 20000;
pid {folder}/nginx.pid;
error_log stderr error;
events {{ worker_connections 20000; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    keepalive_timeout 600s;
    client_max_body_size 0;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    upstream storage {{
        least_conn;
{servers}
        keepalive 256;
        keepalive_requests 1000000000;
    }}
    server {{
        listen 127.0.0.1:{port} backlog=4096{tls};
        location / {{
            proxy_pass http://storage;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
            proxy_buffering off;
            proxy_buffer_size 64k;
            proxy_buffers 8 64k;
            proxy_request_buffering off;
            client_body_buffer_size 64k;{failover}
        }}
    }}
}}
"""

_NGINX_FAILOVER = """
            proxy_next_upstream error timeout http_500 http_502 http_503 http_504;
            proxy_next_upstream_tries 4;
            proxy_connect_timeout 1s;
            proxy_read_timeout 30s;"""
_NGINX_PASSIVE_CHECKS = " max_fails=3 fail_timeout=2s"
"""nginx has no active checks. Its default, one failure and 10 s, leaves it without any node when one a second fails."""


SIDEKICK = "sidekick"
"""Both the proxy and its program."""


@dataclass(frozen=True)
class Proxy:
    """A running proxy; `child` leads the tree of its processes. `admin` is its admin server's port, 0 without one."""

    name: str
    port: int
    is_tls: bool
    child: Child
    admin: int = 0

    @property
    def url(self) -> str:
        return f"{'https' if self.is_tls else 'http'}://127.0.0.1:{self.port}"


class Node(Protocol):
    """A storage node on loopback."""

    @property
    def port(self) -> int: ...

    @property
    def url(self) -> str: ...


@dataclass(frozen=True)
class Paths:
    """What nodes are asked to learn whether they are well, and a proxy to learn whether it serves: 200 is yes."""

    health: str = HEALTH_PATH
    served: str = object_path("4KiB")


OF_TEST_NODES = Paths()


class StartProxy(Protocol):
    """Starts a proxy in front of `nodes` for the length of a block; with a certificate it serves TLS."""

    def __call__(
        self, nodes: Sequence[Node], folder: Path, certificate: Certificate | None, *, paths: Paths = OF_TEST_NODES
    ) -> AbstractContextManager[Proxy]: ...


@contextmanager
def s3edge(
    nodes: Sequence[Node],
    folder: Path,
    certificate: Certificate | None,
    workers: int = 1,
    *,
    paths: Paths = OF_TEST_NODES,
) -> Iterator[Proxy]:
    """s3edge by flags alone, with everything on that is on by default: probes, metrics, admin server."""
    port, admin = free_ports(2)
    argv = [sys.executable, "-m", "s3edge", "serve", "--listen", f"127.0.0.1:{port}", "--admin", f"127.0.0.1:{admin}"]
    argv += ["--workers", str(workers), "--health-path", paths.health]
    for node in nodes:
        argv += ["--node", node.url]
    if certificate:
        argv += ["--tls-certificate", str(certificate.chain), "--tls-key", str(certificate.key)]

    def is_ready() -> bool:
        return answers(admin, "/-/ready") and _serves(port, certificate, paths)

    with running("s3edge", argv, folder, is_ready) as child:
        yield Proxy("s3edge", port, certificate is not None, child, admin)


@dataclass(frozen=True)
class Variant:
    """How an s3edge differs from one by flags: sections of one policy for all requests, lines of its cluster (YAML)."""

    name: str
    policy: str
    cluster: str = ""


def write_s3edge_config(
    folder: Path, nodes: Sequence[Node], ports: tuple[int, int], variant: Variant, paths: Paths = OF_TEST_NODES
) -> Path:
    """Files for s3edge with `ports` for clients and for its admin server; the path of the main one."""
    config = folder / f"{variant.name}-{ports[0]}.yaml"
    policy_file = config.with_suffix(".policy.yaml")
    policy_file.write_text(f"policy: {variant.name}\n{variant.policy}\n")
    config.write_text(
        _S3EDGE.format(
            port=ports[0],
            admin=ports[1],
            health=paths.health,
            nodes=", ".join(f'"{node.url}"' for node in nodes),
            cluster=f"\n    {variant.cluster}" if variant.cluster else "",
            policy=policy_file.name,
        )
    )
    return config


@contextmanager
def s3edge_with(
    nodes: Sequence[Node],
    folder: Path,
    certificate: Certificate | None,
    *,
    variant: Variant,
    paths: Paths = OF_TEST_NODES,
) -> Iterator[Proxy]:
    """s3edge by files, one worker as well."""
    if certificate:
        raise ValueError("serves plain connections only")
    port, admin = free_ports(2)
    config = write_s3edge_config(folder, nodes, (port, admin), variant, paths)
    argv = [sys.executable, "-m", "s3edge", "serve", "--config", str(config)]

    def is_ready() -> bool:
        return answers(admin, "/-/ready") and _serves(port, None, paths)

    name = f"s3edge-{variant.name}"
    with running(name, argv, folder, is_ready) as child:
        yield Proxy(name, port, is_tls=False, child=child)


@contextmanager
def haproxy(
    nodes: Sequence[Node],
    folder: Path,
    certificate: Certificate | None,
    pipe_bytes: int = 0,
    failover: str = "",
    *,
    threads: int = 1,
    paths: Paths = OF_TEST_NODES,
) -> Iterator[Proxy]:
    """HAProxy, plain bodies moved by splice through pipes of `pipe_bytes` (0: the kernel's default).

    `failover` are further lines for its backend.
    """
    name = "haproxy-pipes" if pipe_bytes else "haproxy"
    (port,) = free_ports(1)
    config = folder / f"{name}-{port}.cfg"
    config.write_text(
        _HAPROXY.format(
            port=port,
            health=paths.health,
            threads=threads,
            pipes=f"\n    tune.pipesize {pipe_bytes}" if pipe_bytes else "",
            tls=f" ssl crt {certificate.bundle}" if certificate else "",
            failover=failover,
            servers="\n".join(f"    server node-{node.port} 127.0.0.1:{node.port}" for node in nodes),
        )
    )
    argv = ["haproxy", "-db", "-f", str(config)]
    with running(name, argv, folder, lambda: _serves(port, certificate, paths)) as child:
        yield Proxy(name, port, certificate is not None, child)


@contextmanager
def nginx(
    nodes: Sequence[Node],
    folder: Path,
    certificate: Certificate | None,
    *,
    failover: str = "",
    of_each_node: str = "",
    workers: int = 1,
    paths: Paths = OF_TEST_NODES,
) -> Iterator[Proxy]:
    """nginx, unbuffered, since a buffered 64 MiB object would pass through a file on disk.

    `failover` are further lines for its location, `of_each_node` what stands beside each server.
    """
    (port,) = free_ports(1)
    prefix = folder / f"nginx-{port}"
    prefix.mkdir()
    config = prefix / "nginx.conf"
    tls = ""
    if certificate:
        tls = f" ssl;\n        ssl_certificate {certificate.chain};\n        ssl_certificate_key {certificate.key}"
    config.write_text(
        _NGINX.format(
            user=nginx_user(),
            folder=prefix,
            workers=workers,
            port=port,
            tls=tls,
            failover=failover,
            servers="\n".join(f"        server 127.0.0.1:{node.port}{of_each_node};" for node in nodes),
        )
    )
    argv = ["nginx", "-p", f"{prefix}/", "-c", str(config)]
    with running("nginx", argv, folder, lambda: _serves(port, certificate, paths)) as child:
        yield Proxy("nginx", port, certificate is not None, child)


@contextmanager
def sidekick(
    nodes: Sequence[Node], folder: Path, certificate: Certificate | None, *, paths: Paths = OF_TEST_NODES
) -> Iterator[Proxy]:
    """MinIO's sidekick: the node with the fewest requests, probes each second. Go may run one thread at a time.

    Raises Missing.
    """
    if not shutil.which(SIDEKICK):
        raise Missing(f"not found: {SIDEKICK}\nwith Go: go install github.com/minio/sidekick@latest")
    (port,) = free_ports(1)
    argv = [SIDEKICK, "--address", f"127.0.0.1:{port}", "--health-path", paths.health, "--health-duration", "1s"]
    if certificate:
        argv += ["--cert", str(certificate.chain), "--key", str(certificate.key)]
    argv.append(",".join(node.url for node in nodes))
    environment = {"GOMAXPROCS": "1"}
    with running(SIDEKICK, argv, folder, lambda: _serves(port, certificate, paths), environment=environment) as child:
        yield Proxy(SIDEKICK, port, certificate is not None, child)


PROXIES: dict[str, StartProxy] = {
    "s3edge": s3edge,
    "haproxy": haproxy,
    "haproxy-pipes": partial(haproxy, pipe_bytes=MIB),
    "nginx": nginx,
    SIDEKICK: sidekick,
}
"""In the order in which they take turns."""

_PEAK_EWMA = Variant("peak-ewma", "balance: peak_ewma")
_ROUND_ROBIN = Variant(
    "round-robin", "balance: round_robin\nhedge: false\nfailover: false", cluster="ejection: {slowness: 1000}"
)
"""Turns and nothing else: hedges, other attempts and ejection for slowness all look at how fast nodes are."""

FAILOVER_PROXIES: dict[str, StartProxy] = {
    "s3edge": s3edge,
    "s3edge-round-robin": partial(s3edge_with, variant=_ROUND_ROBIN),
    "s3edge-peak-ewma": partial(s3edge_with, variant=_PEAK_EWMA),
    "haproxy": partial(haproxy, failover=HAPROXY_FAILOVER),
    "nginx": partial(nginx, failover=_NGINX_FAILOVER, of_each_node=_NGINX_PASSIVE_CHECKS),
    SIDEKICK: sidekick,
}
"""Each with what it has against failing nodes. s3edge has that without being told; its variants are for comparison."""

SUBJECT = "s3edge"
REFERENCE = "haproxy"
"""The proxy that limits are set for, and the one that all are measured against."""


def there(names: Iterable[str]) -> list[str]:
    """Those of `names` that can run: sidekick is in no package of Debian, so that runs do without it."""
    return [name for name in names if name != SIDEKICK or shutil.which(SIDEKICK)]


def _serves(port: int, certificate: Certificate | None, paths: Paths) -> bool:
    return answers(port, paths.served, is_tls=certificate is not None)
