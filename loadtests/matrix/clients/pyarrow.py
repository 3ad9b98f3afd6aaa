"""pyarrow's S3FileSystem, which is the AWS SDK for C++: three attempts."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata
from urllib.parse import urlsplit

from pyarrow import fs

from loadtests.matrix.client import PART_SIZE, Endpoint, NotOffered
from loadtests.matrix.clients.library import Library


def version() -> str:
    return metadata.version("pyarrow")


@contextmanager
def start(endpoint: Endpoint) -> Iterator["Pyarrow"]:
    url = urlsplit(endpoint.url)
    files = fs.S3FileSystem(
        access_key=endpoint.access_key,
        secret_key=endpoint.secret_key,
        region=endpoint.region,
        scheme=url.scheme,
        endpoint_override=url.netloc,
        tls_ca_file_path=str(endpoint.authority) if endpoint.authority else None,
    )
    yield Pyarrow(files, endpoint.bucket)


class Pyarrow(Library):
    def __init__(self, files: fs.S3FileSystem, bucket: str) -> None:
        self._files = files
        self._bucket = bucket

    def _path(self, key: str) -> str:
        return f"{self._bucket}/{key}"

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

    def list(self, prefix: str) -> Sequence[str]:
        """It lists folders: all of the one that the prefix is in, and what the prefix begins is chosen here."""
        folder = self._path(prefix[: prefix.rfind("/") + 1])
        found = self._files.get_file_info(fs.FileSelector(folder.rstrip("/"), recursive=True))
        keys = (info.path.removeprefix(f"{self._bucket}/") for info in found if info.type is fs.FileType.File)
        return [key for key in keys if key.startswith(prefix)]

    def multipart(self, key: str, body: bytes) -> None:
        """Its stream makes the parts: of 10 MiB and more, whatever is asked."""
        with self._files.open_output_stream(self._path(key)) as stream:
            for offset in range(0, len(body), PART_SIZE):
                stream.write(body[offset : offset + PART_SIZE])

    def delete(self, key: str) -> None:
        self._files.delete_file(self._path(key))

    def presign(self, key: str, seconds: int) -> str:
        raise NotOffered("signs no URLs")
