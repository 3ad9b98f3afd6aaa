"""What the drivers of command line programs share."""

import os
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.wire.drivers.driver import Driver
from tests.wire.endpoint import Endpoint

SECONDS = 50  # one call of a program; below pytest's own limit, so that the program's words are shown


class CommandFailed(Exception):
    """A program ended with another status than 0; the text is what it printed."""


class CommandLine(Driver):
    """A program that is installed beside the Python that runs the tests."""

    program: str

    def __init__(self, endpoint: Endpoint, bucket: str) -> None:
        super().__init__(endpoint, bucket)
        self._folder = TemporaryDirectory()
        self.folder = Path(self._folder.name)
        self._program = Path(sysconfig.get_path("scripts")) / self.program
        assert self._program.exists(), f"{self._program} is missing: install the extra `dev` of s3edge"

    def close(self) -> None:
        self._folder.cleanup()

    def run(self, *arguments: str, environment: Mapping[str, str] | None = None) -> str:
        """Standard output of one call; CommandFailed when it does not end with status 0."""
        done = subprocess.run(
            [sys.executable, str(self._program), *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS,
            encoding="utf-8",
            check=False,
            env=os.environ | {"PYTHONUTF8": "1", "HOME": str(self.folder)} | dict(environment or {}),
        )
        if done.returncode != 0:
            raise CommandFailed(f"{self.program} {arguments}: status {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def file(self, body: bytes = b"") -> Path:
        """A file with `body` for the program to read, or to overwrite."""
        path = self.folder / "body"
        path.write_bytes(body)
        return path
