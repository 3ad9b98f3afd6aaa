"""duckdb, which reads Parquet by its extension httpfs: three retries.

The extension comes from PyPI as `duckdb-ext-httpfs`, for the version of duckdb that its own begins with; 1.4.4 was run.
duckdb loads it only with the signature of those who make duckdb.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from urllib.parse import urlsplit

import duckdb

from loadtests.matrix.client import Endpoint, Missing
from loadtests.matrix.clients import INSTALL
from loadtests.matrix.clients.tables import Tables

EXTENSION = "duckdb-ext-httpfs"


def version() -> str:
    return metadata.version("duckdb")


@contextmanager
def start(endpoint: Endpoint) -> Iterator["DuckDb"]:
    with duckdb.connect() as connection:
        connection.load_extension(extension())
        if endpoint.authority:
            connection.execute("SET enable_server_cert_verification = true")
            connection.execute("SET ca_cert_file = $authority", {"authority": str(endpoint.authority)})
        connection.execute(secret(endpoint))
        yield DuckDb(connection, endpoint.bucket)


def extension() -> str:
    """The path of httpfs. Raises Missing."""
    try:
        found = metadata.distribution(EXTENSION)
    except metadata.PackageNotFoundError as error:
        raise Missing(f"no {EXTENSION}; {INSTALL['duckdb']}") from error
    if not is_for(found.version, duckdb.__version__):
        raise Missing(f"{EXTENSION} {found.version} is not for duckdb {duckdb.__version__}; {INSTALL['duckdb']}")
    return next(str(file.locate()) for file in found.files or () if file.suffix == ".duckdb_extension")


def is_for(extension_version: str, duckdb_version: str) -> bool:
    """Whether they belong together, as 1.4.4.20260205 and 1.4.4 do."""
    return extension_version.startswith(f"{duckdb_version}.")


def secret(endpoint: Endpoint) -> str:
    """The statement that says where `s3:` is, and as whom: it takes no parameters, only words in quotes."""
    url = urlsplit(endpoint.url)
    words = {
        "key_id": endpoint.access_key,
        "secret": endpoint.secret_key,
        "region": endpoint.region,
        "endpoint": url.netloc,
        "url_style": "path",
        "use_ssl": str(url.scheme == "https").lower(),
    }
    settings = ", ".join(f"{name} {quoted(word)}" for name, word in words.items())
    return f"CREATE SECRET (type s3, {settings})"


def quoted(word: str) -> str:
    return "'" + word.replace("'", "''") + "'"


class DuckDb(Tables):
    def __init__(self, connection: duckdb.DuckDBPyConnection, bucket: str) -> None:
        self._connection = connection
        self._bucket = bucket

    def get(self, key: str) -> bytes:
        self._connection.execute("SELECT n FROM read_parquet($url)", {"url": f"s3://{self._bucket}/{key}"})
        content: bytes = self._connection.fetchnumpy()["n"].astype("<i8").tobytes()
        return content
