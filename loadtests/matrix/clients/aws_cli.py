"""aws cli of PyPI, which is version 1: `aws s3` where it can, else `aws s3api`; five attempts for each request."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from loadtests.matrix.client import PART_SIZE, Endpoint
from loadtests.matrix.clients.program import Program, find, run

PROGRAM = r"aws-cli/1\."
"""How it tells its version: `aws-cli/1.46.1 Python/3.11.7 ...`."""


def version() -> str:
    return version_of(find("aws-cli", "aws", PROGRAM))


def version_of(program: str) -> str:
    return run(program, "--version").decode().split()[0].removeprefix("aws-cli/")


@contextmanager
def start(endpoint: Endpoint) -> Iterator["AwsCli"]:
    yield AwsCli(find("aws-cli", "aws", PROGRAM), endpoint)


def configuration(transfer_client: str) -> str:
    """What stands in ~/.aws/config: objects of more than a part move in parts, up and down."""
    return (
        "[default]\n"
        "s3 =\n"
        "  addressing_style = path\n"
        f"  multipart_threshold = {PART_SIZE}\n"
        f"  multipart_chunksize = {PART_SIZE}\n"
        f"  preferred_transfer_client = {transfer_client}\n"
    )


class AwsCli(Program):
    """`transfer_client` is what `aws s3` moves objects by, where it has more than one: classic or crt."""

    def __init__(self, program: str, endpoint: Endpoint, transfer_client: str = "classic") -> None:
        config = endpoint.folder / "config"
        config.write_text(configuration(transfer_client))
        variables = {
            "AWS_CONFIG_FILE": str(config),
            "AWS_ACCESS_KEY_ID": endpoint.access_key,
            "AWS_SECRET_ACCESS_KEY": endpoint.secret_key,
            "AWS_DEFAULT_REGION": endpoint.region,
            "AWS_PAGER": "",
        }
        if endpoint.authority:
            variables["AWS_CA_BUNDLE"] = str(endpoint.authority)
        # In the variable for it, the CRT client does not see that an endpoint is without TLS.
        super().__init__((program, "--endpoint-url", endpoint.url), endpoint.folder, variables)
        self._bucket = endpoint.bucket

    def _url(self, key: str) -> str:
        return f"s3://{self._bucket}/{key}"

    def put(self, key: str, body: bytes) -> None:
        self._run("s3", "cp", "--only-show-errors", self._file(body), self._url(key))

    def get(self, key: str) -> bytes:
        self._run("s3", "cp", "--only-show-errors", self._url(key), self._no_file())
        return self._body.read_bytes()

    def get_range(self, key: str, first: int, last: int) -> bytes:
        at = ("--bucket", self._bucket, "--key", key, "--range", f"bytes={first}-{last}")
        self._run("s3api", "get-object", *at, self._no_file())
        return self._body.read_bytes()

    def list(self, prefix: str) -> Sequence[str]:
        at = ("--bucket", self._bucket, "--prefix", prefix)
        keys = self._print("s3api", "list-objects-v2", *at, "--query", "Contents[].Key", "--output", "json")
        return json.loads(keys) or ()

    def multipart(self, key: str, body: bytes) -> None:
        self.put(key, body)

    def delete(self, key: str) -> None:
        self._run("s3", "rm", "--only-show-errors", self._url(key))

    def presign(self, key: str, seconds: int) -> str:
        return self._print("s3", "presign", "--expires-in", str(seconds), self._url(key)).strip()

    def sync(self, folder: Path, prefix: str) -> None:
        self._run("s3", "sync", "--only-show-errors", str(folder), self._url(prefix))
