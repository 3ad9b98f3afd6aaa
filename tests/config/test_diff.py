"""What a new configuration changes."""

from typing import Any

import pytest

from s3edge.config.diff import Changes, changes
from s3edge.config.model import Config

OLD: dict[str, Any] = {
    "listen": {"address": "127.0.0.1:9000"},
    "clusters": [{"name": "a", "nodes": ["http://a"]}, {"name": "b", "nodes": ["http://b"]}],
    "tenants": [{"name": "rag", "access_keys": ["AKRAG"]}],
    "policies": [{"policy": "p", "weight": 1}, {"policy": "q", "priority": "normal"}],
}


def changes_by(**sections: object) -> Changes:
    return changes(Config.model_validate(OLD), Config.model_validate(OLD | sections))


def test_an_equal_configuration_changes_nothing() -> None:
    assert changes_by(drain="30s") == Changes(needs_restart=(), live=())


@pytest.mark.parametrize(
    "sections, names",
    [
        ({"listen": {"address": "127.0.0.1:9001", "trace": True}}, ("listen.address", "listen.trace")),
        ({"admin": {"address": "127.0.0.1:9091"}}, ("admin.address",)),
        ({"workers": 2, "drain": "1s", "zone": "z"}, ("workers", "drain", "zone")),
        ({"tracing": {"endpoint": "http://collector:4318"}}, ("tracing.endpoint",)),
        ({"clusters": [*OLD["clusters"], {"name": "c", "nodes": ["http://c"]}]}, ("clusters[c]",)),
        ({"clusters": OLD["clusters"][:1]}, ("clusters[b]",)),
        ({"clusters": OLD["clusters"][::-1]}, ("clusters",)),
        (
            {"clusters": [OLD["clusters"][0], {"name": "b", "nodes": ["http://b2"], "health": {"rise": 3}}]},
            ("clusters[b].nodes", "clusters[b].health"),
        ),
    ],
)
def test_what_became_sockets_processes_and_connections_needs_a_restart(
    sections: dict[str, object], names: tuple[str, ...]
) -> None:
    assert changes_by(**sections) == Changes(needs_restart=names, live=())


@pytest.mark.parametrize(
    "sections, names",
    [
        ({"tenants": []}, ("tenants",)),
        ({"tracing": {"sample": "5%"}}, ("tracing.sample",)),
        ({"log": {"level": "debug"}, "access_log": {"to": "stdout"}}, ("log", "access_log")),
        ({"limits": {"concurrency": 5}}, ("limits",)),
        (
            {"admin": {"token": "0123456789abcdef", "protect": "all", "hosts": ["edge.example.com"]}},
            ("admin.token", "admin.protect", "admin.hosts"),
        ),
        ({"policies": [{"policy": "p", "weight": 2}, OLD["policies"][1]]}, ("policies[p]",)),
        ({"policies": [{"policy": "n", "guard": True}, *OLD["policies"]]}, ("policies[n]",)),
        ({"policies": OLD["policies"][:1]}, ("policies[q]",)),
        ({"policies": OLD["policies"][::-1]}, ("policies",)),
        (
            {"clusters": [OLD["clusters"][0], {**OLD["clusters"][1], "capacity": {"node": {"concurrency": 8}}}]},
            ("clusters[b].capacity",),
        ),
    ],
)
def test_what_is_looked_up_for_each_request_changes_live(sections: dict[str, object], names: tuple[str, ...]) -> None:
    assert changes_by(**sections) == Changes(needs_restart=(), live=names)


def test_both_kinds_of_changes_are_told_apart_in_one_cluster() -> None:
    cluster = {"name": "a", "nodes": ["http://a"], "capacity": {"concurrency": 8}, "connections": {"idle": 1}}
    assert changes_by(clusters=[cluster, OLD["clusters"][1]], limits={"burst": "1s"}) == Changes(
        needs_restart=("clusters[a].connections",), live=("clusters[a].capacity", "limits")
    )
