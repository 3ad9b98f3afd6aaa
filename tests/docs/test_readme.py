"""The documentation says what the code does: keys, defaults, examples, flags, paths, metrics and links are compared."""

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest
import yaml
from pydantic.fields import FieldInfo

from s3edge import cli
from s3edge.admin.site import AdminSite
from s3edge.config.health import DeepProbe
from s3edge.config.load import load
from s3edge.config.model import Config
from s3edge.config.part import Part
from s3edge.config.policy import Policy
from s3edge.config.qos import Capacity, Guard, Limits, ScopedLimits, Tenant
from s3edge.events import End, Event
from s3edge.proxy.access_log import FIELDS
from s3edge.telemetry.families import FAMILIES
from tests.support.observed import QuietEdge

ROOT = Path(__file__).parents[2]
TEXTS = {
    path.relative_to(ROOT).as_posix(): path.read_text()
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")))
}
README, CONFIGURATION, OPERATIONS = TEXTS["README.md"], TEXTS["docs/configuration.md"], TEXTS["docs/operations.md"]

# The least that each root needs to have all its sections; a documented default, written out, must change nothing in it.
LEAST: dict[type[Part], dict[str, Any]] = {
    Config: {"clusters": [{"name": "c", "nodes": [{"url": "http://n"}]}]},
    DeepProbe: {"bucket": "canaries", "access_key": "k", "secret_key": "s"},
    Capacity: {},
    Tenant: {"name": "t", "access_keys": ["AK"]},
    Policy: {"policy": "p", "failover": {}, "hedge": {}, "resume": {}, "queue": {}},
    ScopedLimits: {},
    Guard: {},
}
# Where the keys of each root are listed: the text, and what the first column of the table is called.
TABLES: list[tuple[type[Part], str, str]] = [
    (Config, CONFIGURATION, "key"),
    (DeepProbe, CONFIGURATION, "key of `deep`"),
    (Capacity, CONFIGURATION, "key of `capacity`"),
    (Tenant, CONFIGURATION, "key of a tenant"),
    (Policy, CONFIGURATION, "key of a policy"),
    (ScopedLimits, CONFIGURATION, "key of `limits`"),
    (Guard, CONFIGURATION, "key of `guard`"),
]


@pytest.mark.parametrize("root,text,head", TABLES, ids=[root.__name__ for root, _, _ in TABLES])
def test_every_key_is_in_its_table_and_no_other(root: type[Part], text: str, head: str) -> None:
    assert list(_rows(text, head)) == list(_fields(root))


@pytest.mark.parametrize("root,text,head", TABLES, ids=[root.__name__ for root, _, _ in TABLES])
def test_a_documented_default_is_the_default(root: type[Part], text: str, head: str) -> None:
    fields = _fields(root)
    for key, row in _rows(text, head).items():
        default = row[2]
        if default.startswith("required"):
            assert fields[key].is_required(), key
        elif default == "none":
            assert fields[key].default in (None, ()), key
        else:
            written_out = _with(LEAST[root], key, yaml.safe_load(default.strip("`")))
            assert not fields[key].is_required(), key
            assert root.model_validate(written_out) == root.model_validate(LEAST[root]), key


@pytest.mark.parametrize("name", [name for name, text in TEXTS.items() if "```yaml" in text])
def test_every_yaml_example_is_a_faultless_configuration(name: str, tmp_path: Path) -> None:
    blocks = _blocks(TEXTS[name], "yaml")
    policies = [block for block in blocks if block.startswith("policy:")]
    (tmp_path / "policies").mkdir()
    for number, policy in enumerate(policies):
        (tmp_path / "policies" / f"{number}.yaml").write_text(policy)
    for pem in re.findall(r"[\w-]+\.(?:pem|key)\b", TEXTS[name]):
        (tmp_path / pem).touch()
    host = "storage-1.example.com"  # long enough to be a token, too
    environment = dict.fromkeys(re.findall(r"\$\{([A-Z0-9_]+)\}", TEXTS[name]), host)
    loaded = 0
    for block in blocks:
        if block not in policies:
            (tmp_path / "s3edge.yaml").write_text(block)
            loaded += len(load(tmp_path / "s3edge.yaml", environment).policies)
    assert loaded == len(policies)


@pytest.mark.parametrize("command", ["serve", "check", "explain", "demo", "top"])
def test_the_readme_names_every_flag_of_a_command_and_no_other(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        cli.main([command, "--help"])
    _, _, options = capsys.readouterr().out.partition("options:")
    known = set(re.findall(r"^  (?:-h, )?(--[a-z-]+)", options, re.MULTILINE)) - {"--help"}
    assert _documented_flags()[command] == known


def test_every_printed_s3edge_command_is_understood() -> None:
    commands = [
        line
        for text in TEXTS.values()
        for line in "".join(_blocks(text, "sh")).splitlines()
        if line.startswith("s3edge ")
    ]
    assert commands
    for command in commands:
        cli._parser().parse_args(shlex.split(command)[1:])


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {name for text in TEXTS.values() for name in re.findall(r"(?:`|^)make ([a-z-]+)", text, re.MULTILINE)}
    assert "demo" in named
    assert named <= targets


def test_the_documentation_names_every_admin_path_and_no_other() -> None:
    router = AdminSite(QuietEdge())._runner.app.router
    assert set(_rows(OPERATIONS, "admin path")) == {resource.canonical for resource in router.resources()}


def test_the_table_of_the_access_log_names_its_fields_in_their_order() -> None:
    assert tuple(_rows(OPERATIONS, "field")) == FIELDS


def test_the_table_of_events_names_every_kind_and_the_table_of_outcomes_every_end() -> None:
    kinds = [kind.__name__ for kind in Event.__subclasses__()]
    assert list(_rows(OPERATIONS, "event")) == list(dict.fromkeys(kinds))  # `slots=True` makes each class twice
    outcomes = {name: row[2] == "yes" for name, row in _rows(OPERATIONS, "outcome").items()}
    assert outcomes == {end.value: end.is_nodes_fault for end in End}


def test_every_metric_that_is_mentioned_exists() -> None:
    mentioned = {name for text in TEXTS.values() for name in re.findall(r"\bs3edge_[a-z_]+", text)}
    assert mentioned <= FAMILIES.keys()


def test_every_python_example_is_python() -> None:
    examples = [block for text in TEXTS.values() for block in _blocks(text, "python")]
    assert len(examples) >= 4
    for example in examples:
        ast.parse(example)


@pytest.mark.parametrize("name", [*TEXTS, "policies/README.md"])
def test_every_link_inside_the_project_leads_somewhere(name: str) -> None:
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)", (ROOT / name).read_text()):
        path = ((ROOT / name).parent / target).resolve() if target else ROOT / name
        assert path.exists(), target
        assert not anchor or anchor in _anchors(path.read_text()), f"{target}#{anchor}"


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) <= 250


def _tables(text: str) -> Iterator[list[list[str]]]:
    """The tables of a text, each a list of rows of cells, without the line below its head."""
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        yield [
            [cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if "|---" not in line
        ]


def _rows(text: str, head: str) -> dict[str, list[str]]:
    """The rows of the one table whose first column is called `head`, by what their first cell says."""
    [table] = [table for table in _tables(text) if table[0][0] == head]
    rows = {row[0].strip("`"): row for row in table[1:]}
    assert len(rows) == len(table) - 1
    return rows


def _blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def _anchors(text: str) -> set[str]:
    """The anchors that GitHub gives headings."""
    headings = re.findall(r"^#+ (.*)", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _documented_flags() -> dict[str, set[str]]:
    """The flags in the table of commands; a row without a command goes on with the one before."""
    [table] = [table for table in _tables(README) if table[0][0] == "command"]
    flags: dict[str, set[str]] = {}
    command = ""
    for row in table[1:]:
        command = row[0].strip("`").split()[1] if row[0] else command
        flags.setdefault(command, set()).update(re.findall(r"--[a-z-]+", row[1]))
    return flags


def _fields(model: type[Part], prefix: str = "") -> dict[str, FieldInfo]:
    """The fields below a model by key, such as `clusters[].name`; a part with a table of its own is one field."""
    found: dict[str, FieldInfo] = {}
    for name, field in model.model_fields.items():
        key = prefix + name
        part = next(_parts(field.annotation), None)
        if part is None or part in LEAST or part is Limits:
            found[key] = field
        else:
            found |= _fields(part, f"{key}[]." if get_origin(field.annotation) is tuple else f"{key}.")
    return found


def _parts(annotation: object) -> Iterator[type[Part]]:
    if isinstance(annotation, type) and issubclass(annotation, Part):
        yield annotation
    for argument in get_args(annotation):
        yield from _parts(argument)


def _with(data: dict[str, Any], key: str, value: object) -> dict[str, Any]:
    """The data with the value at a key, in which `name[]` stands for the first entry of a list."""
    name, dot, rest = key.partition(".")
    if not dot:
        return {**data, name: value}
    if name.endswith("[]"):
        name = name.removesuffix("[]")
        return {**data, name: [_with(data[name][0], rest, value), *data[name][1:]]}
    return {**data, name: _with(data.get(name, {}), rest, value)}
