"""A real Prometheus scrapes s3edge: its totals are those of the clients, and it evaluates our rules and queries."""

import asyncio
import json
import re
import shutil
import subprocess
import time
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from loadtests.child import running
from loadtests.ports import answers, free_ports
from s3edge.telemetry.families import FAMILIES
from tests.support.storage import Storage
from tests.wire.service import LOCAL, NodeSocket, Service, limit, service

pytestmark = pytest.mark.wire

COMPOSE = Path(__file__).parents[2] / "compose"
TENANTS = [{"name": name, "access_keys": [f"AK{name}"]} for name in ("rag", "training")]
BODY = bytes(5000)
CLIENTS, ROUNDS = 8, 10


def request(method: str, key: str, tenant: str, body: bytes = b"") -> bytes:
    credential = f"AK{tenant}/20250101/us-east-1/s3/aws4_request"
    claim = f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=0"
    head = (
        f"{method} /bucket/{key} HTTP/1.1\r\nHost: s3\r\nAuthorization: {claim}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


@dataclass
class Tally:
    """What clients did: requests by tenant, class and status; body bytes by tenant."""

    requests: Counter[tuple[str, ...]] = field(default_factory=Counter)
    sent: Counter[tuple[str, ...]] = field(default_factory=Counter)
    received: Counter[tuple[str, ...]] = field(default_factory=Counter)


async def client(edge: Service, number: int, tally: Tally) -> None:
    """Reads, misses, writes and deletes, as two tenants and as nobody."""
    async with edge.dial() as line:
        for _ in range(ROUNDS):
            for tenant in ("rag", "training", "unknown"):
                known = "default" if tenant == "unknown" else tenant
                for method, key, kind, body in (
                    ("GET", "4096B", "read", b""),
                    ("GET", "300000B", "read", b""),
                    ("HEAD", "1000B", "read", b""),
                    ("PUT", f"new-{number}", "write", BODY),
                    ("DELETE", f"new-{number}", "write", b""),
                ):
                    await line.send(request(method, key, tenant, body))
                    response = await line.read_response(method)
                    tally.requests[known, kind, str(response.status)] += 1
                    tally.sent[known,] += len(response.body)
                    tally.received[known,] += len(body)


@dataclass(frozen=True)
class Prometheus:
    """A running Prometheus."""

    port: int

    def ask(self, path: str, **parameters: str) -> Any:
        """The data of an answer of its API."""
        query = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(f"http://{LOCAL}:{self.port}/api/v1/{path}?{query}", timeout=limit(1)) as answer:
            document = json.load(answer)
        assert document["status"] == "success", document
        return document["data"]

    def values(self, query: str, *labels: str) -> dict[tuple[str, ...], float]:
        """What a query finds, by these labels."""
        found = self.ask("query", query=query)["result"]
        return {tuple(each["metric"].get(label, "") for label in labels): float(each["value"][1]) for each in found}

    def wait_for_scrape(self) -> None:
        """Return when it has scraped once more, from beginning to end."""
        begun = time.time()
        self._wait(lambda: self.values("timestamp(s3edge_build_info)").get((), 0.0) > begun + 0.1)

    def wait_for_rules(self) -> list[dict[str, Any]]:
        """All rules, once each was evaluated."""
        rules: list[dict[str, Any]] = []

        def are_evaluated() -> bool:
            rules[:] = [rule for group in self.ask("rules")["groups"] for rule in group["rules"]]
            return all(rule["health"] != "unknown" for rule in rules)

        self._wait(are_evaluated)
        return rules

    @staticmethod
    def _wait(is_so: Any) -> None:
        deadline = time.monotonic() + limit(2)
        while not is_so():
            assert time.monotonic() < deadline
            time.sleep(0.1)


@contextmanager
def prometheus(folder: Path, target: int) -> Iterator[Prometheus]:
    """Run it with our rules; it scrapes the admin port `target` twice a second."""
    (port,) = free_ports(1)
    config = folder / "prometheus.yml"
    every = {"scrape_interval": "500ms", "scrape_timeout": "500ms", "evaluation_interval": "500ms"}
    scrape = {"job_name": "s3edge", "static_configs": [{"targets": [f"{LOCAL}:{target}"]}]}
    rules = [str(COMPOSE / "prometheus" / "rules.yml")]
    config.write_text(yaml.safe_dump({"global": every, "rule_files": rules, "scrape_configs": [scrape]}))
    options = [f"--config.file={config}", f"--storage.tsdb.path={folder / 'tsdb'}"]
    options += [f"--web.listen-address={LOCAL}:{port}", "--log.level=warn"]
    with running("prometheus", ["prometheus", *options], folder, lambda: answers(port, "/-/ready")):
        yield Prometheus(port)


@asynccontextmanager
async def storage(sock: NodeSocket) -> AsyncIterator[None]:
    """A storage node on a real port."""
    async with Storage() as node:
        server = await asyncio.get_running_loop().create_server(node.accept, sock=sock.sock.dup())
        try:
            yield
        finally:
            server.close()


@contextmanager
def loaded(folder: Path) -> Iterator[tuple[Service, Tally]]:
    """An s3edge with two workers after clients have come and gone, and what they did."""
    sock, tally = NodeSocket(), Tally()

    async def main(edge: Service) -> None:
        async with storage(sock), asyncio.TaskGroup() as group:
            for number in range(CLIENTS):
                group.create_task(client(edge, number, tally), name=f"client {number}")

    try:
        with service(folder, f"http://{LOCAL}:{sock.port}", workers=2, tenants=TENANTS) as edge:
            asyncio.run(main(edge))
            yield edge, tally
    finally:
        sock.close()


def queries_of_dashboard() -> list[str]:
    board = json.loads((COMPOSE / "grafana" / "dashboards" / "s3edge.json").read_text())
    queries = [target["expr"] for panel in board["panels"] for target in panel.get("targets", ())]
    values = {"$instance": ".*", "$tenant": ".*", "$__rate_interval": "1m", "$__range": "30m"}
    for name, value in values.items():
        queries = [query.replace(name, value) for query in queries]
    return queries


@pytest.mark.skipif(shutil.which("prometheus") is None, reason="needs prometheus (Debian's package)")
def test_totals_are_those_of_the_clients_and_rules_and_queries_are_evaluated(tmp_path: Path) -> None:
    with loaded(tmp_path) as (edge, tally), prometheus(tmp_path, edge.admin) as it:
        it.wait_for_scrape()
        (target,) = it.ask("targets")["activeTargets"]
        assert (target["health"], target["lastError"]) == ("up", "")

        assert it.values("s3edge_tenant_exchanges_total", "tenant", "class", "status") == tally.requests
        assert it.values("s3edge_tenant_sent_bytes_total", "tenant") == tally.sent
        assert it.values("s3edge_tenant_received_bytes_total", "tenant") == tally.received
        count = sum(tally.requests.values())
        assert count == CLIENTS * ROUNDS * 3 * 5
        assert it.values("sum(s3edge_exchanges_total)") == {(): count}
        assert it.values("sum(s3edge_first_byte_seconds_count)") == {(): count}
        assert it.values('sum(s3edge_exchange_bytes_bucket{le="+Inf"})') == {(): count}
        moved = sum(tally.sent.values()) + sum(tally.received.values())
        assert it.values("sum(s3edge_exchange_bytes_sum)") == {(): moved}
        assert it.values("sum(s3edge_node_first_byte_seconds_count)") == {(): count}

        rules = it.wait_for_rules()
        assert len(rules) > 20
        assert [(rule["name"], rule.get("lastError")) for rule in rules if rule["health"] != "ok"] == []
        for query in queries_of_dashboard():
            it.ask("query", query=query)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool (Debian's package prometheus)")
def test_promtool_finds_no_fault_in_a_scrape(tmp_path: Path) -> None:
    with loaded(tmp_path) as (edge, _):
        text = edge.scrape()
    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=limit(1), check=False
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_a_scrape_has_a_sample_for_every_family_that_traffic_touches(tmp_path: Path) -> None:
    with loaded(tmp_path) as (edge, _):
        sampled = set(re.findall(r"^(s3edge_[a-z_]+)", edge.scrape(), re.MULTILINE))
    names = {re.sub(r"_(bucket|count|sum)$", "", name) for name in sampled}
    # Nothing has failed, nobody has run away, and no limit was met.
    quiet = {
        name for name in FAMILIES if re.search(r"limit_hits|guarded|source_rate|broken|resumes|retries_total", name)
    }
    quiet |= {"s3edge_node_ejections_total", "s3edge_tenant_waits_total"}
    quiet |= {"s3edge_tenant_waiting_seconds_total", "s3edge_tenant_waiting", "s3edge_tenant_inflight"}
    quiet |= {"s3edge_tenant_receiving_bytes", "s3edge_tenant_sending_bytes", "s3edge_spans_total"}
    by_chance = {"s3edge_budget_denials_total"}  # a slow first read would have been hedged
    assert FAMILIES.keys() - names - by_chance == quiet
