"""The lab as a whole: one monitor, one storage daemon, several gateways that share one cluster."""

import fcntl
import json
import os
import shutil
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from loadtests.ceph.daemon import Daemon
from loadtests.ceph.settings import MONITOR_PORTS, ceph_conf
from loadtests.child import ChildError
from loadtests.ports import answers

PROGRAMS = {
    "ceph": "ceph-common",
    "ceph-authtool": "ceph-common",
    "monmaptool": "ceph-common",
    "ceph-mon": "ceph-mon",
    "ceph-osd": "ceph-osd",
    "radosgw": "radosgw",
    "radosgw-admin": "radosgw",
}
"""What the lab runs, and the Debian package that holds it."""

USER = "lab"
ACCESS_KEY = "S3EDGELABKEY00000001"
SECRET_KEY = "s3edge-lab-secret-which-protects-nothing"
REGION = "us-east-1"

BUCKET_POOLS = ("default.rgw.buckets.index", "default.rgw.buckets.data", "default.rgw.buckets.non-ec")
"""A gateway makes these at the first upload, which then takes seconds; so they are made before."""

COMMAND_SECONDS = 120
LOCK_SECONDS = 120


class LabError(ChildError):
    """The lab is not as asked; the text says what failed and where to look."""


@dataclass(frozen=True)
class Access:
    """How a client reaches the lab: every endpoint serves every object."""

    endpoints: tuple[str, ...]
    access_key: str = ACCESS_KEY
    secret_key: str = SECRET_KEY
    region: str = REGION

    def environment(self) -> str:
        """For `source`, in the names that S3 clients read."""
        return (
            f'S3_ENDPOINTS="{" ".join(self.endpoints)}"\n'
            f"AWS_ACCESS_KEY_ID={self.access_key}\n"
            f"AWS_SECRET_ACCESS_KEY={self.secret_key}\n"
            f"AWS_DEFAULT_REGION={self.region}\n"
        )


def default_folder() -> Path:
    """Where the lab lives unless told: $CEPH_LAB, or a folder that survives a restart of the machine."""
    return Path(os.environ.get("CEPH_LAB", "/var/tmp/s3edge-ceph"))


def missing_programs() -> dict[str, str]:
    """Those of PROGRAMS that are not there, with their packages."""
    return {program: package for program, package in PROGRAMS.items() if shutil.which(program) is None}


@dataclass(frozen=True)
class Lab:
    """A cluster whose files are all in `folder`. `up` and `down` may be called in any state and at once by several."""

    folder: Path = field(default_factory=default_folder)
    gateways: int = 4
    first_port: int = 7481
    report: Callable[[str], None] = print

    @property
    def config(self) -> Path:
        return self.folder / "ceph.conf"

    @property
    def gateway_ports(self) -> range:
        return range(self.first_port, self.first_port + self.gateways)

    @property
    def access(self) -> Access:
        return Access(tuple(f"http://127.0.0.1:{port}" for port in self.gateway_ports))

    @property
    def monitor(self) -> Daemon:
        return self._daemon("mon.a", "ceph-mon", "-i", "a")

    @property
    def storage(self) -> Daemon:
        return self._daemon("osd.0", "ceph-osd", "-i", "0")

    def gateway(self, number: int) -> Daemon:
        """One of the gateways, counted from 1."""
        return self._daemon(f"rgw.{number}", "radosgw", "-n", f"client.rgw.{number}")

    def up(self) -> Access:
        """Start all that is not running; the first time that takes some seconds more. Raises LabError."""
        missing = missing_programs()
        if missing:
            packages = " ".join(sorted(set(missing.values())))
            hint = f"on Debian: apt-get install --no-install-recommends {packages}"
            raise LabError(f"not found: {', '.join(missing)}\n{hint}")
        with self._locked():
            self._write_config()
            self._start_monitor()
            self._start_storage()
            self._once("user", self._create_user)
            self._once("pools", self._create_pools)
            self._start_gateways()
            (self.folder / "s3.env").write_text(self.access.environment())
        return self.access

    def add_key(self, access_key: str, secret_key: str) -> None:
        """One more key of the lab's user, or another secret for a key that it has. Raises LabError."""
        keys = ["--access-key", access_key, "--secret-key", secret_key]
        self._run("radosgw-admin", "-c", str(self.config), "key", "create", "--uid", USER, "--key-type", "s3", *keys)

    def down(self, wipe: bool = False) -> None:
        """End all that runs, gateways first; with `wipe`, delete `folder`'s contents as well. Raises LabError."""
        if not self.config.exists():
            return
        with self._locked():
            for pid_file in sorted(self._made("run").glob("rgw.*.pid")):
                self.gateway(int(pid_file.name.split(".")[1])).stop()
            self.storage.stop()
            self.monitor.stop()
            if wipe:
                self._wipe()

    def _daemon(self, name: str, program: str, *arguments: str) -> Daemon:
        return Daemon(name, (program, "-f", "-c", str(self.config), *arguments), self.config, self.folder)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.folder.mkdir(parents=True, exist_ok=True)
        deadline = time.monotonic() + LOCK_SECONDS
        with (self.folder / "lock").open("w") as lock:
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise LabError(f"{self.folder} is in use by another command since {LOCK_SECONDS} s") from None
                    time.sleep(0.1)
            yield

    def _made(self, name: str) -> Path:
        path = self.folder / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def _once(self, name: str, step: Callable[[], None]) -> None:
        """Run a step of the first start, unless it has been done in this folder."""
        mark = self._made("data") / f"{name}.done"
        if not mark.exists():
            self.report(f"first start: {name}")
            step()
            mark.touch()

    def _write_config(self) -> None:
        for name in ("run", "log", "data"):
            self._made(name)
        identity = self.folder / "data" / "fsid"
        if not identity.exists():
            identity.write_text(str(uuid.uuid4()))
        self.config.write_text(ceph_conf(identity.read_text(), self.folder, self.gateway_ports))

    def _start_monitor(self) -> None:
        self._once("monitor", self._make_monitor)
        self._start(self.monitor)
        self._await("the monitor", self.monitor, lambda: self._state("mon.a", "mon_status") == "leader")

    def _make_monitor(self) -> None:
        data = self.folder / "data"
        map_file, keyring = data / "monmap", data / "keyring"
        shutil.rmtree(data / "mon.a", ignore_errors=True)
        v2, v1 = MONITOR_PORTS
        address = f"[v2:127.0.0.1:{v2},v1:127.0.0.1:{v1}]"
        map_arguments = ["--create", "--clobber", "--fsid", (data / "fsid").read_text(), "--addv", "a", address]
        self._run("monmaptool", *map_arguments, "--set-min-mon-release", "pacific", str(map_file))
        # Nobody asks for keys here, but a monitor is not made without a keyring.
        self._run(
            "ceph-authtool", "--create-keyring", str(keyring), "--gen-key", "-n", "mon.", "--cap", "mon", "allow *"
        )
        made_from = ["--monmap", str(map_file), "--keyring", str(keyring)]
        self._run("ceph-mon", "-c", str(self.config), "-i", "a", "--mkfs", *made_from)

    def _start_storage(self) -> None:
        self._once("storage", self._make_storage)
        self._start(self.storage)
        self._await("the storage daemon", self.storage, lambda: self._state("osd.0", "status") == "active")

    def _make_storage(self) -> None:
        folder = self.folder / "data" / "osd.0"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        identity = str(uuid.uuid4())
        self._ceph("osd", "new", identity, "0")
        self._run("ceph-osd", "-c", str(self.config), "-i", "0", "--mkfs", "--osd-uuid", identity)

    def _create_user(self) -> None:
        """Also makes the zone and its pools, once, before several gateways would race for it."""
        admin = ["radosgw-admin", "-c", str(self.config), "user"]
        if f'"{USER}"' in self._run(*admin, "list"):  # an earlier start got this far and no further
            return
        keys = ["--access-key", ACCESS_KEY, "--secret-key", SECRET_KEY]
        self._run(*admin, "create", "--uid", USER, "--display-name", USER, *keys)

    def _create_pools(self) -> None:
        for pool in BUCKET_POOLS:
            self._ceph("osd", "pool", "create", pool, "8", "8", "replicated")
            self._ceph("osd", "pool", "application", "enable", pool, "rgw")

    def _start_gateways(self) -> None:
        numbered = list(enumerate(self.gateway_ports, start=1))
        for number, _ in numbered:
            self._made(f"data/client.rgw.{number}")
            self._start(self.gateway(number))
        for number, port in numbered:
            self._await(f"gateway {number}", self.gateway(number), partial(answers, port, "/"))

    def _start(self, daemon: Daemon) -> None:
        if daemon.start():
            self.report(f"started {daemon.name}")

    def _await(self, what: str, daemon: Daemon, is_ready: Callable[[], bool], seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not is_ready():
            if time.monotonic() > deadline or daemon.pid() is None:
                raise LabError(f"{what} did not come up; see {daemon.output} and {daemon.folder}/log")
            time.sleep(0.1)

    def _state(self, name: str, question: str) -> str:
        """What a daemon says of itself on its own socket; empty while it cannot be asked."""
        try:
            answer = self._run("ceph", "--admin-daemon", str(self.folder / "run" / f"{name}.asok"), question)
            return str(json.loads(answer)["state"])
        except (LabError, ValueError, KeyError):
            return ""

    def _ceph(self, *words: str) -> None:
        self._run("ceph", "-c", str(self.config), "--connect-timeout", "20", *words)

    def _run(self, *argv: str) -> str:
        """Run a command to its end and return what it printed. LabError when it fails."""
        environment: Mapping[str, str] = os.environ | {"CEPH_CONF": str(self.config)}
        try:
            done = subprocess.run(
                argv, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False, env=environment
            )
        except subprocess.TimeoutExpired as error:
            raise LabError(f"{argv[0]} did not end within {COMMAND_SECONDS} s: {' '.join(argv)}") from error
        if done.returncode:
            raise LabError(f"{' '.join(argv)}: exit code {done.returncode}\n{done.stderr.strip()}")
        return done.stdout

    def _wipe(self) -> None:
        for name in ("run", "log", "data"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
        for file in (self.config, self.folder / "s3.env"):
            file.unlink(missing_ok=True)
