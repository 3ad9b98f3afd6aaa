"""pyarrow's S3FileSystem: the AWS SDK for C++."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pyarrow import fs

from tests.wire.drivers.driver import Driver, Listing
from tests.wire.endpoint import Endpoint


@contextmanager
def environment(name: str, value: str) -> Iterator[None]:
    """Set an environment variable for the block."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


class Pyarrow(Driver):
    name = "pyarrow"

    def __init__(self, endpoint: Endpoint, bucket: str) -> None:
        super().__init__(endpoint, bucket)
        # The SDK takes this setting from the environment only, when its client is made.
        with environment("AWS_REQUEST_CHECKSUM_CALCULATION", endpoint.checksums):
            self._files = fs.S3FileSystem(
                access_key=endpoint.access_key,
                secret_key=endpoint.secret_key,
                region=endpoint.region,
                scheme="https" if endpoint.is_tls else "http",
                endpoint_override=endpoint.authority,
                tls_ca_file_path=str(endpoint.ca) if endpoint.ca else None,
                retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=1),
            )

    def _path(self, key: str) -> str:
        return f"{self.bucket}/{key}"

    def put(self, key: str, body: bytes) -> None:
        with self._files.open_output_stream(self._path(key)) as stream:
            stream.write(body)

    def get(self, key: str) -> bytes:
        with self._files.open_input_stream(self._path(key)) as stream:
            content: bytes = stream.read()
            return content

    def get_range(self, key: str, first: int, last: int) -> bytes:
        with self._files.open_input_file(self._path(key)) as file:
            content: bytes = file.read_at(last - first + 1, first)
            return content

    def size(self, key: str) -> int:
        info = self._files.get_file_info(self._path(key))
        assert info.type is fs.FileType.File
        length: int = info.size
        return length

    def list_v2(self, prefix: str) -> Listing:
        found = self._files.get_file_info(fs.FileSelector(self._path(prefix)))
        below = len(self._path(""))
        return Listing.of(
            [info.path[below:] for info in found if info.type is fs.FileType.File],
            [f"{info.path[below:]}/" for info in found if info.type is fs.FileType.Directory],
        )

    def copy(self, source: str, target: str) -> None:
        self._files.copy_file(self._path(source), self._path(target))

    def delete(self, key: str) -> None:
        self._files.delete_file(self._path(key))

    def delete_many(self, keys: Sequence[str]) -> None:
        """Empty the folder that holds them: that is when pyarrow uses DeleteObjects."""
        self._files.delete_dir_contents(self._path(keys[0].rpartition("/")[0]))

    def multipart(self, key: str, body: bytes) -> None:
        """Streams are sent in parts of 10 MiB as they grow."""
        self.put(key, body)
