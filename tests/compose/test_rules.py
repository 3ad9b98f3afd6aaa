"""The rules for Prometheus ask for metrics that exist, say what to do, and do what their own tests say."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from s3edge.telemetry.families import FAMILIES
from tests.compose.queries import faults, known_names, recorded

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "compose" / "prometheus"
RULES: list[dict[str, Any]] = [
    rule for group in yaml.safe_load((FOLDER / "rules.yml").read_text())["groups"] for rule in group["rules"]
]
ALERTS = {rule["alert"]: rule for rule in RULES if "alert" in rule}
RECORDED = {rule["record"]: recorded(rule["record"]) for rule in RULES if "record" in rule}
KNOWN = {**known_names(), **RECORDED}
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()


def test_every_rule_asks_for_metrics_and_labels_that_exist() -> None:
    assert faults([rule["expr"] for rule in RULES], KNOWN) == []


def test_every_query_that_a_description_recommends_asks_for_metrics_that_exist() -> None:
    described = [rule["annotations"]["description"].replace("{{", "").replace("}}", "") for rule in ALERTS.values()]
    histograms: dict[str, set[str]] = {name: set() for name in FAMILIES}
    assert faults(described, {**histograms, **KNOWN}) == []


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_what_is_the_matter_what_to_do_and_where_to_read_on(name: str) -> None:
    annotations = ALERTS[name]["annotations"]
    assert set(annotations) == {"summary", "description", "runbook"}
    assert len(annotations["summary"]) <= 110
    assert annotations["description"].endswith((".", ")."))
    page, _, anchor = annotations["runbook"].partition("#")
    headings = re.findall(r"^#+ (.*)", (ROOT / page).read_text(), re.MULTILINE)
    assert anchor in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_table_of_alerts_names_every_alert_with_its_severity_and_no_other() -> None:
    documented = dict(re.findall(r"^\| `(S3edge\w+)` \| (\w+) \|", OPERATIONS, re.MULTILINE))
    assert documented == {name: rule["labels"]["severity"] for name, rule in ALERTS.items()}


def test_every_alert_is_tried_out() -> None:
    tests = (FOLDER / "rules_test.yml").read_text()
    assert [name for name in ALERTS if name not in tests] == []


@pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool (Debian's package prometheus)")
@pytest.mark.parametrize("command", [("check", "rules", "rules.yml"), ("test", "rules", "rules_test.yml")])
def test_promtool_finds_no_fault(command: tuple[str, ...]) -> None:
    result = subprocess.run(["promtool", *command], cwd=FOLDER, capture_output=True, text=True, timeout=30, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
