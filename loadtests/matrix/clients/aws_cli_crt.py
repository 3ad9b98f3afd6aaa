"""aws cli version 2, whose `aws s3` moves objects by the AWS Common Runtime: parts side by side, five attempts.

PyPI has version 1 only, which has no such transfer client. 2.36.7 was run; in Debian's 2.9.19, which is not taken, the
runtime knows the ports 80 and 443 only. Ranges and lists go by its botocore. Uploads have a checksum in a trailer,
whatever AWS_REQUEST_CHECKSUM_CALCULATION says: Ceph 16 does not take them.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from loadtests.matrix.client import Endpoint
from loadtests.matrix.clients.aws_cli import AwsCli, version_of
from loadtests.matrix.clients.program import find

PROGRAM = r"aws-cli/2\.(3[6-9]|[4-9][0-9])\."


def version() -> str:
    return version_of(find("aws-cli-crt", "aws", PROGRAM))


@contextmanager
def start(endpoint: Endpoint) -> Iterator[AwsCli]:
    yield AwsCli(find("aws-cli-crt", "aws", PROGRAM), endpoint, transfer_client="crt")
