"""What a result was measured on; figures of different machines do not compare."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path

VERSION_COMMANDS = {"haproxy": ["haproxy", "-v"], "nginx": ["nginx", "-v"], "sidekick": ["sidekick", "--version"]}


def describe_machine() -> dict[str, str]:
    """Processor, cores, kernel, versions and the time, as text."""
    facts = {
        "measured": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "kernel": platform.release(),
        "python": platform.python_version(),
    }
    return facts | {name: _first_line(argv) for name, argv in VERSION_COMMANDS.items()}


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()


def _first_line(argv: list[str]) -> str:
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=10, check=False)
    except FileNotFoundError:
        return "not installed"
    return next(iter((done.stdout + done.stderr).splitlines()), "says nothing")
