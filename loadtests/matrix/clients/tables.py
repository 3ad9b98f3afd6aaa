"""Clients that read Parquet files, and nothing else, from S3."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NoReturn

from loadtests.matrix.client import NotOffered


class Tables:
    """What they do not offer; `get` is theirs."""

    reads: Literal["bytes", "parquet"] = "parquet"

    def put(self, key: str, body: bytes) -> None:
        _refuse()

    def get_range(self, key: str, first: int, last: int) -> bytes:
        _refuse()

    def list(self, prefix: str) -> Sequence[str]:
        _refuse()

    def multipart(self, key: str, body: bytes) -> None:
        _refuse()

    def delete(self, key: str) -> None:
        _refuse()

    def presign(self, key: str, seconds: int) -> str:
        _refuse()

    def sync(self, folder: Path, prefix: str) -> None:
        _refuse()


def _refuse() -> NoReturn:
    raise NotOffered("only reads tables")
