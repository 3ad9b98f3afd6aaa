import subprocess

import pytest

from loadtests.matrix.client import NotOffered
from loadtests.matrix.outcome import LONGEST_REASON, Outcome, Result, reason_of


@pytest.mark.parametrize(
    "error,reason",
    [
        (ValueError("no such\n  thing"), "ValueError: no such thing"),
        (TimeoutError(), "TimeoutError"),
        (NotOffered("signs no URLs"), "signs no URLs"),
        (OSError("http://127.0.0.1:18000/b refused"), "OSError: http://127.0.0.1/b refused"),
        (OSError("got 10215348 of 24 MiB, HTTP 503"), "OSError: got N of 24 MiB, HTTP 503"),
        (OSError("no s3cmd/http-direct/put"), "OSError: no put"),
        (OSError("gave up after 2.522663537s"), "OSError: gave up after a time"),
        (OSError("no /dev/shm/s3edge-loadtest-x1y2/body"), "OSError: no body"),
        (OSError("no ../shm/s3edge-loadtest-x1y2/aws-cli-q_1w2e3r/body"), "OSError: no body"),
        (OSError("refused (Request ID: 18EA328EBD3D61B6)"), "OSError: refused"),
        (OSError("host a9eee60f3bf8bd6a4e9e7ba1d56d342c"), "OSError: host N"),
        (subprocess.CalledProcessError(1, "aws", stderr="usage\n\nfatal error: 404\n"), "fatal error: 404"),
        (subprocess.CalledProcessError(1, "node", stderr="Error: aborted\n  at x.js\n\nNode v20\n"), "Error: aborted"),
        (subprocess.CalledProcessError(1, "aws", stderr=b"caf\xe9"), "caf\N{REPLACEMENT CHARACTER}"),
        (subprocess.CalledProcessError(7, ["aws"]), "Command '['aws']' returned non-zero exit status 7."),
    ],
)
def test_a_reason_is_one_line_without_what_differs_from_run_to_run(error: Exception, reason: str) -> None:
    assert reason_of(error, "s3cmd/http-direct/") == reason


def test_of_a_long_reason_both_ends_are_kept() -> None:
    reason = reason_of(ValueError(f"{'x' * 1000} refused"))
    assert len(reason) == LONGEST_REASON
    assert reason.startswith("ValueError: xxx")
    assert reason.endswith("xxx refused")


def test_only_what_was_not_there_to_be_tried_is_absent() -> None:
    absent = [outcome for outcome in Outcome if Result(outcome).is_absent]
    assert absent == [Outcome.NOT_OFFERED, Outcome.NOT_INSTALLED]
