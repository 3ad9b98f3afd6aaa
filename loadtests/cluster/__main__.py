"""`python -m loadtests.cluster up`."""

import argparse
import shlex
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from loadtests.ceph.lab import LabError
from loadtests.child import ChildError, end_on_sigterm
from loadtests.cluster.edge import Edge, running_edge, running_prometheus
from loadtests.cluster.keys import Keys, new_keys
from loadtests.cluster.minio import MinioError
from loadtests.cluster.storage import KINDS, Storage
from loadtests.cluster.toxiproxy import ToxiproxyError, in_chaos
from loadtests.ports import free_ports
from s3edge.errors import StartError

BUCKETS = ("datasets", "checkpoints")
LOOK_SECONDS = 0.5
"""From one look at s3edge to the next: whether it still runs."""


@dataclass(frozen=True)
class Cluster:
    """All that runs."""

    storage: Storage
    edge: Edge
    prometheus: str | None

    def environment(self) -> dict[str, str]:
        """What clients need, in variables that they know."""
        region = {"AWS_ENDPOINT_URL": self.edge.url, "AWS_DEFAULT_REGION": "us-east-1"}
        return region | self.storage.keys.environment() | {"S3EDGE_ADMIN_TOKEN": self.edge.token}

    def describe(self, variables: Path) -> str:
        """What runs where, and how to use and to end it; `variables` is the file with the environment."""
        nodes = " ".join(self.storage.urls)
        pids = " ".join(map(str, self.storage.pids)) or "one process"
        lines = [
            f"s3edge      {self.edge.url}",
            f"admin       {self.edge.admin}  token {self.edge.token}",
            f"prometheus  {self.prometheus or 'not found on PATH'}",
            f"nodes       {nodes}",
            f"their pids  {pids}",
            f"keys        source {variables}",
            "load        python -m loadtests.traffic, after that",
            "end         Ctrl-C",
        ]
        return "\n".join(lines)


@contextmanager
def running_cluster(arguments: argparse.Namespace, folder: Path) -> Iterator[Cluster]:
    """Start all, with files in `folder`; enters when buckets are there. Raises what its parts raise."""
    free = free_ports(3)
    listen, admin, prometheus = (arguments.port or free[0], arguments.admin_port or free[1], free[2])
    with ExitStack() as stack:
        storage = stack.enter_context(KINDS[arguments.kind](arguments.nodes, folder, new_keys()))
        urls = stack.enter_context(in_chaos(storage.urls, folder)) if arguments.chaos else storage.urls
        edge = stack.enter_context(running_edge(urls, storage.preset, storage.keys, folder, listen, admin))
        make_buckets(edge.url, storage.keys)
        watched_by = stack.enter_context(running_prometheus(admin, prometheus, folder))
        yield Cluster(storage, edge, watched_by)


def make_buckets(endpoint: str, keys: Keys) -> None:
    """Those of compose/minio/setup.sh, where they are not there yet. Raises ClientError, BotoCoreError."""
    named = {"aws_access_key_id": keys.admin.access, "aws_secret_access_key": keys.admin.secret}
    client = boto3.session.Session().client("s3", endpoint_url=endpoint, region_name="us-east-1", **named)
    for bucket in BUCKETS:
        try:
            client.create_bucket(Bucket=bucket)
        except (client.exceptions.BucketAlreadyOwnedByYou, client.exceptions.BucketAlreadyExists):
            continue


def exports(environment: Mapping[str, str]) -> str:
    """For `source` in a shell."""
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in environment.items())


def watch(edge: Edge) -> None:
    """Return never; ChildError when s3edge ends."""
    while edge.child.process.poll() is None:
        time.sleep(LOOK_SECONDS)
    raise edge.child.complaint("ended by itself")


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m loadtests.cluster", description="The cluster of compose/, natively."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start it in the foreground; Ctrl-C ends all of it")
    up.add_argument("--kind", choices=KINDS, required=True, help="the storage: MinIO, Ceph, or moto in memory")
    up.add_argument("--nodes", type=int, default=4, help="storage nodes (default %(default)s)")
    up.add_argument("--port", type=int, help="where clients connect (default: a free one)")
    up.add_argument("--admin-port", type=int, help="of the admin address (default: a free one)")
    up.add_argument("--chaos", action="store_true", help="slow, hang and cut off nodes by toxiproxy-server")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parse_arguments(argv)
    end_on_sigterm()
    try:
        with tempfile.TemporaryDirectory(prefix="s3edge-cluster-") as name:
            folder = Path(name)
            with running_cluster(arguments, folder) as cluster:
                variables = folder / "cluster.env"
                variables.touch(mode=0o600)
                variables.write_text(exports(cluster.environment()))
                print(cluster.describe(variables), flush=True)
                if arguments.chaos:
                    print(f"chaos       tail -f {folder / 'chaos.log'}", flush=True)
                watch(cluster.edge)
    except (ChildError, MinioError, LabError, StartError, ToxiproxyError, ClientError, BotoCoreError, OSError) as error:
        print(f"cluster: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("cluster: ended; nothing is left running", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
