"""Amazon's S3 connector for PyTorch, the client of Mountpoint: ten attempts. It sends every object in parts.

Its delete is that of the file system which its distributed checkpoints use.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata
from typing import Any

from s3torchconnector import S3Checkpoint, S3ClientConfig, S3MapDataset, S3ReaderConstructor
from s3torchconnector.dcp import S3FileSystem

from loadtests.matrix.client import PART_SIZE, Endpoint, NotOffered
from loadtests.matrix.clients.library import Library, environment, trust


def version() -> str:
    return metadata.version("s3torchconnector")


@contextmanager
def start(endpoint: Endpoint) -> Iterator["S3TorchConnector"]:
    variables = {
        "AWS_ACCESS_KEY_ID": endpoint.access_key,
        "AWS_SECRET_ACCESS_KEY": endpoint.secret_key,
        "AWS_ENDPOINT_URL": endpoint.url,  # the file system of checkpoints has no argument for it
    }
    with environment(variables | trust(endpoint.authority)):
        yield S3TorchConnector(endpoint)


class S3TorchConnector(Library):
    def __init__(self, endpoint: Endpoint) -> None:
        config = S3ClientConfig(force_path_style=True, part_size=PART_SIZE)
        self._where: dict[str, Any] = {"region": endpoint.region, "endpoint": endpoint.url, "s3client_config": config}
        self._checkpoint = S3Checkpoint(**self._where)
        self._files = S3FileSystem(endpoint.region, s3client_config=config)
        self._bucket = endpoint.bucket

    def _url(self, key: str) -> str:
        return f"s3://{self._bucket}/{key}"

    def put(self, key: str, body: bytes) -> None:
        with self._checkpoint.writer(self._url(key)) as writer:
            writer.write(body)

    def get(self, key: str) -> bytes:
        return bytes(S3MapDataset.from_objects([self._url(key)], **self._where)[0].read())

    def get_range(self, key: str, first: int, last: int) -> bytes:
        ranges = S3ReaderConstructor.range_based()
        reader = S3MapDataset.from_objects([self._url(key)], **self._where, reader_constructor=ranges)[0]
        reader.seek(first)
        return bytes(reader.read(last - first + 1))

    def list(self, prefix: str) -> Sequence[str]:
        dataset = S3MapDataset.from_prefix(self._url(prefix), **self._where)
        return [dataset[index].key for index in range(len(dataset))]

    def multipart(self, key: str, body: bytes) -> None:
        self.put(key, body)

    def delete(self, key: str) -> None:
        self._files.rm_file(self._url(key))

    def presign(self, key: str, seconds: int) -> str:
        raise NotOffered("signs no URLs")
