"""minio-py: five retries of urllib3. It refuses keys in which a name is `.` or `..`."""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from importlib import metadata
from urllib.parse import urlsplit

from minio import Minio

from loadtests.matrix.client import PART_SIZE, Endpoint
from loadtests.matrix.clients.library import Library, environment, trust


def version() -> str:
    return metadata.version("minio")


@contextmanager
def start(endpoint: Endpoint) -> Iterator["MinioPy"]:
    url = urlsplit(endpoint.url)
    # It takes an authority from there, or with a connection pool whose retries would be ours.
    with environment(trust(endpoint.authority)):
        client = Minio(
            url.netloc,
            access_key=endpoint.access_key,
            secret_key=endpoint.secret_key,
            region=endpoint.region,
            secure=url.scheme == "https",
        )
    yield MinioPy(client, endpoint.bucket)


class MinioPy(Library):
    def __init__(self, client: Minio, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def put(self, key: str, body: bytes) -> None:
        self._client.put_object(self._bucket, key, io.BytesIO(body), len(body))

    def get(self, key: str) -> bytes:
        return self._read(key)

    def get_range(self, key: str, first: int, last: int) -> bytes:
        return self._read(key, first, last - first + 1)

    def _read(self, key: str, first: int = 0, length: int = 0) -> bytes:
        """All from the first byte on, or `length` bytes of it."""
        answer = self._client.get_object(self._bucket, key, first, length)
        try:
            return answer.read()
        finally:
            answer.close()
            answer.release_conn()

    def list(self, prefix: str) -> Sequence[str]:
        return [entry.object_name or "" for entry in self._client.list_objects(self._bucket, prefix, recursive=True)]

    def multipart(self, key: str, body: bytes) -> None:
        self._client.put_object(self._bucket, key, io.BytesIO(body), len(body), part_size=PART_SIZE)

    def delete(self, key: str) -> None:
        self._client.remove_object(self._bucket, key)

    def presign(self, key: str, seconds: int) -> str:
        return self._client.presigned_get_object(self._bucket, key, timedelta(seconds=seconds))
