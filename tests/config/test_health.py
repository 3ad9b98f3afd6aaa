"""How nodes are judged, as values."""

import json

import pytest
from pydantic import SecretStr, ValidationError

from s3edge.config.health import DeepProbe, Ejection, Health, Preset

DEEP = {"bucket": "canaries", "access_key": "AK", "secret_key": "hunter2"}


@pytest.mark.parametrize("preset", [preset for preset in Preset if preset is not Preset.HTTP])
def test_a_path_belongs_to_the_preset_http_alone(preset: Preset) -> None:
    with pytest.raises(ValidationError, match="a path with preset http only"):
        Health.model_validate({"preset": preset, "path": "/x"})
    with pytest.raises(ValidationError, match="preset http with the path to ask for"):
        Health.model_validate({"preset": "http"})


@pytest.mark.parametrize("path", ["", "x", "/a b", "/a\r\nHost: x", "/ü", 1])
def test_a_probe_path_cannot_break_out_of_its_request(path: object) -> None:
    with pytest.raises(ValidationError, match="a path that begins with /"):
        Health.model_validate({"preset": "http", "path": path})


def test_the_secret_of_a_deep_probe_goes_to_workers_and_is_shown_nowhere_else() -> None:
    health = Health.model_validate({"deep": DEEP})
    assert "hunter2" not in f"{health} {health!r} {health.model_dump()}"
    again = Health.model_validate_json(health.model_dump_json())
    assert again == health
    assert again.deep is not None
    assert again.deep.secret_key == SecretStr("hunter2")


@pytest.mark.parametrize("secret", ["", 7002, ["hunter2"], {"k": "hunter2"}, None, b"hunter2"])
def test_a_secret_that_is_no_text_is_refused_without_being_shown(secret: object) -> None:
    with pytest.raises(ValidationError) as caught:
        DeepProbe.model_validate(DEEP | {"secret_key": secret})
    [error] = caught.value.errors(include_input=False)
    assert str(error["ctx"]["error"]) == "allowed: a secret as text, best as ${NAME} from the environment"


@pytest.mark.parametrize(
    "key, value",
    [
        ("bucket", "ab"),
        ("bucket", "Canaries"),
        ("bucket", "a/b"),
        ("bucket", "canaries-"),
        ("bucket", "a" * 64),
        ("access_key", ""),
        ("access_key", "A K"),
        ("access_key", "A\nK"),
        ("region", "EU West"),
        ("interval", "0s"),
        ("timeout", "0s"),
        ("secret", "hunter2"),
    ],
)
def test_what_does_not_fit_a_signed_request_is_refused(key: str, value: object) -> None:
    with pytest.raises(ValidationError):
        DeepProbe.model_validate(DEEP | {key: value})


def test_a_deep_probe_needs_its_bucket_and_its_keys_and_has_a_default_for_all_else() -> None:
    assert json.loads(DeepProbe.model_validate(DEEP).model_dump_json()) == DEEP | {
        "region": "us-east-1",
        "interval": 10.0,
        "timeout": 5.0,
    }
    for key in DEEP:
        with pytest.raises(ValidationError, match="Field required"):
            DeepProbe.model_validate({name: value for name, value in DEEP.items() if name != key})


def test_an_ejection_may_be_as_long_as_its_longest_but_not_longer() -> None:
    assert Ejection.model_validate({"time": "1m", "longest": "1m"}).longest == 60
    with pytest.raises(ValidationError, match="a longest ejection that is at least the first one"):
        Ejection.model_validate({"time": "61s", "longest": "1m"})


@pytest.mark.parametrize(
    "key, value",
    [("failures", 0), ("error_rate", "101%"), ("slowness", 1.5), ("time", "0s"), ("longest", "25h"), ("at_most", -0.1)],
)
def test_what_would_eject_at_once_or_never_is_refused(key: str, value: object) -> None:
    with pytest.raises(ValidationError):
        Ejection.model_validate({key: value})
