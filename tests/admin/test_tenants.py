"""What operators see of tenants and client addresses."""

from s3edge.admin.tenants import MOST_SHOWN, describe_clients, describe_tenants
from s3edge.config.model import Config
from s3edge.config.qos import Guard
from s3edge.qos.activity import Activity, Source
from s3edge.s3.operation import Operation
from s3edge.telemetry.meter import Meter, Snapshot
from tests.support.edge import config_for
from tests.support.observed import KnownSources

RAG = Source("tenant", "rag")
LIMITS = {"requests": "500/s", "per_client": {"concurrency": 4}}


def config(*policies: object) -> Config:
    tenants = [{"name": name, "access_keys": [f"AK-{name}"]} for name in ("rag", "training")]
    return config_for(("n1", 9000), tenants=tenants, policies=list(policies))


def test_all_tenants_that_are_configured_or_were_seen_are_shown_in_order() -> None:
    meter = Meter()
    for tenant in ("gone", "training"):
        meter.exchange(tenant, Operation.GetObject, 200, "done", 0, 10, 0.1, 0.1)
    shown = describe_tenants(config(), meter.snapshot(), KnownSources(), 0.0)
    assert [tenant["name"] for tenant in shown] == ["rag", "training", "default", "gone"]


def test_a_tenant_is_shown_with_its_counts_and_levels() -> None:
    meter = Meter()
    meter.exchange("rag", Operation.GetObject, 200, "done", 0, 4096, 0.1, 0.1)
    meter.exchange("rag", Operation.PutObject, 503, "failed", 700, 20, 0.1, 0.1)
    levels: Snapshot = {"s3edge_tenant_inflight": [(["rag"], 5.0)], "s3edge_tenant_waiting": [(["rag"], 2.0)]}
    shed: Snapshot = {"s3edge_shed_total": [(["rag", "limit"], 3), (["rag", "guard"], 1), (["training", "limit"], 7)]}
    [shown, *_] = describe_tenants(config(), meter.snapshot() | levels | shed, KnownSources(), 0.0)
    assert shown == {
        "name": "rag",
        "requests": 2,
        "received": 700,
        "sent": 4116,
        "inflight": 5,
        "waiting": 2,
        "shed": {"limit": 3, "guard": 1},
        "limits": [],
        "guard": None,
    }


def test_a_tenant_is_shown_with_the_limits_of_the_policies_that_it_may_match() -> None:
    policies = (
        {"policy": "theirs", "match": {"tenants": ["training"]}, "limits": LIMITS},
        {"policy": "fast", "priority": "interactive"},
        {"policy": "all", "match": {"classes": ["write"]}, "limits": {"concurrency": 9, "burst": "1s"}},
    )
    rag, training, default = describe_tenants(config(*policies), {}, KnownSources(), 0.0)
    everybody = {"policy": "all", "limits": {"concurrency": 9, "burst": 1.0}}
    assert rag["limits"] == default["limits"] == [everybody]
    theirs = {"requests": {"all": 500.0}, "per_client": {"concurrency": 4}}
    assert training["limits"] == [{"policy": "theirs", "limits": theirs}, everybody]


def test_a_tenant_that_the_guard_holds_is_shown_with_what_it_does_and_why_it_is_held() -> None:
    sources = KnownSources()
    runaways = sources.runaways
    runaways.feed(RAG, Activity(requests=30, sent=3000), Guard(), 60.0)
    runaways.tick(60.0)
    runaways.pin(RAG, 5.0, 60.0)
    runaways.tick(61.0)
    [shown, *_] = describe_tenants(config(), {}, sources, 63.25)
    guard = shown["guard"]
    assert guard["state"] == "pinned"
    assert guard["state_seconds"] == 2.2
    assert (guard["step"], guard["requests_per_second"], guard["sent_per_second"]) == (0, 5.0, None)
    assert guard["reason"] == "pinned by the operator"
    # 30 requests in the 60 s since the judge began, in one of three seconds of the present.
    assert (guard["present"]["requests"], guard["present"]["sent"]) == (0.2, 16.7)
    assert guard["usual"]["requests"] == 0.0
    assert guard["is_new"]


def test_clients_that_the_guard_does_something_about_come_first_then_those_active_last() -> None:
    sources = KnownSources()
    runaways = sources.runaways
    for second, address in enumerate(("10.0.0.1", "10.0.0.2", "10.0.0.3"), 1):
        runaways.feed(Source("client", address), Activity(requests=1), Guard(), float(second))
    runaways.feed(RAG, Activity(requests=1), Guard(), 4.0)
    runaways.pin(Source("client", "10.0.0.1"), 5.0, 4.0)
    runaways.tick(4.0)
    shown = describe_clients(sources, 4.0)
    assert shown["known"] == 3
    assert [client["address"] for client in shown["clients"]] == ["10.0.0.1", "10.0.0.3", "10.0.0.2"]
    assert [client["guard"]["state"] for client in shown["clients"]] == ["pinned", "normal", "normal"]


def test_of_very_many_clients_only_some_are_shown_and_all_are_counted() -> None:
    sources = KnownSources()
    for number in range(MOST_SHOWN + 5):
        sources.runaways.feed(Source("client", f"c{number}"), Activity(requests=1), Guard(), 1.0)
    shown = describe_clients(sources, 1.0)
    assert (shown["known"], len(shown["clients"])) == (MOST_SHOWN + 5, MOST_SHOWN)
    assert shown["clients"][0]["address"] == f"c{MOST_SHOWN + 4}"
