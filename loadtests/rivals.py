"""The proxies that are compared, each started as its operator would for this task, in front of the same nodes.

All get one thread or process for the data, keep-alive on both sides and health checks where they have them. nginx gets
buffers of 64 KiB, with which large bodies cost it half. HAProxy comes twice: with the kernel's pipes of 64 KiB, which
splice has by default and which the limits in `cases` are set against, and with pipes of 1 MiB, its best for bodies.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from loadtests.certificate import Certificate
from loadtests.child import Child, running
from loadtests.nodes import HEALTH_PATH, MIB, StorageNode, nginx_user, object_path
from loadtests.ports import answers, free_ports

_HAPROXY = """\
global
    nbthread 1{pipes}
    maxconn 4096
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
    default-server check inter 1s
{servers}
"""

_NGINX = """\
{user}daemon off;
worker_processes 1;
worker_rlimit_nofile 16384;
pid {folder}/nginx.pid;
error_log stderr error;
events {{ worker_connections 8192; }}
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
            client_body_buffer_size 64k;
        }}
    }}
}}
"""


@dataclass(frozen=True)
class Proxy:
    """A running proxy; `child` leads the tree of its processes."""

    name: str
    port: int
    is_tls: bool
    child: Child

    @property
    def url(self) -> str:
        return f"{'https' if self.is_tls else 'http'}://127.0.0.1:{self.port}"


StartProxy = Callable[[Sequence[StorageNode], Path, Certificate | None], AbstractContextManager[Proxy]]


@contextmanager
def s3edge(
    nodes: Sequence[StorageNode], folder: Path, certificate: Certificate | None, workers: int = 1
) -> Iterator[Proxy]:
    """s3edge by flags alone, with everything on that is on by default: probes, metrics, admin server."""
    port, admin = free_ports(2)
    argv = [sys.executable, "-m", "s3edge", "serve", "--listen", f"127.0.0.1:{port}", "--admin", f"127.0.0.1:{admin}"]
    argv += ["--workers", str(workers), "--health-path", HEALTH_PATH]
    for node in nodes:
        argv += ["--node", node.url]
    if certificate:
        argv += ["--tls-certificate", str(certificate.chain), "--tls-key", str(certificate.key)]

    def is_ready() -> bool:
        return answers(admin, "/-/ready") and _serves(port, certificate)

    with running("s3edge", argv, folder, is_ready) as child:
        yield Proxy("s3edge", port, certificate is not None, child)


@contextmanager
def haproxy(
    nodes: Sequence[StorageNode], folder: Path, certificate: Certificate | None, pipe_bytes: int = 0
) -> Iterator[Proxy]:
    """HAProxy with one thread, plain bodies moved by splice through pipes of `pipe_bytes` (0: the kernel's default)."""
    name = "haproxy-pipes" if pipe_bytes else "haproxy"
    (port,) = free_ports(1)
    config = folder / f"{name}-{port}.cfg"
    config.write_text(
        _HAPROXY.format(
            port=port,
            health=HEALTH_PATH,
            pipes=f"\n    tune.pipesize {pipe_bytes}" if pipe_bytes else "",
            tls=f" ssl crt {certificate.bundle}" if certificate else "",
            servers="\n".join(f"    server node-{node.port} 127.0.0.1:{node.port}" for node in nodes),
        )
    )
    with running(name, ["haproxy", "-db", "-f", str(config)], folder, lambda: _serves(port, certificate)) as child:
        yield Proxy(name, port, certificate is not None, child)


@contextmanager
def nginx(nodes: Sequence[StorageNode], folder: Path, certificate: Certificate | None) -> Iterator[Proxy]:
    """nginx with one worker; unbuffered, since a buffered 64 MiB object would pass through a file on disk."""
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
            port=port,
            tls=tls,
            servers="\n".join(f"        server 127.0.0.1:{node.port};" for node in nodes),
        )
    )
    argv = ["nginx", "-p", f"{prefix}/", "-c", str(config)]
    with running("nginx", argv, folder, lambda: _serves(port, certificate)) as child:
        yield Proxy("nginx", port, certificate is not None, child)


PROXIES: dict[str, StartProxy] = {
    "s3edge": s3edge,
    "haproxy": haproxy,
    "haproxy-pipes": partial(haproxy, pipe_bytes=MIB),
    "nginx": nginx,
}
"""In the order in which they take turns."""

SUBJECT = "s3edge"
REFERENCE = "haproxy"
"""The proxy that limits are set for, and the one that all are measured against."""


def _serves(port: int, certificate: Certificate | None) -> bool:
    return answers(port, object_path("4KiB"), is_tls=certificate is not None)
