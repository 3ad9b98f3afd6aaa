"""The AWS SDK for JavaScript v3 on Node.js: three attempts. 3.1169.0 on Node.js 20 was run.

npm installs it once, by package.json and its lock, into build/matrix-js or the folder that S3EDGE_MATRIX_NODE names.
"""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from loadtests.matrix.client import PART_SIZE, Endpoint, Missing, NotOffered
from loadtests.matrix.clients import INSTALL
from loadtests.matrix.clients.program import Program, find

SCRIPT = Path(__file__).with_suffix(".mjs")
FOLDER = Path(__file__).parents[3] / "build" / "matrix-js"
FOLDER_VARIABLE = "S3EDGE_MATRIX_NODE"


def version() -> str:
    package = modules() / "node_modules" / "@aws-sdk" / "client-s3" / "package.json"
    return str(json.loads(package.read_text())["version"])


def modules() -> Path:
    """The folder into which npm has installed the SDK. Raises Missing."""
    folder = Path(os.environ.get(FOLDER_VARIABLE) or FOLDER).resolve()
    if not (folder / "node_modules" / "@aws-sdk" / "client-s3").exists():
        raise Missing(f"no AWS SDK for JavaScript; {INSTALL['aws-sdk-js']}")
    return folder


@contextmanager
def start(endpoint: Endpoint) -> Iterator["AwsSdkJs"]:
    yield AwsSdkJs(find("aws-sdk-js", "node"), modules(), endpoint)


class AwsSdkJs(Program):
    """It runs a script of ours, which has one call of the SDK for each action."""

    def __init__(self, node: str, modules: Path, endpoint: Endpoint) -> None:
        variables = {
            "AWS_ENDPOINT_URL_S3": endpoint.url,
            "AWS_REGION": endpoint.region,
            "AWS_ACCESS_KEY_ID": endpoint.access_key,
            "AWS_SECRET_ACCESS_KEY": endpoint.secret_key,
            "NODE_NO_WARNINGS": "1",  # what it says of its own version is no answer
        }
        if endpoint.authority:
            variables["NODE_EXTRA_CA_CERTS"] = str(endpoint.authority)
        super().__init__((node, str(SCRIPT), str(modules), endpoint.bucket), endpoint.folder, variables)

    def put(self, key: str, body: bytes) -> None:
        self._run("put", key, self._file(body))

    def get(self, key: str) -> bytes:
        self._run("get", key, self._no_file())
        return self._body.read_bytes()

    def get_range(self, key: str, first: int, last: int) -> bytes:
        self._run("range", key, str(first), str(last), self._no_file())
        return self._body.read_bytes()

    def list(self, prefix: str) -> Sequence[str]:
        keys: list[str] = json.loads(self._run("list", prefix))
        return keys

    def multipart(self, key: str, body: bytes) -> None:
        self._run("multipart", key, self._file(body), str(PART_SIZE))

    def delete(self, key: str) -> None:
        self._run("delete", key)

    def presign(self, key: str, seconds: int) -> str:
        return self._print("presign", key, str(seconds))

    def sync(self, folder: Path, prefix: str) -> None:
        raise NotOffered("a library, no command")
