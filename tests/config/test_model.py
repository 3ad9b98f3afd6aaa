"""The values of a configuration."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from s3edge.config.address import Address
from s3edge.config.health import Preset, WhenNoneIsUp
from s3edge.config.model import Config, NodeConfig
from s3edge.config.policy import Balance

FULL = {
    "listen": {
        "address": "[::1]:9000",
        "tls": {"certificate": "edge.pem", "key": "/etc/edge.key"},
        "hosts": ["s3.example.com"],
        "head_limit": "128KiB",
        "head_timeout": "5s",
        "idle_timeout": "2m",
        "trace": True,
    },
    "admin": {"address": ":9090"},
    "workers": 2,
    "drain": "0s",
    "zone": "rack-1",
    "clusters": [
        {
            "name": "minio",
            "nodes": ["http://minio1:9000", {"url": "https://minio2", "weight": 2, "zone": "rack-2", "tier": 1}],
            "health": {
                "preset": "http",
                "path": "/ok",
                "interval": "2s",
                "timeout": "500ms",
                "rise": 1,
                "fall": 5,
                "deep": {"bucket": "canaries", "access_key": "AK", "secret_key": "hunter2", "interval": "1m"},
                "slow_start": "0s",
                "when_none_is_up": "use_all",
            },
            "ejection": {"failures": 3, "error_rate": "50%", "slowness": 4.5, "time": "2s", "at_most": 0.25},
            "tls": {"ca": "ca.pem"},
            "connections": {"idle": 8, "idle_timeout": "1s", "connect_timeout": "2s", "answer_timeout": "3s"},
        }
    ],
    "policies": [
        {"policy": "reads", "match": {"operations": ["GetObject"], "buckets": ["a-*"]}, "route": ["minio"]},
        {"policy": "all", "balance": "round_robin", "hedge": False, "resume": {"times": 3}, "queue": {"length": 0}},
    ],
}


def test_a_configuration_of_nodes_alone_has_a_default_for_all_else() -> None:
    config = Config.model_validate({"clusters": [{"name": "minio", "nodes": ["http://minio1:9000"]}]})
    assert config.listen.address == Address("127.0.0.1", 9000)
    assert config.admin.address == Address("127.0.0.1", 9090)
    assert (config.workers, config.drain, config.policies) == ("auto", 30, ())
    [cluster] = config.clusters
    assert (cluster.health.preset, cluster.health.path, cluster.tls.ca) == (Preset.S3, None, None)
    assert (cluster.health.deep, cluster.health.when_none_is_up) == (None, WhenNoneIsUp.REFUSE)
    assert (cluster.nodes[0].weight, cluster.nodes[0].zone, cluster.nodes[0].tier) == (1, None, 0)
    assert (config.zone, config.listen.trace) == (None, False)


def test_a_full_configuration_is_read_into_plain_units() -> None:
    config = Config.model_validate(FULL, context={"folder": Path("/conf")})
    assert config.listen.tls is not None
    assert (config.listen.tls.certificate, config.listen.tls.key) == (Path("/conf/edge.pem"), Path("/etc/edge.key"))
    assert (config.listen.head_limit, config.listen.head_timeout, config.listen.idle_timeout) == (131072, 5, 120)
    [cluster] = config.clusters
    assert [(node.name, node.host, node.port, node.is_tls, node.weight) for node in cluster.nodes] == [
        ("minio1:9000", "minio1", 9000, False, 1),
        ("minio2:443", "minio2", 443, True, 2),
    ]
    assert (cluster.health.preset, cluster.health.timeout, cluster.tls.ca) == (Preset.HTTP, 0.5, Path("/conf/ca.pem"))
    assert [(node.zone, node.tier) for node in cluster.nodes] == [(None, 0), ("rack-2", 1)]
    assert (config.zone, config.listen.trace) == ("rack-1", True)
    assert (cluster.ejection.failures, cluster.ejection.error_rate, cluster.ejection.slowness) == (3, 0.5, 4.5)
    assert (cluster.health.slow_start, cluster.health.when_none_is_up) == (0, WhenNoneIsUp.USE_ALL)
    assert [policy.name for policy in config.policies] == ["reads", "all"]
    assert config.policies[1].balance is Balance.ROUND_ROBIN


def test_a_worker_reads_from_json_what_the_supervisor_wrote() -> None:
    config = Config.model_validate(FULL, context={"folder": Path("/conf")})
    assert Config.model_validate_json(config.model_dump_json()) == config


@given(st.floats(0.001, 86400), st.integers(1, 256))
def test_no_digit_is_lost_on_the_way_through_json(seconds: float, weight: int) -> None:
    node = {"url": "http://a", "weight": weight}
    cluster = {"name": "a", "nodes": [node], "health": {"interval": seconds}}
    config = Config.model_validate({"drain": seconds, "clusters": [cluster]})
    assert Config.model_validate_json(config.model_dump_json()) == config
    assert config.clusters[0].health.interval == seconds


def test_a_configuration_cannot_be_changed() -> None:
    config = Config.model_validate(FULL)
    with pytest.raises(ValidationError, match="frozen"):
        config.drain = 1.0  # type: ignore[misc]  # that it is refused is what is tested


def test_a_node_with_an_ipv6_address_has_brackets_in_its_name() -> None:
    assert NodeConfig.model_validate("http://[::1]:9000").name == "[::1]:9000"
