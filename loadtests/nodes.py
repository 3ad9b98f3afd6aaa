"""Storage nodes for load tests: nginx serving fixed objects from memory, on loopback."""

import os
import tempfile
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from loadtests.child import Child, running
from loadtests.ports import answers, free_ports

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30

OBJECTS = {"4KiB": 4 * KIB, "64KiB": 64 * KIB, "1MiB": MIB, "8MiB": 8 * MIB, "64MiB": 64 * MIB}
"""What each node serves: the key in bucket `bench`, and its size in bytes."""

HEALTH_PATH = "/health"
UPLOAD_PATH = "/upload/object"
COUNTS_PATH = "/counts"

REUSE_BODY_MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(8 * GIB)}
"""Environment for glibc's malloc: keep the 64 MiB of a body for the next one instead of returning them to the kernel.

nginx has no way to drop a body and still answer after it (`return` answers first, which is another case of HTTP).
Reading it into memory and forgetting it is the cheapest: measured on one node, 1.1 GiB/s with a temporary file on
tmpfs, 1.5 in memory that is mapped anew each time, 4 with the memory kept.
"""

_CONFIG = """\
{user}daemon off;
worker_processes 1;
worker_rlimit_nofile {descriptors};
pid {folder}/nginx.pid;
error_log stderr error;
events {{ worker_connections {connections}; }}
http {{
    access_log off;
    default_type application/octet-stream;
    sendfile on;
    tcp_nopush off;
    keepalive_requests 1000000000;
    keepalive_timeout 600s;
    open_file_cache max=16;
    client_max_body_size 0;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    upstream answer {{
        server unix:{folder}/answer.sock;
        keepalive 64;
    }}
    server {{
        listen unix:{folder}/answer.sock;
        return 200;
    }}
    server {{
{listens}
        root {objects};
        location = {health} {{ return 200; }}
        location = {counts} {{ stub_status; }}
        location /upload/ {{
            client_body_buffer_size 65m;
            proxy_pass http://answer;
            proxy_http_version 1.1;
            proxy_pass_request_body off;
            proxy_set_header Content-Length "";
            proxy_set_header Connection "";
        }}
    }}
}}
"""


@dataclass(frozen=True)
class StorageNode:
    """One nginx with one worker process."""

    port: int
    child: Child

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def object_path(key: str) -> str:
    """The request path of one of OBJECTS."""
    return f"/bench/{key}"


def nginx_user() -> str:
    """nginx's workers must read our private folder: as root they would otherwise change to another user."""
    return "user root;\n" if os.geteuid() == 0 else ""


@contextmanager
def scratch() -> Iterator[Path]:
    """A temporary folder, in memory where the system has /dev/shm, so that no disk takes part in a measurement."""
    memory = Path("/dev/shm")
    parent = memory if os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="s3edge-loadtest-", dir=parent) as name:
        yield Path(name)


@contextmanager
def storage_nodes(count: int, folder: Path) -> Iterator[Sequence[StorageNode]]:
    """`count` nodes with the same objects, their files in `folder` (best on tmpfs). Raises ChildError."""
    objects = _write_objects(folder)
    with ExitStack() as stack:
        ports = free_ports(count)
        yield [StorageNode(port, stack.enter_context(_nginx([port], folder, objects, 8192))) for port in ports]


@contextmanager
def nodes_of_one_process(count: int, folder: Path) -> Iterator[Sequence[StorageNode]]:
    """The same, but all of them are ports of one nginx, so that their number changes nothing for the machine."""
    ports = free_ports(count)
    with _nginx(ports, folder, _write_objects(folder), 18_000) as child:  # busy ones, and idle ones of other proxies
        yield [StorageNode(port, child) for port in ports]


def requests_served(node: StorageNode) -> int:
    """How many requests came to the process of `node`, probes and these questions too (ngx_http_stub_status_module)."""
    with urllib.request.urlopen(f"{node.url}{COUNTS_PATH}", timeout=10) as answer:
        return int(answer.read().split()[9])


def _write_objects(folder: Path) -> Path:
    objects = folder / "objects"
    (objects / "bench").mkdir(parents=True)
    for key, size in OBJECTS.items():
        (objects / "bench" / key).write_bytes(os.urandom(4 * KIB) * (size // (4 * KIB)))
    return objects


@contextmanager
def _nginx(ports: Sequence[int], folder: Path, objects: Path, connections: int) -> Iterator[Child]:
    prefix = folder / f"node-{ports[0]}"
    prefix.mkdir()
    config = prefix / "nginx.conf"
    config.write_text(
        _CONFIG.format(
            user=nginx_user(),
            folder=prefix,
            objects=objects,
            listens="\n".join(f"        listen 127.0.0.1:{port} backlog=4096;" for port in ports),
            health=HEALTH_PATH,
            counts=COUNTS_PATH,
            connections=connections,
            descriptors=connections + 2000,
        )
    )
    argv = ["nginx", "-p", f"{prefix}/", "-c", str(config)]
    is_ready = partial(answers, ports[-1], HEALTH_PATH)
    with running(f"node-{ports[0]}", argv, prefix, is_ready, environment=REUSE_BODY_MEMORY) as child:
        yield child
