"""The clients of the matrix: one module each, named as its client with `_` for `-`.

Such a module has `start(endpoint)`, which gives the client as its users would set it up, with the retries that it has
by default, and `version()`. It is imported when its client is wanted: none need be installed for the others.
"""

import importlib
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import partial
from types import ModuleType
from typing import cast

from loadtests.matrix.client import Client, Endpoint, Missing

_JS = "build/matrix-js"

INSTALL: Mapping[str, str] = {
    "boto3": "pip install boto3",
    "aiobotocore": "pip install aiobotocore",
    "aws-cli": "pip install awscli",
    "aws-cli-crt": "AWS's installer brings 2.36 and later",
    "s3cmd": "pip install s3cmd",
    "rclone": "on Debian: apt-get install --no-install-recommends rclone",
    "s3fs": "pip install s3fs",
    "pyarrow": "pip install pyarrow",
    "obstore": "pip install obstore",
    "minio": "pip install minio",
    "s3torchconnector": "pip install 's3torchconnector[dcp]'",
    "polars": "pip install polars",
    "duckdb": "pip install duckdb-ext-httpfs, and the duckdb of the same version",
    "aws-sdk-js": f"mkdir -p {_JS} && cp loadtests/matrix/clients/package*.json {_JS} && npm ci --prefix {_JS}",
}
"""How to get each client, in the order of the table."""


def imported(client: str, module: str) -> ModuleType:
    """A module that a client needs. Raises Missing where a package is not installed."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise Missing(f"no module {error.name}; {INSTALL[client]}") from error


def _module(client: str) -> ModuleType:
    return imported(client, f"{__name__}.{client.replace('-', '_')}")


def _start(client: str, endpoint: Endpoint) -> AbstractContextManager[Client]:
    return cast("AbstractContextManager[Client]", _module(client).start(endpoint))


def _version(client: str) -> str:
    return cast("str", _module(client).version())


START: dict[str, Callable[[Endpoint], AbstractContextManager[Client]]] = {
    name: partial(_start, name) for name in INSTALL
}
"""Starts each client; raises Missing where it is not installed."""

VERSIONS: dict[str, Callable[[], str]] = {name: partial(_version, name) for name in INSTALL}
"""The version of each client; raises Missing where it is not installed."""
