"""What the wire tests ask of every S3 client."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from tests.wire.endpoint import MIB, Endpoint

PART = 5 * MIB  # bytes; S3's smallest part


class Ability(StrEnum):
    """An operation of the matrix."""

    PUT = "put"
    GET = "get"
    GET_RANGE = "get_range"
    SIZE = "size"
    LIST_V1 = "list_v1"
    LIST_V2 = "list_v2"
    COPY = "copy"
    DELETE = "delete"
    DELETE_MANY = "delete_many"
    MULTIPART = "multipart"
    ABORT_MULTIPART = "abort_multipart"
    TAGGING = "tagging"
    PRESIGN_GET = "presign_get"
    PRESIGN_PUT = "presign_put"


@dataclass(frozen=True)
class Listing:
    """The keys and common prefixes of a listing, each sorted."""

    keys: tuple[str, ...]
    prefixes: tuple[str, ...]

    @classmethod
    def of(cls, keys: Sequence[str], prefixes: Sequence[str] = ()) -> "Listing":
        """From the entries of all pages; moto repeats common prefixes on each page of the first list call."""
        return cls(tuple(sorted(keys)), tuple(sorted(set(prefixes))))


class Driver(ABC):
    """One S3 client, working on one bucket by path-style addresses.

    Methods raise whatever the client raises. What a client's public interface does not offer stands in
    tests/wire/matrix.py with the reason; such a method is never called.
    """

    name: ClassVar[str]

    def __init__(self, endpoint: Endpoint, bucket: str) -> None:
        self.endpoint = endpoint
        self.bucket = bucket

    def close(self) -> None:  # noqa: B027  # not every client has something to give back
        """Give connections back."""

    @abstractmethod
    def put(self, key: str, body: bytes) -> None: ...

    @abstractmethod
    def get(self, key: str) -> bytes: ...

    def get_range(self, key: str, first: int, last: int) -> bytes:
        """Bytes `first` to `last`, both included."""
        raise self._refusal(Ability.GET_RANGE)

    @abstractmethod
    def size(self, key: str) -> int:
        """The object's length by HeadObject."""

    def list_v1(self, prefix: str) -> Listing:
        """List one level below `prefix`, delimiter `/`, by ListObjects."""
        raise self._refusal(Ability.LIST_V1)

    def list_v2(self, prefix: str) -> Listing:
        """List one level below `prefix`, delimiter `/`, by ListObjectsV2."""
        raise self._refusal(Ability.LIST_V2)

    @abstractmethod
    def copy(self, source: str, target: str) -> None: ...

    @abstractmethod
    def delete(self, key: str) -> None: ...

    @abstractmethod
    def delete_many(self, keys: Sequence[str]) -> None: ...

    @abstractmethod
    def multipart(self, key: str, body: bytes) -> None:
        """Upload `body`, of more than two parts, in parts of PART bytes."""

    def abort_multipart(self, key: str, part: bytes) -> None:
        """Start an upload, send one part, give up."""
        raise self._refusal(Ability.ABORT_MULTIPART)

    def tag(self, key: str, tags: Mapping[str, str]) -> None:
        raise self._refusal(Ability.TAGGING)

    def tags(self, key: str) -> Mapping[str, str]:
        raise self._refusal(Ability.TAGGING)

    def presign_get(self, key: str) -> str:
        raise self._refusal(Ability.PRESIGN_GET)

    def presign_put(self, key: str) -> str:
        raise self._refusal(Ability.PRESIGN_PUT)

    def _refusal(self, ability: Ability) -> AssertionError:
        return AssertionError(f"{self.name} has no {ability}, which tests/wire/matrix.py should say")
