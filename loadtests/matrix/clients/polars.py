"""polars, which reads Parquet by the object_store crate of Rust, ranges side by side. 2.1.0 was run."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata

import polars

from loadtests.matrix.client import Endpoint
from loadtests.matrix.clients.library import environment, trust
from loadtests.matrix.clients.tables import Tables


def version() -> str:
    return metadata.version("polars")


@contextmanager
def start(endpoint: Endpoint) -> Iterator["Polars"]:
    with environment(trust(endpoint.authority)):
        yield Polars(endpoint)


class Polars(Tables):
    def __init__(self, endpoint: Endpoint) -> None:
        self._bucket = endpoint.bucket
        self._options = {
            "aws_endpoint_url_s3": endpoint.url,  # the name that a variable of the user's does not overrule
            "aws_region": endpoint.region,
            "aws_access_key_id": endpoint.access_key,
            "aws_secret_access_key": endpoint.secret_key,
            "aws_allow_http": str(endpoint.authority is None).lower(),
        }

    def get(self, key: str) -> bytes:
        table = polars.read_parquet(f"s3://{self._bucket}/{key}", storage_options=self._options)
        content: bytes = table["n"].to_numpy().astype("<i8").tobytes()
        return content
