"""aiobotocore."""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session

from tests.wire.drivers.boto import options
from tests.wire.drivers.driver import PART, Driver, Listing
from tests.wire.endpoint import Endpoint


class Aiobotocore(Driver):
    """An aiobotocore client on a loop of its own, driven from outside of it."""

    name = "aiobotocore"

    def __init__(self, endpoint: Endpoint, bucket: str) -> None:
        super().__init__(endpoint, bucket)
        self._runner = asyncio.Runner()
        self._context = get_session().create_client(
            "s3",
            endpoint_url=endpoint.url,
            aws_access_key_id=endpoint.access_key,
            aws_secret_access_key=endpoint.secret_key,
            region_name=endpoint.region,
            verify=str(endpoint.ca) if endpoint.ca else None,
            config=AioConfig(**options(endpoint)),
        )
        self._client: Any = self._run(self._context.__aenter__())

    def close(self) -> None:
        self._run(self._context.__aexit__(None, None, None))
        self._runner.close()

    def _run(self, operation: Coroutine[Any, Any, Any]) -> Any:
        return self._runner.run(operation)

    def put(self, key: str, body: bytes) -> None:
        self._run(self._client.put_object(Bucket=self.bucket, Key=key, Body=body))

    def get(self, key: str) -> bytes:
        return self._read(Key=key)

    def get_range(self, key: str, first: int, last: int) -> bytes:
        return self._read(Key=key, Range=f"bytes={first}-{last}")

    def _read(self, **asked: str) -> bytes:
        async def read() -> bytes:
            answer = await self._client.get_object(Bucket=self.bucket, **asked)
            async with answer["Body"] as body:
                content: bytes = await body.read()
                return content

        content: bytes = self._run(read())
        return content

    def size(self, key: str) -> int:
        length: int = self._run(self._client.head_object(Bucket=self.bucket, Key=key))["ContentLength"]
        return length

    def list_v1(self, prefix: str) -> Listing:
        return self._list("list_objects", prefix)

    def list_v2(self, prefix: str) -> Listing:
        return self._list("list_objects_v2", prefix)

    def _list(self, operation: str, prefix: str) -> Listing:
        async def collect() -> Listing:
            pages = self._client.get_paginator(operation).paginate(
                Bucket=self.bucket, Prefix=prefix, Delimiter="/", PaginationConfig={"PageSize": 2}
            )
            keys: list[str] = []
            prefixes: list[str] = []
            async for page in pages:
                keys += [entry["Key"] for entry in page.get("Contents", [])]
                prefixes += [entry["Prefix"] for entry in page.get("CommonPrefixes", [])]
            return Listing.of(keys, prefixes)

        listing: Listing = self._run(collect())
        return listing

    def copy(self, source: str, target: str) -> None:
        origin = {"Bucket": self.bucket, "Key": source}
        self._run(self._client.copy_object(Bucket=self.bucket, Key=target, CopySource=origin))

    def delete(self, key: str) -> None:
        self._run(self._client.delete_object(Bucket=self.bucket, Key=key))

    def delete_many(self, keys: Sequence[str]) -> None:
        entries = {"Objects": [{"Key": key} for key in keys]}
        assert not self._run(self._client.delete_objects(Bucket=self.bucket, Delete=entries)).get("Errors")

    def multipart(self, key: str, body: bytes) -> None:
        """Send all parts at the same time."""

        async def send_part(at: Mapping[str, str], number: int, content: bytes) -> Mapping[str, Any]:
            part = await self._client.upload_part(PartNumber=number, Body=content, **at)
            checksum = {"ChecksumCRC32": part["ChecksumCRC32"]} if "ChecksumCRC32" in part else {}
            return {"PartNumber": number, "ETag": part["ETag"], **checksum}

        async def send() -> None:
            upload = await self._client.create_multipart_upload(Bucket=self.bucket, Key=key)
            at = {"Bucket": self.bucket, "Key": key, "UploadId": upload["UploadId"]}
            pieces = [body[offset : offset + PART] for offset in range(0, len(body), PART)]
            parts = await asyncio.gather(*(send_part(at, number, piece) for number, piece in enumerate(pieces, 1)))
            await self._client.complete_multipart_upload(MultipartUpload={"Parts": parts}, **at)

        self._run(send())

    def abort_multipart(self, key: str, part: bytes) -> None:
        upload = self._run(self._client.create_multipart_upload(Bucket=self.bucket, Key=key))
        at = {"Bucket": self.bucket, "Key": key, "UploadId": upload["UploadId"]}
        self._run(self._client.upload_part(PartNumber=1, Body=part, **at))
        self._run(self._client.abort_multipart_upload(**at))

    def tag(self, key: str, tags: Mapping[str, str]) -> None:
        entries = [{"Key": name, "Value": value} for name, value in tags.items()]
        self._run(self._client.put_object_tagging(Bucket=self.bucket, Key=key, Tagging={"TagSet": entries}))

    def tags(self, key: str) -> Mapping[str, str]:
        answer = self._run(self._client.get_object_tagging(Bucket=self.bucket, Key=key))
        return {entry["Key"]: entry["Value"] for entry in answer["TagSet"]}

    def presign_get(self, key: str) -> str:
        return self._presign("get_object", key)

    def presign_put(self, key: str) -> str:
        return self._presign("put_object", key)

    def _presign(self, operation: str, key: str) -> str:
        url: str = self._run(self._client.generate_presigned_url(operation, Params={"Bucket": self.bucket, "Key": key}))
        return url
