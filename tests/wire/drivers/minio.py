"""minio-py."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import urllib3
from minio import Minio
from minio.commonconfig import CopySource, Tags
from minio.deleteobjects import DeleteObject

from tests.wire.drivers.driver import PART, Driver, Listing
from tests.wire.endpoint import Endpoint


class BrokenSource(io.BytesIO):
    """A source that ends with an error after its content, as a disk or a pipe may."""

    def read(self, size: int | None = -1, /) -> bytes:
        content = super().read(size)
        if not content:
            raise OSError("the source broke")
        return content


class MinioPy(Driver):
    name = "minio"

    def __init__(self, endpoint: Endpoint, bucket: str) -> None:
        super().__init__(endpoint, bucket)
        self._pool = urllib3.PoolManager(
            ca_certs=str(endpoint.ca) if endpoint.ca else None, retries=urllib3.Retry(0), timeout=30
        )
        self._client = Minio(
            endpoint.authority,
            access_key=endpoint.access_key,
            secret_key=endpoint.secret_key,
            secure=endpoint.is_tls,
            region=endpoint.region,
            http_client=self._pool,
        )

    def close(self) -> None:
        self._pool.clear()

    def put(self, key: str, body: bytes) -> None:
        self._client.put_object(self.bucket, key, io.BytesIO(body), len(body))

    def get(self, key: str) -> bytes:
        return self._read(key)

    def get_range(self, key: str, first: int, last: int) -> bytes:
        return self._read(key, offset=first, length=last - first + 1)

    def _read(self, key: str, **asked: Any) -> bytes:
        answer = self._client.get_object(self.bucket, key, **asked)
        try:
            return answer.read()
        finally:
            answer.close()
            answer.release_conn()

    def size(self, key: str) -> int:
        return self._client.stat_object(self.bucket, key).size or 0

    def list_v1(self, prefix: str) -> Listing:
        return self._list(prefix, use_api_v1=True)

    def list_v2(self, prefix: str) -> Listing:
        return self._list(prefix, use_api_v1=False)

    def _list(self, prefix: str, use_api_v1: bool) -> Listing:
        found = list(self._client.list_objects(self.bucket, prefix, use_api_v1=use_api_v1))
        return Listing.of(
            [entry.object_name or "" for entry in found if not entry.is_dir],
            [entry.object_name or "" for entry in found if entry.is_dir],
        )

    def copy(self, source: str, target: str) -> None:
        self._client.copy_object(self.bucket, target, CopySource(self.bucket, source))

    def delete(self, key: str) -> None:
        self._client.remove_object(self.bucket, key)

    def delete_many(self, keys: Sequence[str]) -> None:
        assert list(self._client.remove_objects(self.bucket, [DeleteObject(key) for key in keys])) == []

    def multipart(self, key: str, body: bytes) -> None:
        self._client.put_object(self.bucket, key, io.BytesIO(body), len(body), part_size=PART)

    def abort_multipart(self, key: str, part: bytes) -> None:
        """minio-py aborts the upload by itself when its source breaks."""
        try:
            self._client.put_object(self.bucket, key, BrokenSource(part), length=-1, part_size=PART)
        except OSError as error:
            assert str(error) == "the source broke"  # noqa: PT017  # the client passes it on

    def tag(self, key: str, tags: Mapping[str, str]) -> None:
        entries = Tags.new_object_tags()
        entries.update(tags)
        self._client.set_object_tags(self.bucket, key, entries)

    def tags(self, key: str) -> Mapping[str, str]:
        return self._client.get_object_tags(self.bucket, key) or {}

    def presign_get(self, key: str) -> str:
        return self._client.presigned_get_object(self.bucket, key)

    def presign_put(self, key: str) -> str:
        return self._client.presigned_put_object(self.bucket, key)
