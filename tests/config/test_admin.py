"""The admin address: its token, which nothing shows, and what needs one."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from s3edge.config.admin import SHORTEST_TOKEN, TOKEN_ALLOWED, Admin, Protect, parse_token
from s3edge.config.fault import Faults, Refused
from s3edge.config.files import ConfigFiles
from s3edge.config.flags import Flags
from s3edge.config.load import load
from s3edge.config.model import Config

TOKEN = "s3cr3t-of-the-operator"
NODES = "clusters: [{name: c, nodes: ['http://n']}]\n"
FLAGS = Flags(nodes=("http://n",))
PUBLIC = (
    "which other machines may reach, and no token; allowed: an address of loopback, such as 127.0.0.1:9090; "
    "any other with admin.token or the environment variable S3EDGE_ADMIN_TOKEN"
)


def loaded(folder: Path, admin: str, environment: Mapping[str, str] | None = None) -> Admin:
    """What a configuration file says, whose third line is `admin`."""
    file = folder / "f"
    file.write_text(f"workers: 1\n{NODES}{admin}\n")
    return load(file, environment or {}).admin


def faults_of(folder: Path, admin: str, environment: Mapping[str, str] | None = None) -> list[str]:
    with pytest.raises(Faults) as caught:
        loaded(folder, admin, environment)
    return [str(fault).removeprefix(f"{folder}/") for fault in caught.value.faults]


def token_of(admin: Admin) -> str | None:
    return None if admin.token is None else admin.token.get_secret_value()


@pytest.mark.parametrize("token", ["x" * 16, "AZaz09._~+/-AZaz==", "x" * 1024, "9" * 15 + "a"])
def test_a_token_is_what_an_authorization_field_can_carry(token: str) -> None:
    assert token_of(Admin.model_validate({"token": token})) == token


@pytest.mark.parametrize(
    "token,found",
    [
        ("", "a token that is too short"),
        ("x" * (SHORTEST_TOKEN - 1), "a token that is too short"),
        ("x" * 1025, "a token that is too long"),
        (f"{TOKEN} {TOKEN}", "a token with other characters"),
        (f"{TOKEN}\n", "a token with other characters"),
        (f"{TOKEN}=x", "a token with other characters"),
        (f"{TOKEN}é", "a token with other characters"),
        (f"{TOKEN}$(id)", "a token with other characters"),
        (1234567890123456, "a token that YAML reads as a number: quote it"),
        (True, "a token that is no text"),
        ([TOKEN], "a token that is no text"),
        ({"value": TOKEN}, "a token that is no text"),
    ],
)
def test_what_is_no_token_is_refused_without_being_shown(token: object, found: str) -> None:
    with pytest.raises(Refused) as caught:
        parse_token(token)
    assert (caught.value.found, caught.value.allowed, caught.value.hint) == (found, TOKEN_ALLOWED, "")


def test_no_text_json_or_error_has_the_token(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_text(NODES + f"admin: {{token: {TOKEN}}}\n")
    config = load(file, {})
    for text in (str(config), repr(config), str(config.model_dump()), config.model_dump_json(), repr(config.admin)):
        assert TOKEN not in text
    with pytest.raises(ValidationError) as caught:
        Config.model_validate({"admin": {"token": TOKEN, "adress": 1}, "clusters": [TOKEN]})
    assert TOKEN not in str(caught.value)
    assert TOKEN not in repr(caught.value)


def test_a_worker_gets_all_but_the_token() -> None:
    config = load(None, {"S3EDGE_ADMIN_TOKEN": TOKEN}, FLAGS)
    again = Config.model_validate_json(config.model_dump_json())
    assert again.admin.token is None
    assert again.model_copy(update={"admin": config.admin}) == config
    assert json.loads(config.model_dump_json())["admin"]["protect"] == "changes"


@pytest.mark.parametrize(
    "admin,environment,token",
    [
        (f"admin: {{token: {TOKEN}}}", {}, TOKEN),
        ("admin: {token: '${SECRET}'}", {"SECRET": TOKEN}, TOKEN),
        ("", {"S3EDGE_ADMIN_TOKEN": TOKEN}, TOKEN),
        ("admin: {protect: all}", {"S3EDGE_ADMIN_TOKEN": TOKEN}, TOKEN),
        ("admin: {token: null}", {"S3EDGE_ADMIN_TOKEN": TOKEN}, TOKEN),
        ("admin: {token: the-one-in-the-file}", {"S3EDGE_ADMIN_TOKEN": TOKEN}, "the-one-in-the-file"),
        ("", {"S3EDGE_ADMIN_TOKEN": ""}, None),
        ("admin: {token: null}", {}, None),
    ],
)
def test_the_environment_gives_the_token_where_the_file_does_not(
    admin: str, environment: dict[str, str], token: str | None, tmp_path: Path
) -> None:
    assert token_of(loaded(tmp_path, admin, environment)) == token


def test_flags_alone_take_the_token_from_the_environment_at_every_load() -> None:
    files = ConfigFiles(None, {"S3EDGE_ADMIN_TOKEN": TOKEN}, Flags(nodes=("http://n",), admin="0.0.0.0:9090"))
    assert files.load() == files.load()
    assert files.load().admin.token == SecretStr(TOKEN)


@pytest.mark.parametrize(
    "admin,environment,fault",
    [
        ("admin: {token: hunter2}", {}, "f:3: admin.token: found a token that is too short"),
        (
            "admin: {token: 1234567890123456}",
            {},
            "f:3: admin.token: found a token that YAML reads as a number: quote it",
        ),
        ("admin: {token: '${T}'}", {"T": "hunter2"}, "f:3: admin.token: found a token that is too short"),
        ("admin: {token: '${T}'}", {"T": ""}, "f:3: admin.token: found a token that is too short"),
        (
            "admin: {address: ':9090'}",
            {"S3EDGE_ADMIN_TOKEN": "hunter2"},
            "the environment variable S3EDGE_ADMIN_TOKEN: found a token that is too short",
        ),
        (
            "",
            {"S3EDGE_ADMIN_TOKEN": "hunter2hunter2 hunter2"},
            "the environment variable S3EDGE_ADMIN_TOKEN: found a token with other characters",
        ),
    ],
)
def test_a_bad_token_is_told_by_its_place_alone(
    admin: str, environment: dict[str, str], fault: str, tmp_path: Path
) -> None:
    assert faults_of(tmp_path, admin, environment) == [f"{fault}; allowed: {TOKEN_ALLOWED}"]


def test_a_token_from_a_variable_that_is_not_set_is_one_fault(tmp_path: Path) -> None:
    line = "admin: {address: ':9090', token: '${UNSET}', protect: all}"
    assert faults_of(tmp_path, line, {"S3EDGE_ADMIN_TOKEN": TOKEN}) == [
        "f:3: admin.token: found ${UNSET}, which is not set; allowed: a variable of the environment; set UNSET"
    ]


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1:9090", "127.255.0.1:9090", "[::1]:9090", "localhost:9090", "LOCALHOST:9090", "[::ffff:127.0.0.1]:9090"],
)
def test_on_loopback_no_token_is_needed(address: str, tmp_path: Path) -> None:
    assert loaded(tmp_path, f"admin: {{address: '{address}'}}") == Admin.model_validate({"address": address})


BEYOND = [
    "0.0.0.0:9090", ":9090", "[::]:9090", "10.0.0.5:9090", "[fd00::5]:9090", "[::ffff:10.0.0.5]:9090", "edge:9090",
    "localhost.example.com:9090", "app.localhost:9090", "127.1:9090", "0:9090", "128.0.0.1:9090", "[::2]:9090",
]  # fmt: skip


@pytest.mark.parametrize("address", BEYOND)
def test_beyond_loopback_a_token_is_needed(address: str, tmp_path: Path) -> None:
    line = f"admin: {{address: '{address}'}}"
    assert faults_of(tmp_path, line) == [f'f:3: admin.address: found "{address}", {PUBLIC}']
    assert token_of(loaded(tmp_path, line, {"S3EDGE_ADMIN_TOKEN": TOKEN})) == TOKEN


@pytest.mark.parametrize("path", [None, "f"])
def test_a_flag_beyond_loopback_needs_a_token_too(path: str | None, tmp_path: Path) -> None:
    (tmp_path / "f").write_text(NODES)
    flags = Flags(admin=":9090") if path else Flags(admin=":9090", nodes=("http://n",))
    with pytest.raises(Faults) as caught:
        load(tmp_path / path if path else None, {}, flags)
    assert str(caught.value) == f'--admin: found ":9090", {PUBLIC}'


def test_protecting_all_needs_a_token(tmp_path: Path) -> None:
    assert faults_of(tmp_path, "admin: {protect: all}") == [
        'f:3: admin.protect: found "all", and no token; '
        "allowed: all with admin.token or the environment variable S3EDGE_ADMIN_TOKEN"
    ]
    assert loaded(tmp_path, "admin: {protect: all}", {"S3EDGE_ADMIN_TOKEN": TOKEN}).protect is Protect.ALL


@pytest.mark.parametrize(
    "admin,fault",
    [
        ("admin: {protect: al}", 'f:3: admin.protect: found "al"; allowed: changes, all; did you mean all?'),
        (
            "admin: {hosts: ['http://edge']}",
            'f:3: admin.hosts[0]: found "http://edge"; '
            "allowed: a DNS name without scheme and port, such as s3.example.com",
        ),
    ],
)
def test_other_keys_are_checked(admin: str, fault: str, tmp_path: Path) -> None:
    assert faults_of(tmp_path, admin) == [fault]


def test_flags_alone_leave_it_on_loopback_where_nobody_can_change_anything() -> None:
    assert load(None, {}, FLAGS).admin == Admin()
    assert (str(Admin().address), Admin().token, Admin().protect) == ("127.0.0.1:9090", None, Protect.CHANGES)
