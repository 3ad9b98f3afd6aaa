"""s3cmd."""

from collections.abc import Mapping, Sequence
from contextlib import closing

from tests.wire.drivers.boto import connect
from tests.wire.drivers.command_line import CommandLine
from tests.wire.drivers.driver import Listing
from tests.wire.endpoint import Endpoint


class S3cmd(CommandLine):
    name = "s3cmd"
    program = "s3cmd"

    def __init__(self, endpoint: Endpoint, bucket: str) -> None:
        super().__init__(endpoint, bucket)
        self._configuration = self.folder / "s3cfg"
        self._configuration.write_text(
            "[default]\n"
            f"access_key = {endpoint.access_key}\n"
            f"secret_key = {endpoint.secret_key}\n"
            f"bucket_location = {endpoint.region}\n"
            f"host_base = {endpoint.authority}\n"
            f"host_bucket = {endpoint.authority}\n"
            f"use_https = {endpoint.is_tls}\n"
            f"signurl_use_https = {endpoint.is_tls}\n"
            f"ca_certs_file = {endpoint.ca or ''}\n"
            "max_retries = 1\n"
        )

    def _call(self, *arguments: str) -> str:
        return self.run("--config", str(self._configuration), "--no-progress", *arguments)

    def _url(self, key: str) -> str:
        return f"s3://{self.bucket}/{key}"

    def put(self, key: str, body: bytes) -> None:
        self._call("put", "--disable-multipart", str(self.file(body)), self._url(key))

    def get(self, key: str) -> bytes:
        target = self.file()
        self._call("get", "--force", self._url(key), str(target))
        return target.read_bytes()

    def get_range(self, key: str, first: int, last: int) -> bytes:
        """s3cmd asks for a range, to the end, when it continues a file of which it has the first bytes."""
        target = self.file(bytes(first))
        self._call("get", "--continue", self._url(key), str(target))
        return target.read_bytes()[first : last + 1]

    def size(self, key: str) -> int:
        for line in self._call("info", self._url(key)).splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "File size":
                return int(value)
        raise AssertionError("s3cmd info shows no file size")

    def list_v1(self, prefix: str) -> Listing:
        keys: list[str] = []
        prefixes: list[str] = []
        for line in self._call("ls", self._url(prefix)).splitlines():
            key = line.partition(self._url(""))[2]
            (prefixes if line.split()[0] == "DIR" else keys).append(key)
        return Listing.of(keys, prefixes)

    def copy(self, source: str, target: str) -> None:
        self._call("cp", self._url(source), self._url(target))

    def delete(self, key: str) -> None:
        self._call("del", self._url(key))

    def delete_many(self, keys: Sequence[str]) -> None:
        """All keys below their common folder: that is when s3cmd uses DeleteObjects."""
        folder = keys[0].rpartition("/")[0]
        assert all(key.startswith(f"{folder}/") for key in keys)
        self._call("del", "--recursive", "--force", self._url(f"{folder}/"))

    def multipart(self, key: str, body: bytes) -> None:
        self._call("put", "--multipart-chunk-size-mb=5", str(self.file(body)), self._url(key))

    def abort_multipart(self, key: str, part: bytes) -> None:
        """s3cmd starts no upload that it does not finish, but aborts those of others."""
        with closing(connect(self.endpoint)) as other:
            upload = other.create_multipart_upload(Bucket=self.bucket, Key=key)["UploadId"]
            other.upload_part(Bucket=self.bucket, Key=key, UploadId=upload, PartNumber=1, Body=part)
        listed = self._call("multipart", f"s3://{self.bucket}")
        assert upload in listed or not self.endpoint.lists_all_uploads
        self._call("abortmp", self._url(key), upload)

    def tag(self, key: str, tags: Mapping[str, str]) -> None:
        self._call("settagging", self._url(key), "&".join(f"{name}={value}" for name, value in tags.items()))

    def tags(self, key: str) -> Mapping[str, str]:
        entries = self._call("gettagging", self._url(key)).splitlines()[1:]
        return dict(entry.strip().split(":\t") for entry in entries)

    def presign_get(self, key: str) -> str:
        return self._call("signurl", self._url(key), "+600").strip()
