"""A storage in memory, and a client of it that does everything right."""

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import pyarrow.parquet

from loadtests.matrix.actions import Scene
from loadtests.matrix.client import Endpoint
from loadtests.matrix.store import Store, many_keys


class MemoryStore(Store):
    """Objects by key, with the number of their parts. Whatever is in the way of a test can be done to them."""

    def __init__(self) -> None:
        self.objects = dict.fromkeys(many_keys(), b"")
        self.counts: dict[str, int] = {}

    def put(self, key: str, body: bytes) -> None:
        self.objects[key] = body

    def get(self, key: str) -> bytes | None:
        return self.objects.get(key)

    def parts(self, key: str) -> int:
        return self.counts.get(key, 0)

    def keys(self, prefix: str) -> list[str]:
        return [key for key in self.objects if key.startswith(prefix)]


class FaithfulClient:
    """Does what it is asked to."""

    reads: Literal["bytes", "parquet"] = "bytes"

    def __init__(self, store: MemoryStore) -> None:
        self.store = store

    def put(self, key: str, body: bytes) -> None:
        self.store.put(key, body)

    def get(self, key: str) -> bytes:
        return self.store.objects[key]

    def get_range(self, key: str, first: int, last: int) -> bytes:
        return self.store.objects[key][first : last + 1]

    def list(self, prefix: str) -> Sequence[str]:
        return self.store.keys(prefix)

    def multipart(self, key: str, body: bytes) -> None:
        self.store.put(key, body)
        self.store.counts[key] = 3

    def delete(self, key: str) -> None:
        del self.store.objects[key]

    def presign(self, key: str, seconds: int) -> str:
        raise NotImplementedError

    def sync(self, folder: Path, prefix: str) -> None:
        for file in folder.rglob("*"):
            if file.is_file():
                self.store.put(prefix + file.relative_to(folder).as_posix(), file.read_bytes())


class TableClient(FaithfulClient):
    """Reads Parquet files and nothing else."""

    reads = "parquet"

    def get(self, key: str) -> bytes:
        table = pyarrow.parquet.read_table(pyarrow.BufferReader(self.store.objects[key]))
        return b"".join(struct.pack("<q", number) for number in table["n"].to_pylist())


def scene_of(client: FaithfulClient, folder: Path) -> Scene:
    """A scene whose prefix is `mine/`."""
    endpoint = Endpoint("http://127.0.0.1", "key", "secret", "us-east-1", "matrix", None, folder)
    return Scene(client, endpoint, client.store, "mine/")
