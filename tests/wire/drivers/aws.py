"""aws cli: `aws s3api` for single operations, `aws s3` where it does more."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tests.wire.drivers.command_line import CommandLine
from tests.wire.drivers.driver import Listing
from tests.wire.endpoint import Endpoint


class AwsCli(CommandLine):
    name = "aws"
    program = "aws"

    def __init__(self, endpoint: Endpoint, bucket: str) -> None:
        super().__init__(endpoint, bucket)
        self._environment = {
            "AWS_ACCESS_KEY_ID": endpoint.access_key,
            "AWS_SECRET_ACCESS_KEY": endpoint.secret_key,
            "AWS_DEFAULT_REGION": endpoint.region,
            "AWS_ENDPOINT_URL": endpoint.url,
            "AWS_MAX_ATTEMPTS": "1",
            "AWS_REQUEST_CHECKSUM_CALCULATION": endpoint.checksums,
            "AWS_CONFIG_FILE": str(self.folder / "config"),
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_PAGER": "",
        }
        if endpoint.ca is not None:
            self._environment["AWS_CA_BUNDLE"] = str(endpoint.ca)
        (self.folder / "config").write_text("[default]\ns3 =\n  addressing_style = path\n  signature_version = s3v4\n")

    def _api(self, operation: str, *arguments: str) -> Any:
        """The JSON answer of `aws s3api OPERATION` on the bucket."""
        output = self.run(
            "s3api",
            operation,
            "--bucket",
            self.bucket,
            *arguments,
            "--output",
            "json",
            environment=self._environment,
        )
        return json.loads(output) if output.strip() else {}

    def _s3(self, *arguments: str) -> str:
        return self.run("s3", *arguments, environment=self._environment)

    def put(self, key: str, body: bytes) -> None:
        self._api("put-object", "--key", key, "--body", str(self.file(body)))

    def get(self, key: str) -> bytes:
        target = self.file()
        self._api("get-object", "--key", key, str(target))
        return target.read_bytes()

    def get_range(self, key: str, first: int, last: int) -> bytes:
        target = self.file()
        self._api("get-object", "--key", key, "--range", f"bytes={first}-{last}", str(target))
        return target.read_bytes()

    def size(self, key: str) -> int:
        length: int = self._api("head-object", "--key", key)["ContentLength"]
        return length

    def list_v1(self, prefix: str) -> Listing:
        return self._list("list-objects", prefix)

    def list_v2(self, prefix: str) -> Listing:
        return self._list("list-objects-v2", prefix)

    def _list(self, operation: str, prefix: str) -> Listing:
        answer = self._api(operation, "--prefix", prefix, "--delimiter", "/", "--page-size", "2")
        return Listing.of(
            [entry["Key"] for entry in answer.get("Contents", [])],
            [entry["Prefix"] for entry in answer.get("CommonPrefixes", [])],
        )

    def copy(self, source: str, target: str) -> None:
        self._api("copy-object", "--key", target, "--copy-source", f"{self.bucket}/{source}")

    def delete(self, key: str) -> None:
        self._api("delete-object", "--key", key)

    def delete_many(self, keys: Sequence[str]) -> None:
        entries = {"Objects": [{"Key": key} for key in keys]}
        assert not self._api("delete-objects", "--delete", json.dumps(entries)).get("Errors")

    def multipart(self, key: str, body: bytes) -> None:
        """`aws s3 cp` splits above 8 MiB."""
        self._s3("cp", str(self.file(body)), f"s3://{self.bucket}/{key}", "--no-progress")

    def abort_multipart(self, key: str, part: bytes) -> None:
        upload = self._api("create-multipart-upload", "--key", key)["UploadId"]
        at = ("--key", key, "--upload-id", upload)
        self._api("upload-part", "--part-number", "1", "--body", str(self.file(part)), *at)
        self._api("abort-multipart-upload", *at)

    def tag(self, key: str, tags: Mapping[str, str]) -> None:
        entries = {"TagSet": [{"Key": name, "Value": value} for name, value in tags.items()]}
        self._api("put-object-tagging", "--key", key, "--tagging", json.dumps(entries))

    def tags(self, key: str) -> Mapping[str, str]:
        answer = self._api("get-object-tagging", "--key", key)
        return {entry["Key"]: entry["Value"] for entry in answer["TagSet"]}

    def presign_get(self, key: str) -> str:
        return self._s3("presign", f"s3://{self.bucket}/{key}").strip()
