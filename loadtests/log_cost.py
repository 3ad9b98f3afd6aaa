"""What does the access log cost? `python -m loadtests.log_cost`.

The same requests, with the head of an SDK, go in turn to an s3edge without access log and to others that log to a file:
one request in a hundred, and all. Metrics are always counted.
"""

import sys
from collections.abc import Sequence

from loadtests.cases import CASES
from loadtests.clients import claim
from loadtests.qos_cost import paired, report, rounds_of
from loadtests.qos_rivals import Edge
from loadtests.question import Report, command

EDGES = {
    "1 in 100": Edge(access_log={"to": "access.log", "successes": 100}),
    "all requests": Edge(access_log={"to": "access.log"}),
}
"""By how the table names them."""

LIMITS = {"get-4k": 1.10, "get-8m": 1.03}
"""Times the cost without: per request, and per GiB."""

_AGENT = "Boto3/1.43.0 md/Botocore#1.43.0 ua/2.1 os/linux#6.1.0 md/arch#x86_64 lang/python#3.11.2 md/pyimpl#CPython"


def lua() -> str:
    """A script for wrk: requests have the fields of boto3's."""
    name, _, value = claim("training").strip().partition(": ")
    fields = {
        "Accept-Encoding": "identity",
        "User-Agent": _AGENT,
        "X-Amz-Date": "20260101T000000Z",
        "X-Amz-Content-SHA256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        name: value,
        "amz-sdk-invocation-id": "3f2b6c1e-8f0a-4d7e-9a55-0c1d2e3f4a5b",
        "amz-sdk-request": "attempt=1",
    }
    return "".join(f'wrk.headers["{name}"] = "{value}"\n' for name, value in fields.items())


def answer(seconds: float, keys: Sequence[str]) -> Report:
    pairs = [pair for key in keys for pair in paired(CASES[key], EDGES, rounds_of(seconds), round(seconds), lua())]
    return report(pairs, LIMITS)


if __name__ == "__main__":
    programs = ["nginx", "wrk"]
    sys.exit(command("log_cost", "The cost of the access log", 4, list(LIMITS), answer, programs))
