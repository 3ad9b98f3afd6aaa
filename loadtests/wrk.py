"""Load by wrk: one thread, keep-alive connections, one object, and its figures as exact numbers."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from loadtests.nodes import MIB

ANSWER_SECONDS = 30
"""wrk counts an answer that takes longer as an error; its default of 2 s is short for 64 MiB beside other load."""

SPARE_SECONDS = 30
"""How much longer than its measured time wrk may run: a saturated machine ends late."""

_MARK = "s3edge-load "

_REPORT = """
done = function(summary, latency, requests)
    local errors = summary.errors
    io.write(string.format(
        '\\ns3edge-load {"requests": %d, "bytes": %.0f, "seconds": %.6f, "p50": %.6f, "p99": %.6f, '
        .. '"connect": %d, "read": %d, "write": %d, "status": %d, "timeout": %d}\\n',
        summary.requests, summary.bytes, summary.duration / 1e6,
        latency:percentile(50) / 1e6, latency:percentile(99) / 1e6,
        errors.connect, errors.read, errors.write, errors.status, errors.timeout))
end
"""

_PUT = """
wrk.method = "PUT"
wrk.body = string.rep("x", {size})
"""


class LoadError(Exception):
    """wrk did not run or reported nothing."""


@dataclass(frozen=True)
class Load:
    """What wrk did: whole answers, bytes read (heads included, partial answers too), seconds; latency in seconds.

    `errors` are the kinds of error that happened, with their counts; none in a good run.
    """

    requests: int
    bytes: int
    seconds: float
    p50: float
    p99: float
    errors: dict[str, int]


def parse_output(output: str) -> Load:
    """Find our report line in what wrk printed. Raises LoadError when it is not there or cannot be read."""
    line = next((line for line in output.splitlines() if line.startswith(_MARK)), None)
    if line is None:
        raise LoadError(f"no report in wrk's output:\n{output}")
    try:
        report = json.loads(line.removeprefix(_MARK))
        kinds = ("connect", "read", "write", "status", "timeout")
        return Load(
            requests=report["requests"],
            bytes=report["bytes"],
            seconds=report["seconds"],
            p50=report["p50"],
            p99=report["p99"],
            errors={kind: report[kind] for kind in kinds if report[kind]},
        )
    except (json.JSONDecodeError, KeyError) as error:
        raise LoadError(f"wrk's report cannot be read ({error!r}): {line}") from error


def run_wrk(url: str, connections: int, seconds: int, folder: Path, upload_bytes: int = 0, requests: str = "") -> Load:
    """GET `url` over and over on `connections` for `seconds`, or PUT `upload_bytes` to it. Raises LoadError.

    `requests` is Lua that says otherwise what each request is.
    """
    script = folder / f"wrk-{upload_bytes // MIB}.lua"
    script.write_text((_PUT.format(size=upload_bytes) if upload_bytes else "") + requests + _REPORT)
    argv = ["wrk", "--threads", "1", "--connections", str(connections), "--duration", f"{seconds}s"]
    argv += ["--timeout", f"{ANSWER_SECONDS}s", "--latency", "--script", str(script), url]
    try:
        result = subprocess.run(argv, capture_output=True, text=True, timeout=seconds + SPARE_SECONDS, check=True)
    except subprocess.TimeoutExpired as error:
        raise LoadError(f"wrk did not end within {seconds + SPARE_SECONDS} s") from error
    except subprocess.CalledProcessError as error:
        raise LoadError(f"wrk: exit code {error.returncode}: {error.stderr.strip()}") from error
    return parse_output(result.stdout)
