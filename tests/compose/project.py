"""The files of compose/, read as Compose reads them, without Compose."""

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "compose"
COMPOSE_FILE = COMPOSE / "compose.yaml"

_VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::(?P<rule>[-?])(?P<text>[^}]*))?\}")


def env_file(*names: str) -> dict[str, str]:
    """The variables of environment files, later ones first."""
    lines = [line for name in names for line in (COMPOSE / name).read_text().splitlines()]
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def required_variables() -> set[str]:
    """Those of compose.yaml without which Compose refuses to start."""
    return {match["name"] for match in _VARIABLE.finditer(COMPOSE_FILE.read_text()) if match["rule"] == "?"}


def project(environment: dict[str, str] | None = None) -> dict[str, Any]:
    """compose.yaml with its merge keys and variables resolved; by default as .env.example says."""
    values = env_file(".env.example") if environment is None else environment

    def resolve(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: resolve(each) for key, each in value.items()}
        if isinstance(value, list):
            return [resolve(each) for each in value]
        if isinstance(value, str):
            return _VARIABLE.sub(lambda match: values.get(match["name"], match["text"]), value)
        return value

    document: dict[str, Any] = resolve(yaml.safe_load(COMPOSE_FILE.read_text()))
    return document


def mounts(service: dict[str, Any]) -> dict[str, str]:
    """Where each file, folder or named volume of a service is mounted: source by target."""
    pairs = [volume.split(":") for volume in service.get("volumes", [])]
    return {target: source for source, target, *_ in pairs}
