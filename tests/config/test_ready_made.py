"""The policy files that s3edge comes with: they are used as they are."""

import re
import shutil
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import pytest

from s3edge.config.load import load
from s3edge.config.model import Config
from s3edge.config.policy import SECTIONS, Match, Policy
from s3edge.config.qos import DEFAULT_TENANT, GuardMode, Priority
from s3edge.config.reach import reach
from s3edge.s3.operation import TRAITS, Operation, OperationClass

FOLDER = Path(__file__).parents[2] / "policies"
NAMES = ["background-scan", "checkpoint-write", "default", "rag-interactive", "runaway-guard", "training-read"]
README = (FOLDER / "README.md").read_text()
TENANTS = ["rag", "training", DEFAULT_TENANT]


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """The configuration in the README, beside a copy of the folder."""
    folder = tmp_path_factory.mktemp("edge")
    shutil.copytree(FOLDER, folder / "policies")
    [text] = re.findall(r"^```yaml\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    (folder / "s3edge.yaml").write_text(text)
    return load(folder / "s3edge.yaml", {})


def test_they_load_together_in_the_configuration_of_their_readme(config: Config) -> None:
    assert [policy.name for policy in config.policies] == NAMES
    assert [tenant.name for tenant in config.tenants] == ["rag", "training"]


@pytest.mark.parametrize("name", NAMES)
def test_each_also_works_alone_and_says_first_what_it_is_for(name: str, tmp_path: Path) -> None:
    text = (FOLDER / f"{name}.yaml").read_text()
    assert re.match(rf"# For .*\n(#.*\n)*#\n# Adapt: .*\n(#.*\n)*policy: {name}\n", text)
    (tmp_path / "policy.yaml").write_text(text)
    (tmp_path / "s3edge.yaml").write_text(
        "clusters: [{name: a, nodes: [http://a]}]\npolicies: [policy.yaml]\ntenants:\n"
        "- {name: rag, access_keys: [A]}\n- {name: training, access_keys: [B]}\n"
    )
    assert [policy.name for policy in load(tmp_path / "s3edge.yaml", {}).policies] == [name]


def test_the_readme_lists_each_file_with_its_priority(config: Config) -> None:
    rows = re.findall(r"^\| \[([a-z-]+)\]\(\1\.yaml\) \|[^|]*\| (\w*) ?\|", README, re.MULTILINE)
    assert rows == [(policy.name, policy.priority or "") for policy in config.policies]
    assert {path.stem for path in FOLDER.glob("*.yaml")} == set(NAMES)


def test_their_order_matters_only_for_listings_of_no_tenant(config: Config) -> None:
    contested = {
        (one.name, other.name, tenant, TRAITS[operation].kind)
        for one, other in combinations(config.policies, 2)
        if one.sections & other.sections
        for tenant, operation in requests_of(one.match) & requests_of(other.match)
    }
    assert contested == {("background-scan", "default", DEFAULT_TENANT, OperationClass.LIST)}


@pytest.mark.parametrize(
    "tenant, operation, policy",
    [
        ("rag", Operation.GetObject, "rag-interactive"),
        ("rag", Operation.ListObjectsV2, None),
        ("training", Operation.GetObject, "training-read"),
        ("training", Operation.UploadPart, "checkpoint-write"),
        ("training", Operation.ListObjectsV2, "background-scan"),
        (DEFAULT_TENANT, Operation.ListObjectsV2, "background-scan"),
        (DEFAULT_TENANT, Operation.PutObject, "default"),
    ],
)
def test_each_decides_the_limits_that_the_readme_says(
    config: Config, tenant: str, operation: Operation, policy: str | None
) -> None:
    assert next(deciding(config, "limits", tenant, operation), None) == policy


def test_interactive_work_waits_for_nobody_and_everybody_is_watched(config: Config) -> None:
    policies = {policy.name: policy for policy in config.policies}
    interactive = {name for name, policy in policies.items() if policy.priority is Priority.INTERACTIVE}
    assert interactive == {"rag-interactive"}
    guard = policies["runaway-guard"]
    assert guard.match == Match()
    assert guard.guard is not None
    assert guard.guard.mode is GuardMode.ENFORCE


def requests_of(match: Match) -> set[tuple[str, Operation]]:
    return {(tenant, operation) for tenant in match.tenants or TENANTS for operation in reach(match)}


def deciding(config: Config, section: str, tenant: str, operation: Operation) -> Iterator[str]:
    """The policies that have a section for a request, the one that decides first."""
    assert section in SECTIONS

    def decides(policy: Policy) -> bool:
        return section in policy.sections and (tenant, operation) in requests_of(policy.match)

    return (policy.name for policy in config.policies if decides(policy))
