"""The ways from a client to a storage: by HTTP and by HTTPS, to a node itself and through s3edge."""

import json
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from prometheus_client.parser import text_string_to_metric_families

from loadtests.ceph.lab import REGION
from loadtests.certificate import Certificate
from loadtests.matrix.client import Endpoint
from loadtests.matrix.peers import Peers
from loadtests.matrix.storages import Node, Storage
from loadtests.matrix.store import Store
from loadtests.rivals import s3edge

BUCKET = "matrix"
DIRECT, EDGE = "direct", "s3edge"
SCHEMES = ("http", "https")
ASK_SECONDS = 5.0


@dataclass(frozen=True)
class Way:
    """One way: what a client connects to, and how the storage is reached beside it.

    `nodes` are those that serve on it, `peers` tells whether they and others are at one. `settings` are for the
    environment of clients. Of a way through s3edge `admin` is the URL of its admin server, of a direct one it is empty.
    """

    scheme: str
    through: str
    endpoint: Endpoint
    storage: Endpoint
    nodes: Sequence[Node]
    peers: Peers
    settings: Mapping[str, str]
    admin: str = ""

    @property
    def name(self) -> str:
        return way_name(self.scheme, self.through)

    @property
    def port(self) -> int:
        return urlsplit(self.endpoint.url).port or 0

    def serving(self, key: str) -> Node:
        """The node that now serves most of the requests for a key; the first one if s3edge knows of none."""
        if not self.admin:
            return self.nodes[0]
        words = urllib.parse.quote(key)
        flows = json.loads(_ask(f"{self.admin}/api/v1/flows?filter={words}"))["flows"]
        busy = Counter(flow["node"] for flow in flows if flow["node"])
        return max(self.nodes, key=lambda node: busy[urlsplit(node.url).netloc])

    def broken(self) -> int:
        """Requests that s3edge could not bring to a good end so far: those that failed, and bodies that were cut."""
        if not self.admin:
            return 0
        families = text_string_to_metric_families(_ask(f"{self.admin}/metrics"))
        samples = (sample for family in families for sample in family.samples)
        return int(
            sum(
                sample.value
                for sample in samples
                if sample.name == "s3edge_exchanges_total" and sample.labels["outcome"] in {"failed", "cut"}
            )
        )


def way_name(scheme: str, through: str) -> str:
    """As ways are called in results."""
    return f"{scheme} {through}"


def _ask(url: str) -> str:
    with urllib.request.urlopen(url, timeout=ASK_SECONDS) as answer:
        return bytes(answer.read()).decode()


@contextmanager
def open_ways(storage: Storage, folder: Path, certificate: Certificate) -> Iterator[list[Way]]:
    """All ways to a storage, which is filled: of each scheme first the direct one, then that through s3edge.

    Raises ChildError, and botocore's errors.
    """
    account = Endpoint("", storage.access_key, storage.secret_key, REGION, BUCKET, None, folder)
    by_http = [replace(account, url=node.url) for node in storage.plain]
    by_https = [replace(account, url=node.url, authority=certificate.authority) for node in storage.tls]
    for endpoint in (by_http[-1], by_https[-1]):
        with closing(Store(endpoint)) as store:
            store.fill()
    with ExitStack() as stack:
        behind, by_tls = (
            stack.enter_context(closing(Peers([Store(one, attempts=1) for one in endpoints])))
            for endpoints in (by_http, by_https)
        )
        ways = []
        for scheme, direct, nodes, peers in (
            ("http", by_http, storage.plain, behind),
            ("https", by_https, storage.tls, by_tls),
        ):
            ways.append(Way(scheme, DIRECT, direct[0], direct[-1], nodes[:1], peers, storage.settings))
            shown = certificate if scheme == "https" else None
            below = folder / f"s3edge-{scheme}"
            below.mkdir()
            proxy = stack.enter_context(s3edge(storage.plain, below, shown, paths=storage.paths))
            endpoint = replace(account, url=proxy.url, authority=shown.authority if shown else None)
            admin = f"http://127.0.0.1:{proxy.admin}"
            ways.append(Way(scheme, EDGE, endpoint, by_http[-1], storage.plain, behind, storage.settings, admin))
        yield ways
