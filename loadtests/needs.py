"""The programs that load tests run but never install."""

import os
import resource
import shutil
from collections.abc import Iterable
from importlib.util import find_spec

SYSTEM_FOLDERS = "/usr/local/sbin:/usr/sbin:/sbin"
"""Debian puts servers here and leaves it out of an ordinary user's PATH."""


class Missing(Exception):
    """Something that is needed is not there; the text says what, and how to get it."""


def missing_programs(programs: Iterable[str], search: str) -> list[str]:
    """Those of `programs` that are not found in `search`, folders separated as in PATH."""
    return [program for program in programs if shutil.which(program, path=search) is None]


def install_hint(missing: Iterable[str], packages: Iterable[str]) -> str:
    """One line that says what is not there, and one to install it on Debian."""
    return f"not found: {', '.join(missing)}\non Debian: apt-get install --no-install-recommends {' '.join(packages)}"


def has_programs(*programs: str) -> bool:
    """Whether all `programs` are there; prints which are missing. Each is in the package of its own name."""
    os.environ["PATH"] = f"{os.environ.get('PATH', os.defpath)}:{SYSTEM_FOLDERS}"
    missing = missing_programs(programs, os.environ["PATH"])
    if missing:
        print(install_hint(missing, missing))
    return not missing


def require_packages(extra: str, *packages: str) -> None:
    """Raise Missing unless all Python `packages` are there; it names the extra of s3edge that brings them."""
    missing = [package for package in packages if find_spec(package) is None]
    if missing:
        raise Missing(f"not found: {', '.join(missing)}\nin a checkout: pip install '.[dev,{extra}]'")


def raise_descriptor_limit() -> int:
    """Allow this process and its children as many descriptors as the system lets them have; returns how many."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard
