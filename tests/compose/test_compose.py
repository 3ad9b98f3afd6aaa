"""compose/ as a whole: valid, pinned, closed, and in agreement with the files that it mounts."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from s3edge.config.load import load
from s3edge.config.model import Config
from s3edge.config.units import MIB
from tests.compose.project import COMPOSE, COMPOSE_FILE, ROOT, env_file, mounts, project, required_variables

PROJECT = project()
SERVICES: dict[str, dict[str, Any]] = PROJECT["services"]
CALM, CHAOS = (".env.example",), (".env.example", "chaos.env")
BY_PROFILE = {"toxiproxy": "chaos", "chaos": "chaos", "load": "load"}


def edge_config(*env_files: str) -> Config:
    return load(COMPOSE / "s3edge" / "s3edge.yaml", env_file(*env_files))


def schema_faults(file: Path) -> str:
    """What the Compose Specification's own schema says against a file; nothing if it is good."""
    argv = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(file)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout if done.returncode else ""


def compose_program() -> list[str] | None:
    """How Compose is called here, if at all; `config` needs no engine."""
    for program in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(program[0]):
            done = subprocess.run([*program, "version", "--short"], capture_output=True, text=True, check=False)
            if done.returncode == 0 and done.stdout.lstrip("v").split(".")[0] not in ("", "1"):
                return program
    return None


def test_the_file_is_valid_by_the_schema_of_the_compose_specification() -> None:
    assert schema_faults(COMPOSE_FILE) == ""


def test_that_schema_finds_a_mistyped_key(tmp_path: Path) -> None:
    mistyped = tmp_path / "compose.yaml"
    mistyped.write_text(COMPOSE_FILE.read_text().replace("stop_grace_period:", "stop_grace_time:"))
    assert "stop_grace_time" in schema_faults(mistyped)


@pytest.mark.wire
@pytest.mark.parametrize(
    "files, chosen", [(CALM, set(SERVICES) - set(BY_PROFILE)), (CHAOS, set(SERVICES))], ids=["calm", "chaos"]
)
def test_compose_itself_takes_the_project(files: tuple[str, ...], chosen: set[str]) -> None:
    program = compose_program()
    if program is None:
        pytest.skip("no Compose version 2 here")
    options = [word for file in files for word in ("--env-file", file)]
    argv = [*program, *options, "config", "--format", "json"]
    ours = {name: value for name, value in os.environ.items() if name not in env_file(*CHAOS)}
    done = subprocess.run(argv, cwd=COMPOSE, env=ours, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["services"]
    assert set(found) == chosen
    assert found["s3edge"]["environment"]["STORAGE_NODES"] == env_file(*files)["STORAGE_NODES"]


@pytest.mark.parametrize("name", SERVICES)
def test_an_image_is_built_here_or_pinned_to_a_release(name: str) -> None:
    image = SERVICES[name]["image"]
    assert image == "s3edge:local" or re.fullmatch(
        r"[a-z0-9./-]+:(v?[0-9]+\.[0-9]+\.[0-9]+|RELEASE\.[0-9TZ-]+)(@sha256:[0-9a-f]{64})?", image
    )


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_can_neither_write_its_image_nor_gain_rights_nor_eat_the_machine(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    limits = service["deploy"]["resources"]["limits"]
    assert float(limits["cpus"]) <= 2
    assert re.fullmatch(r"[0-9]+[MG]", limits["memory"])
    assert not any("docker.sock" in source for source in mounts(service).values())


def test_nothing_is_published_beyond_loopback() -> None:
    ports = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert set(ports) == {"s3edge", "prometheus", "grafana"}
    assert all(port.startswith("127.0.0.1:") for each in ports.values() for port in each)


def test_the_ports_of_the_host_differ() -> None:
    published = [port.split(":")[1] for service in SERVICES.values() for port in service.get("ports", [])]
    assert len(set(published)) == len(published) == 4


def test_no_secret_stands_in_the_file() -> None:
    text = COMPOSE_FILE.read_text()
    secrets = re.findall(r"^ +(\w*(?:SECRET|PASSWORD|TOKEN|USER)\w*): *(.*)$", text, re.MULTILINE)
    assert len(secrets) >= 6
    for name, value in secrets:
        assert re.search(r"\$\{\w+:\?", value) or value.startswith("*"), name


def test_the_example_gives_all_that_the_file_asks_for_and_the_real_one_stays_out_of_git() -> None:
    assert required_variables() <= set(env_file(".env.example"))
    assert ".env" in (ROOT / ".gitignore").read_text().splitlines()


def test_the_example_secrets_are_such_as_the_storage_and_the_admin_address_take() -> None:
    example = env_file(".env.example")
    of_storage = [name for name in example if name.endswith("SECRET_KEY") or name == "MINIO_ROOT_PASSWORD"]
    assert len(of_storage) == 3
    assert all(8 <= len(example[name]) <= 40 for name in of_storage)
    assert re.fullmatch(r"[A-Za-z0-9._~+/-]{16,}", example["S3EDGE_ADMIN_TOKEN"])


@pytest.mark.parametrize("name", SERVICES)
def test_every_file_that_is_mounted_exists_and_is_read_only(name: str) -> None:
    for volume in SERVICES[name].get("volumes", []):
        source, _, *mode = volume.split(":")
        if source.startswith("."):
            assert (COMPOSE / source).exists(), source
            assert mode == ["ro"], volume
        else:
            assert source in PROJECT["volumes"]


@pytest.mark.parametrize("name", SERVICES)
def test_who_waits_for_a_healthy_service_waits_for_one_that_is_checked(name: str) -> None:
    for other, rule in SERVICES[name].get("depends_on", {}).items():
        if rule["condition"] == "service_healthy":
            # The image of s3edge brings its check.
            assert other == "s3edge" or "test" in SERVICES[other]["healthcheck"], other
        if "profiles" in SERVICES[other] and "profiles" not in SERVICES[name]:
            assert rule["required"] is False


def test_profiles_start_what_they_are_called_for() -> None:
    assert {name: service["profiles"] for name, service in SERVICES.items() if "profiles" in service} == {
        name: [profile] for name, profile in BY_PROFILE.items()
    }
    assert set(env_file("chaos.env")["COMPOSE_PROFILES"].split(",")) == set(BY_PROFILE.values())


def test_the_nodes_form_one_erasure_set_and_are_all_behind_s3edge() -> None:
    minio = {name: service for name, service in SERVICES.items() if name.startswith("minio")}
    assert list(minio) == ["minio1", "minio2", "minio3", "minio4"]
    assert {service["command"][-1] for service in minio.values()} == {"http://minio{1...4}:9000/data"}
    assert [mounts(service) for service in minio.values()] == [{"/data": name} for name in minio]
    (cluster,) = edge_config(*CALM).clusters
    assert [str(node.url) for node in cluster.nodes] == [f"http://{name}:9000" for name in minio]


def test_in_chaos_each_node_is_reached_through_its_proxy() -> None:
    proxies = json.loads((COMPOSE / "chaos" / "proxies.json").read_text())
    (cluster,) = edge_config(*CHAOS).clusters
    assert [str(node.url) for node in cluster.nodes] == [
        f"http://toxiproxy:{proxy['listen'].rpartition(':')[2]}" for proxy in proxies
    ]
    assert [proxy["upstream"] for proxy in proxies] == [f"minio{number}:9000" for number in range(1, 5)]


def test_s3edge_listens_where_its_ports_lead() -> None:
    config = edge_config(*CALM)
    inside = {int(port.rpartition(":")[2]) for port in SERVICES["s3edge"]["ports"]}
    assert inside == {config.listen.address.port, config.admin.address.port}
    assert {config.listen.address.host, config.admin.address.host} == {"0.0.0.0"}


def test_s3edge_fits_its_container_and_may_drain_before_it_is_killed() -> None:
    config, service = edge_config(*CALM), SERVICES["s3edge"]
    assert config.workers == float(service["deploy"]["resources"]["limits"]["cpus"])
    assert config.drain < float(service["stop_grace_period"].removesuffix("s"))
    assert service["deploy"]["resources"]["limits"]["memory"] == "1G"
    # What workers may keep of uploads, beside an interpreter of some 60 MiB each.
    assert config.workers * (64 + 60) * MIB < 1 << 30


def test_the_configuration_and_its_policies_lie_in_the_container_as_in_the_repository() -> None:
    service = SERVICES["s3edge"]
    folder, _, file = service["command"][-1].rpartition("/")
    assert mounts(service)[folder] == "./s3edge"
    assert (COMPOSE / "s3edge" / file).is_file()
    (pattern,) = yaml.safe_load((COMPOSE / "s3edge" / file).read_text())["policies"]
    in_container, in_repository = (
        os.path.normpath(Path(base, pattern).parent) for base in (folder, COMPOSE / "s3edge")
    )
    assert mounts(service)[in_container] == "../policies"
    assert in_repository == str(ROOT / "policies")


def test_the_tenants_of_the_policies_sign_with_the_keys_that_the_storage_is_given() -> None:
    tenants = {tenant.name: tenant.access_keys for tenant in edge_config(*CALM).tenants}
    environment = SERVICES["setup"]["environment"]
    assert tenants == {
        "rag": (environment["RAG_ACCESS_KEY"],),
        "training": (environment["TRAINING_ACCESS_KEY"],),
    }
    assert SERVICES["load"]["environment"].items() <= environment.items()


def test_check_names_no_fault_in_the_configuration() -> None:
    argv = [sys.executable, "-m", "s3edge", "check", str(COMPOSE / "s3edge" / "s3edge.yaml")]
    environment = os.environ | env_file(*CALM)
    done = subprocess.run(argv, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_prometheus_scrapes_the_admin_port_of_s3edge_by_its_name() -> None:
    document = yaml.safe_load((COMPOSE / "prometheus" / "prometheus.yml").read_text())
    targets = {job["job_name"]: job["static_configs"][0]["targets"] for job in document["scrape_configs"]}
    assert targets["s3edge"] == [f"s3edge:{edge_config(*CALM).admin.address.port}"]
    assert set(SERVICES["prometheus"]["networks"]) & set(SERVICES["s3edge"]["networks"])
    assert mounts(SERVICES["prometheus"])["/etc/prometheus"] == "./prometheus"
    for name in document["rule_files"]:
        assert (COMPOSE / "prometheus" / name).is_file()


@pytest.mark.wire
def test_promtool_takes_the_configuration_and_its_rules() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("no promtool here; it is in Debian's package prometheus")
    argv = [promtool, "check", "config", str(COMPOSE / "prometheus" / "prometheus.yml")]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_grafana_asks_prometheus_and_shows_the_dashboards_that_are_mounted() -> None:
    provisioning = COMPOSE / "grafana" / "provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources" / "prometheus.yaml").read_text())["datasources"]
    assert source["url"] == "http://prometheus:9090"
    (provider,) = yaml.safe_load((provisioning / "dashboards" / "s3edge.yaml").read_text())["providers"]
    folder = provider["options"]["path"]
    assert mounts(SERVICES["grafana"])[folder] == "./grafana/dashboards"
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home.startswith(f"{folder}/")
    assert json.loads((COMPOSE / "grafana" / "dashboards" / home.removeprefix(f"{folder}/")).read_text())["panels"]


def test_the_setup_script_is_good_shell_and_uses_only_what_it_is_given() -> None:
    script = COMPOSE / "minio" / "setup.sh"
    assert subprocess.run(["sh", "-n", str(script)], check=False, timeout=10).returncode == 0
    used = set(re.findall(r"\$\{?([A-Z_]+)", script.read_text()))
    assert used - {"STORAGE_URL"} <= set(SERVICES["setup"]["environment"])
