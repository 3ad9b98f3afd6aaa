"""s3fs, the fsspec file system of pandas, dask and Hugging Face datasets."""

import gc
from collections.abc import Mapping, Sequence

from s3fs import S3FileSystem

from tests.wire.drivers.boto import options
from tests.wire.drivers.driver import PART, Driver, Listing
from tests.wire.endpoint import Endpoint


class S3fs(Driver):
    name = "s3fs"

    def __init__(self, endpoint: Endpoint, bucket: str) -> None:
        super().__init__(endpoint, bucket)
        self._files = S3FileSystem(
            key=endpoint.access_key,
            secret=endpoint.secret_key,
            endpoint_url=endpoint.url,
            client_kwargs={"region_name": endpoint.region, "verify": str(endpoint.ca) if endpoint.ca else None},
            config_kwargs=options(endpoint),
            use_listings_cache=False,
            skip_instance_cache=True,
        )

    def close(self) -> None:
        """Have s3fs close its session now, while no loop runs: its finalizer takes whichever runs, another test's."""
        del self._files
        gc.collect()

    def _path(self, key: str) -> str:
        return f"{self.bucket}/{key}"

    def put(self, key: str, body: bytes) -> None:
        self._files.pipe_file(self._path(key), body)

    def get(self, key: str) -> bytes:
        content: bytes = self._files.cat_file(self._path(key))
        return content

    def get_range(self, key: str, first: int, last: int) -> bytes:
        content: bytes = self._files.cat_file(self._path(key), start=first, end=last + 1)
        return content

    def size(self, key: str) -> int:
        length: int = self._files.info(self._path(key))["size"]
        return length

    def list_v2(self, prefix: str) -> Listing:
        found = self._files.ls(self._path(prefix), detail=True)
        below = len(self._path(""))
        return Listing.of(
            [entry["name"][below:] for entry in found if entry["type"] == "file"],
            [f"{entry['name'][below:]}/" for entry in found if entry["type"] == "directory"],
        )

    def copy(self, source: str, target: str) -> None:
        self._files.cp_file(self._path(source), self._path(target))

    def delete(self, key: str) -> None:
        self._files.rm_file(self._path(key))

    def delete_many(self, keys: Sequence[str]) -> None:
        self._files.rm([self._path(key) for key in keys])

    def multipart(self, key: str, body: bytes) -> None:
        with self._files.open(self._path(key), "wb", block_size=PART) as file:
            for offset in range(0, len(body), PART):
                file.write(body[offset : offset + PART])

    def abort_multipart(self, key: str, part: bytes) -> None:
        file = self._files.open(self._path(key), "wb", block_size=PART, autocommit=False)
        file.write(part)
        file.close()
        file.discard()

    def tag(self, key: str, tags: Mapping[str, str]) -> None:
        self._files.put_tags(self._path(key), dict(tags))

    def tags(self, key: str) -> Mapping[str, str]:
        found: Mapping[str, str] = self._files.get_tags(self._path(key))
        return found

    def presign_get(self, key: str) -> str:
        url: str = self._files.url(self._path(key), client_method="get_object")
        return url

    def presign_put(self, key: str) -> str:
        url: str = self._files.url(self._path(key), client_method="put_object")
        return url
