"""s3cmd: a request is tried five times more, after 3 s, 6 s and so on. It lists by ListObjects."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from loadtests.matrix.client import PART_SIZE, Endpoint
from loadtests.matrix.clients.program import Program, find, run


def version() -> str:
    return run(find("s3cmd", "s3cmd"), "--version").decode().split()[-1]


@contextmanager
def start(endpoint: Endpoint) -> Iterator["S3cmd"]:
    yield S3cmd(find("s3cmd", "s3cmd"), endpoint)


def configuration(endpoint: Endpoint) -> str:
    """What stands in .s3cfg: a bucket's host is the endpoint's own, so the bucket stands in the path."""
    is_tls = endpoint.url.startswith("https:")
    host = urlsplit(endpoint.url).netloc
    return (
        "[default]\n"
        f"access_key = {endpoint.access_key}\n"
        f"secret_key = {endpoint.secret_key}\n"
        f"bucket_location = {endpoint.region}\n"
        f"host_base = {host}\n"
        f"host_bucket = {host}\n"
        f"use_https = {is_tls}\n"
        f"signurl_use_https = {is_tls}\n"
        f"ca_certs_file = {endpoint.authority or ''}\n"
        f"multipart_chunk_size_mb = {PART_SIZE >> 20}\n"
    )


def listed(lines: str, bucket: str) -> Sequence[str]:
    """The keys in what `s3cmd ls --recursive` prints: date, time, size and URL of each."""
    return [line.partition(f"s3://{bucket}/")[2] for line in lines.splitlines()]


class S3cmd(Program):
    """It sends what is larger than a part in parts."""

    def __init__(self, program: str, endpoint: Endpoint) -> None:
        config = endpoint.folder / "s3cfg"
        config.write_text(configuration(endpoint))
        super().__init__((program, "--config", str(config), "--no-progress"), endpoint.folder, {})
        self._bucket = endpoint.bucket

    def _url(self, key: str) -> str:
        return f"s3://{self._bucket}/{key}"

    def put(self, key: str, body: bytes) -> None:
        self._run("put", self._file(body), self._url(key))

    def get(self, key: str) -> bytes:
        self._run("get", "--force", self._url(key), self._no_file())
        return self._body.read_bytes()

    def get_range(self, key: str, first: int, last: int) -> bytes:
        """s3cmd asks for a range when it goes on with a file of which it has the beginning, and then to the end."""
        self._run("get", "--continue", self._url(key), self._file(bytes(first)))
        return self._body.read_bytes()[first : last + 1]

    def list(self, prefix: str) -> Sequence[str]:
        return listed(self._print("ls", "--recursive", self._url(prefix)), self._bucket)

    def multipart(self, key: str, body: bytes) -> None:
        self.put(key, body)

    def delete(self, key: str) -> None:
        self._run("del", self._url(key))

    def presign(self, key: str, seconds: int) -> str:
        return self._print("signurl", self._url(key), f"+{seconds}").strip()

    def sync(self, folder: Path, prefix: str) -> None:
        self._run("sync", f"{folder}/", self._url(prefix))
