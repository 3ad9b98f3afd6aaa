"""The configuration as operators see it."""

import json

from s3edge.admin.config import LastLoad, Loaded, describe_config
from s3edge.config.model import Config

CONFIG = Config.model_validate(
    {
        "listen": {"address": "127.0.0.1:9000", "tls": {"certificate": "edge.pem", "key": "edge.key"}},
        "clusters": [
            {
                "name": "c",
                "nodes": ["http://n1:9000"],
                "health": {"deep": {"bucket": "canary", "access_key": "AKPROBE", "secret_key": "very secret"}},
            }
        ],
        "tenants": [{"name": "rag", "access_keys": ["AKRAG"]}],
        "policies": [{"policy": "p", "limits": {"requests": "5/s"}}],
    }
)
NOON = 12 * 3600.0


def test_it_says_what_became_of_the_last_load_and_since_when_what_is_in_force() -> None:
    faults = ("s3edge.yaml:3: tenants: found 1; allowed: a list",)
    shown = describe_config(CONFIG, NOON, LastLoad(Loaded.REFUSED, NOON + 60, faults=faults))
    del shown["config"]
    assert json.loads(json.dumps(shown)) == {
        "state": "refused",
        "loaded": "1970-01-01T12:01:00.000Z",
        "faults": list(faults),
        "needs_restart": [],
        "applied": "1970-01-01T12:00:00.000Z",
    }


def test_names_that_need_a_restart_are_shown() -> None:
    shown = describe_config(CONFIG, NOON, LastLoad(Loaded.NEEDS_RESTART, NOON, needs_restart=("workers", "zone")))
    assert (shown["state"], shown["needs_restart"]) == ("needs_restart", ("workers", "zone"))


def test_the_configuration_is_shown_with_tenants_keys_and_without_secrets() -> None:
    shown = describe_config(CONFIG, NOON, LastLoad(Loaded.APPLIED, NOON))["config"]
    assert "very secret" not in json.dumps(shown)
    deep = shown["clusters"][0]["health"]["deep"]
    assert (deep["access_key"], deep["secret_key"]) == ("AKPROBE", "**********")
    assert shown["tenants"] == [{"name": "rag", "access_keys": ["AKRAG"], "networks": []}]
    assert shown["policies"][0]["limits"]["requests"]["all"] == 5
    assert shown["listen"]["tls"] == {"certificate": "edge.pem", "key": "edge.key"}
    assert shown["listen"]["address"] == "127.0.0.1:9000"
