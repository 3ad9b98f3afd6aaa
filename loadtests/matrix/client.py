"""What every client of the matrix is asked to do. One module of `clients` makes each of them do it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

PART_SIZE = 5 << 20
"""Bytes of a part of an upload: the smallest that S3 takes, except for the last."""


class NotOffered(Exception):
    """The client has no way to do this; the text says why in a few words."""


class Missing(Exception):
    """The client is not installed; the text says how to install it."""


@dataclass(frozen=True)
class Endpoint:
    """Where a client connects, and as whom.

    `authority` is the certificate authority in PEM to be trusted for https, None for http; `folder` is scratch space
    of this run, new and empty.
    """

    url: str
    access_key: str
    secret_key: str
    region: str
    bucket: str
    authority: Path | None
    folder: Path


class Client(Protocol):
    """One client with the settings that its users have. Methods block, and raise whatever the client raises.

    A method that the client has no way to offer raises NotOffered.
    """

    @property
    def reads(self) -> Literal["bytes", "parquet"]:
        """What `get` is good for: any object, or Parquet files, of whose int64 column `n` it gives the bytes."""
        ...

    def put(self, key: str, body: bytes) -> None: ...

    def get(self, key: str) -> bytes: ...

    def get_range(self, key: str, first: int, last: int) -> bytes:
        """The bytes from `first` to `last`, both included."""
        ...

    def list(self, prefix: str) -> Sequence[str]:
        """All keys that begin with `prefix`, over as many pages as there are."""
        ...

    def multipart(self, key: str, body: bytes) -> None:
        """Upload in parts of PART_SIZE."""
        ...

    def delete(self, key: str) -> None: ...

    def presign(self, key: str, seconds: int) -> str:
        """A URL by which anyone may GET the object for so many seconds."""
        ...

    def sync(self, folder: Path, prefix: str) -> None:
        """Upload the files below `folder` as keys below `prefix`."""
        ...
