"""s3edge and Prometheus with the configuration of compose/, at addresses of this machine."""

import secrets
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from loadtests.child import Child, running
from loadtests.cluster.keys import Keys
from loadtests.ports import answers

ROOT = Path(__file__).parents[2]
EDGE_CONFIG = ROOT / "compose" / "s3edge" / "s3edge.yaml"
PROMETHEUS_CONFIG = ROOT / "compose" / "prometheus" / "prometheus.yml"

START_SECONDS = 30.0


@dataclass(frozen=True)
class Edge:
    """A running s3edge; `token` lets change things at its admin address."""

    url: str
    admin: str
    token: str
    child: Child


def edge_config(urls: Sequence[str], preset: str, source: Path = EDGE_CONFIG) -> dict[str, Any]:
    """The configuration of compose/ with other nodes, which are probed by `preset`, and the files it names."""
    document: dict[str, Any] = yaml.safe_load(source.read_text())
    (cluster,) = document["clusters"]
    cluster["nodes"] = list(urls)
    cluster["health"]["preset"] = preset
    document["policies"] = [str(source.parent / pattern) for pattern in document["policies"]]
    return document


def prometheus_config(edge: int, own: int, source: Path = PROMETHEUS_CONFIG) -> dict[str, Any]:
    """The configuration of compose/ for an s3edge whose admin port is `edge`, and the files it names."""
    document: dict[str, Any] = yaml.safe_load(source.read_text())
    ports = {"s3edge": edge, "prometheus": own}
    for job in document["scrape_configs"]:
        job["static_configs"] = [{"targets": [f"127.0.0.1:{ports[job['job_name']]}"]}]
    document["rule_files"] = [str(source.parent / name) for name in document["rule_files"]]
    return document


@contextmanager
def running_edge(urls: Sequence[str], preset: str, keys: Keys, folder: Path, listen: int, admin: int) -> Iterator[Edge]:
    """s3edge in front of nodes, for the length of the block; enters once it is ready. Raises ChildError."""
    config = folder / "s3edge.yaml"
    config.write_text(yaml.safe_dump(edge_config(urls, preset), sort_keys=False))
    token = secrets.token_hex(16)
    argv = [sys.executable, "-m", "s3edge", "serve", "--config", str(config)]
    argv += ["--listen", f"127.0.0.1:{listen}", "--admin", f"127.0.0.1:{admin}"]
    environment = keys.environment() | {"S3EDGE_ADMIN_TOKEN": token, "PYTHONPATH": str(ROOT)}
    with running(
        "s3edge", argv, folder, lambda: answers(admin, "/-/ready"), START_SECONDS, environment=environment
    ) as child:
        yield Edge(f"http://127.0.0.1:{listen}", f"http://127.0.0.1:{admin}", token, child)


@contextmanager
def running_prometheus(edge: int, own: int, folder: Path) -> Iterator[str | None]:
    """The URL of a Prometheus that watches s3edge; None where the program is not found. Raises ChildError."""
    program = shutil.which("prometheus")
    if program is None:
        yield None
        return
    config = folder / "prometheus.yml"
    config.write_text(yaml.safe_dump(prometheus_config(edge, own), sort_keys=False))
    argv = [program, f"--config.file={config}", f"--storage.tsdb.path={folder / 'prometheus'}"]
    argv.append(f"--web.listen-address=127.0.0.1:{own}")
    with running("prometheus", argv, folder, lambda: answers(own, "/-/ready"), START_SECONDS):
        yield f"http://127.0.0.1:{own}"
