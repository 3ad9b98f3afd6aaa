"""The values of a configuration."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from s3edge.config.address import Address
from s3edge.config.model import Config, Health, NodeConfig, Preset
from s3edge.config.policy import Balance

FULL = {
    "listen": {
        "address": "[::1]:9000",
        "tls": {"certificate": "edge.pem", "key": "/etc/edge.key"},
        "hosts": ["s3.example.com"],
        "head_limit": "128KiB",
        "head_timeout": "5s",
        "idle_timeout": "2m",
    },
    "admin": {"address": ":9090"},
    "workers": 2,
    "drain": "0s",
    "clusters": [
        {
            "name": "minio",
            "nodes": ["http://minio1:9000", {"url": "https://minio2", "weight": 2}],
            "health": {"preset": "http", "path": "/ok", "interval": "2s", "timeout": "500ms", "rise": 1, "fall": 5},
            "tls": {"ca": "ca.pem"},
            "connections": {"idle": 8, "idle_timeout": "1s", "connect_timeout": "2s", "answer_timeout": "3s"},
        }
    ],
    "policies": [
        {"policy": "reads", "match": {"operations": ["GetObject"], "buckets": ["a-*"]}, "route": ["minio"]},
        {"policy": "all", "balance": "round_robin"},
    ],
}


def test_a_configuration_of_nodes_alone_has_a_default_for_all_else() -> None:
    config = Config.model_validate({"clusters": [{"name": "minio", "nodes": ["http://minio1:9000"]}]})
    assert config.listen.address == Address("127.0.0.1", 9000)
    assert config.admin.address == Address("127.0.0.1", 9090)
    assert (config.workers, config.drain, config.policies) == ("auto", 30, ())
    [cluster] = config.clusters
    assert (cluster.health.preset, cluster.health.path, cluster.tls.ca) == (Preset.S3, None, None)
    assert cluster.nodes[0].weight == 1


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


@pytest.mark.parametrize("preset", ["minio", "ceph", "s3", "tcp"])
def test_a_path_belongs_to_the_preset_http_alone(preset: str) -> None:
    with pytest.raises(ValidationError, match="a path with preset http only"):
        Health.model_validate({"preset": preset, "path": "/x"})
    with pytest.raises(ValidationError, match="preset http with the path to ask for"):
        Health.model_validate({"preset": "http"})


@pytest.mark.parametrize("path", ["", "x", "/a b", "/a\r\nHost: x", "/ü", 1])
def test_a_probe_path_cannot_break_out_of_its_request(path: object) -> None:
    with pytest.raises(ValidationError, match="a path that begins with /"):
        Health.model_validate({"preset": "http", "path": path})
