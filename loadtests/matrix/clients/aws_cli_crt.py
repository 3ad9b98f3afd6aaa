"""aws cli version 2, whose `aws s3 cp` and `sync` go by the AWS Common Runtime: ranges side by side, up to ten retries.

Version 1 has no such transfer client, and PyPI has no version 2; Debian has, and 2.9.19 was run. What is no transfer
(ranges, lists, deletions) goes by its botocore.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from loadtests.matrix.client import Endpoint
from loadtests.matrix.clients.aws_cli import AwsCli, version_of
from loadtests.matrix.clients.program import find

PROGRAM = "aws-cli/2."


def version() -> str:
    return version_of(find("aws-cli-crt", "aws", PROGRAM))


@contextmanager
def start(endpoint: Endpoint) -> Iterator[AwsCli]:
    yield AwsCli(find("aws-cli-crt", "aws", PROGRAM), endpoint, transfer_client="crt")
