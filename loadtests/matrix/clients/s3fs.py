"""s3fs, the file system of pandas, Dask and Hugging Face datasets: its own five attempts, of botocore's five each."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata

from s3fs import S3FileSystem

from loadtests.matrix.client import PART_SIZE, Endpoint
from loadtests.matrix.clients.boto3 import PATH_STYLE
from loadtests.matrix.clients.library import Library


def version() -> str:
    return metadata.version("s3fs")


@contextmanager
def start(endpoint: Endpoint) -> Iterator["S3fs"]:
    files = S3FileSystem(
        key=endpoint.access_key,
        secret=endpoint.secret_key,
        endpoint_url=endpoint.url,
        client_kwargs={
            "region_name": endpoint.region,
            "verify": str(endpoint.authority) if endpoint.authority else None,
        },
        config_kwargs=PATH_STYLE,
        skip_instance_cache=True,
    )
    yield S3fs(files, endpoint.bucket)


class S3fs(Library):
    def __init__(self, files: S3FileSystem, bucket: str) -> None:
        self._files = files
        self._bucket = bucket

    def _path(self, key: str) -> str:
        return f"{self._bucket}/{key}"

    def put(self, key: str, body: bytes) -> None:
        self._files.pipe_file(self._path(key), body)

    def get(self, key: str) -> bytes:
        content: bytes = self._files.cat_file(self._path(key))
        return content

    def get_range(self, key: str, first: int, last: int) -> bytes:
        content: bytes = self._files.cat_file(self._path(key), start=first, end=last + 1)
        return content

    def list(self, prefix: str) -> Sequence[str]:
        """It lists folders: all of the one that the prefix is in, and what the prefix begins is chosen here."""
        folder = self._path(prefix[: prefix.rfind("/") + 1])
        keys = (path.removeprefix(f"{self._bucket}/") for path in self._files.find(folder, refresh=True))
        return [key for key in keys if key.startswith(prefix)]

    def multipart(self, key: str, body: bytes) -> None:
        with self._files.open(self._path(key), "wb", block_size=PART_SIZE) as file:
            for offset in range(0, len(body), PART_SIZE):
                file.write(body[offset : offset + PART_SIZE])

    def delete(self, key: str) -> None:
        self._files.rm_file(self._path(key))

    def presign(self, key: str, seconds: int) -> str:
        url: str = self._files.url(self._path(key), expires=seconds, client_method="get_object")
        return url
