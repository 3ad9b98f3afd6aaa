"""Clients that are programs: where they are, and one run of them."""

import os
import re
import shutil
import subprocess
import sysconfig
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

from loadtests.matrix.client import Missing
from loadtests.matrix.clients import INSTALL


def find(client: str, name: str, version: str = "", folders: Iterable[str] | None = None) -> str:
    """The program `name` of the environment that this Python runs in, else on PATH; of a version, if it matters.

    `version` is a pattern of how what it says of its version begins; `folders` are where to look instead. Raises
    Missing.
    """
    for folder in folders or (sysconfig.get_path("scripts"), *os.get_exec_path()):
        program = shutil.which(name, path=folder)
        if program and (not version or re.match(version, run(program, "--version").decode())):
            return program
    raise Missing(f"no {name}{' that is new enough' if version else ''}; {INSTALL[client]}")


def run(*argv: str, environment: Mapping[str, str] | None = None) -> bytes:
    """What a program prints; `environment` is added to ours. Raises CalledProcessError, OSError."""
    variables = os.environ | {"PYTHONUTF8": "1"} | dict(environment or {})
    return subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, check=True, env=variables).stdout


class Program:
    """A client that is run once for each action. Its home is `folder`, where no settings of the user's own are."""

    reads: Literal["bytes", "parquet"] = "bytes"

    def __init__(self, argv: tuple[str, ...], folder: Path, environment: Mapping[str, str]) -> None:
        self._argv = argv
        self._environment = {"HOME": str(folder), **environment}
        self._body = folder / "body"

    def _run(self, *arguments: str) -> bytes:
        return run(*self._argv, *arguments, environment=self._environment)

    def _print(self, *arguments: str) -> str:
        """What it prints, as text."""
        return self._run(*arguments).decode()

    def _file(self, body: bytes) -> str:
        """The path of a file with `body`, for the program to read or to change."""
        self._body.write_bytes(body)
        return str(self._body)

    def _no_file(self) -> str:
        """The path at which the program is to make a file."""
        self._body.unlink(missing_ok=True)
        return str(self._body)
