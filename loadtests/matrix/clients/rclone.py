"""rclone: ten attempts for each request, three for each file. Debian's 1.60.1 was run.

It makes the bucket before the first upload, unless it is there, and moves in folders: names like `.` and `..` in a key
become other characters.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from loadtests.matrix.client import PART_SIZE, Endpoint
from loadtests.matrix.clients.program import Program, find, run


def version() -> str:
    """It says `rclone v1.60.1-DEV` first."""
    return run(find("rclone", "rclone"), "version").decode().split()[1].removeprefix("v")


@contextmanager
def start(endpoint: Endpoint) -> Iterator["Rclone"]:
    yield Rclone(find("rclone", "rclone"), endpoint)


def variables(endpoint: Endpoint) -> dict[str, str]:
    """They describe the storage as the remote `s3`; what is larger than a part is sent in parts."""
    options = {
        "TYPE": "s3",
        "PROVIDER": "Other",
        "ENDPOINT": endpoint.url,
        "REGION": endpoint.region,
        "ACCESS_KEY_ID": endpoint.access_key,
        "SECRET_ACCESS_KEY": endpoint.secret_key,
        "FORCE_PATH_STYLE": "true",
        "UPLOAD_CUTOFF": f"{PART_SIZE}B",
        "CHUNK_SIZE": f"{PART_SIZE}B",
    }
    remote = {f"RCLONE_CONFIG_S3_{name}": value for name, value in options.items()}
    trusted = {"RCLONE_CA_CERT": str(endpoint.authority)} if endpoint.authority else {}
    # It does not start where another one is set for the AWS SDK.
    return remote | trusted | {"AWS_CA_BUNDLE": ""}


class Rclone(Program):
    def __init__(self, program: str, endpoint: Endpoint) -> None:
        super().__init__((program, "--config", ""), endpoint.folder, variables(endpoint))
        self._bucket = endpoint.bucket

    def _path(self, key: str) -> str:
        return f"s3:{self._bucket}/{key}"

    def put(self, key: str, body: bytes) -> None:
        self._run("copyto", self._file(body), self._path(key))

    def get(self, key: str) -> bytes:
        self._run("copyto", self._path(key), self._no_file())
        return self._body.read_bytes()

    def get_range(self, key: str, first: int, last: int) -> bytes:
        return self._run("cat", "--offset", str(first), "--count", str(last - first + 1), self._path(key))

    def list(self, prefix: str) -> Sequence[str]:
        """It lists folders: all of the one that the prefix is in, and what the prefix begins is chosen here."""
        folder = prefix[: prefix.rfind("/") + 1]
        names = self._print("lsf", "--recursive", "--files-only", self._path(folder)).splitlines()
        return [folder + name for name in names if (folder + name).startswith(prefix)]

    def multipart(self, key: str, body: bytes) -> None:
        self.put(key, body)

    def delete(self, key: str) -> None:
        self._run("deletefile", self._path(key))

    def presign(self, key: str, seconds: int) -> str:
        return self._print("link", "--expire", f"{seconds}s", self._path(key)).strip()

    def sync(self, folder: Path, prefix: str) -> None:
        self._run("sync", str(folder), self._path(prefix))
