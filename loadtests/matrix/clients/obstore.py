"""obstore, the object_store crate of Rust: ten retries. It takes a certificate authority since 0.11."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from importlib import metadata

import obstore
from obstore.store import S3Store

from loadtests.matrix.client import PART_SIZE, Endpoint
from loadtests.matrix.clients.library import Library


def version() -> str:
    return metadata.version("obstore")


@contextmanager
def start(endpoint: Endpoint) -> Iterator["Obstore"]:
    store = S3Store(
        endpoint.bucket,
        aws_endpoint_url_s3=endpoint.url,  # the name that a variable of the user's does not overrule
        region=endpoint.region,
        access_key_id=endpoint.access_key,
        secret_access_key=endpoint.secret_key,
        client_options={"root_certificate": endpoint.authority.read_bytes()}
        if endpoint.authority
        else {"allow_http": True},
    )
    yield Obstore(store)


class Obstore(Library):
    def __init__(self, store: S3Store) -> None:
        self._store = store

    def put(self, key: str, body: bytes) -> None:
        obstore.put(self._store, key, body, use_multipart=False)

    def get(self, key: str) -> bytes:
        return bytes(obstore.get(self._store, key).bytes())

    def get_range(self, key: str, first: int, last: int) -> bytes:
        return bytes(obstore.get_range(self._store, key, start=first, end=last + 1))

    def list(self, prefix: str) -> Sequence[str]:
        """It lists folders: all of the one that the prefix is in, and what the prefix begins is chosen here."""
        pages = obstore.list(self._store, prefix[: prefix.rfind("/") + 1])
        keys = (entry["path"] for page in pages for entry in page)
        return [key for key in keys if key.startswith(prefix)]

    def multipart(self, key: str, body: bytes) -> None:
        obstore.put(self._store, key, body, use_multipart=True, chunk_size=PART_SIZE)

    def delete(self, key: str) -> None:
        obstore.delete(self._store, key)

    def presign(self, key: str, seconds: int) -> str:
        url: str = obstore.sign(self._store, "GET", key, timedelta(seconds=seconds))
        return url
