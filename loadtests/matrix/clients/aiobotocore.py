"""aiobotocore: botocore on asyncio, with the same defaults as boto3, and parts sent side by side by its user."""

import asyncio
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import metadata
from typing import Any

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session

from loadtests.matrix.client import PART_SIZE, Endpoint
from loadtests.matrix.clients.boto3 import PATH_STYLE, settings
from loadtests.matrix.clients.library import Library


def version() -> str:
    return metadata.version("aiobotocore")


@contextmanager
def start(endpoint: Endpoint) -> Iterator["Aiobotocore"]:
    context = get_session().create_client("s3", **settings(endpoint), config=AioConfig(**PATH_STYLE))
    with asyncio.Runner() as runner:
        client = runner.run(context.__aenter__())
        try:
            yield Aiobotocore(runner, client, endpoint.bucket)
        finally:
            runner.run(context.__aexit__(None, None, None))


class Aiobotocore(Library):
    """A client on a loop of its own, which runs for the length of each call."""

    def __init__(self, runner: asyncio.Runner, client: Any, bucket: str) -> None:
        self._run = runner.run
        self._client = client
        self._bucket = bucket

    def put(self, key: str, body: bytes) -> None:
        self._run(self._client.put_object(Bucket=self._bucket, Key=key, Body=body))

    def get(self, key: str) -> bytes:
        return self._run(self._read(Key=key))

    def get_range(self, key: str, first: int, last: int) -> bytes:
        return self._run(self._read(Key=key, Range=f"bytes={first}-{last}"))

    async def _read(self, **asked: str) -> bytes:
        answer = await self._client.get_object(Bucket=self._bucket, **asked)
        async with answer["Body"] as body:
            content: bytes = await body.read()
            return content

    def list(self, prefix: str) -> Sequence[str]:
        async def collect() -> Sequence[str]:
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
            return [entry["Key"] async for page in pages for entry in page.get("Contents", ())]

        return self._run(collect())

    def multipart(self, key: str, body: bytes) -> None:
        self._run(self._upload({"Bucket": self._bucket, "Key": key}, body))

    async def _upload(self, at: Mapping[str, str], body: bytes) -> None:
        upload = await self._client.create_multipart_upload(**at)
        at = {**at, "UploadId": upload["UploadId"]}
        pieces = [body[offset : offset + PART_SIZE] for offset in range(0, len(body), PART_SIZE)]
        sends: list[Coroutine[Any, Any, Mapping[str, Any]]] = [
            self._client.upload_part(PartNumber=number, Body=piece, **at) for number, piece in enumerate(pieces, 1)
        ]
        answers = await asyncio.gather(*sends)
        parts = [{"PartNumber": number, "ETag": answer["ETag"]} for number, answer in enumerate(answers, 1)]
        await self._client.complete_multipart_upload(MultipartUpload={"Parts": parts}, **at)

    def delete(self, key: str) -> None:
        self._run(self._client.delete_object(Bucket=self._bucket, Key=key))

    def presign(self, key: str, seconds: int) -> str:
        at = {"Bucket": self._bucket, "Key": key}
        return str(self._run(self._client.generate_presigned_url("get_object", Params=at, ExpiresIn=seconds)))
