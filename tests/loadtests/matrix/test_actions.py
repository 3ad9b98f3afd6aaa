"""What a client did is believed only if the storage shows it. Presigned URLs are tried in tests/wire/test_matrix.py."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from loadtests.matrix.actions import DYING, NAMES, ODD, ODD_KEYS, carry_out
from loadtests.matrix.client import NotOffered
from loadtests.matrix.outcome import Outcome, Result
from loadtests.matrix.store import LARGE, LARGE_SIZE, bytes_of, parquet_of
from tests.loadtests.matrix.fakes import FaithfulClient, MemoryStore, TableClient, scene_of

WITHOUT_SOCKETS = [name for name in NAMES if name != "presigned"]


class Liar(FaithfulClient):
    """Says that all went well."""

    def put(self, key: str, body: bytes) -> None:
        super().put(key, body[:-1] + bytes([body[-1] ^ 1]))

    def get(self, key: str) -> bytes:
        return super().get(key)[:-1]

    def get_range(self, key: str, first: int, last: int) -> bytes:
        return super().get_range(key, first, last - 1)

    def list(self, prefix: str) -> Sequence[str]:
        return [*super().list(prefix)[:1000], "many/0000"]

    def multipart(self, key: str, body: bytes) -> None:
        self.store.put(key, body)

    def delete(self, key: str) -> None:
        pass

    def sync(self, folder: Path, prefix: str) -> None:
        self.store.put(f"{prefix}one", (folder / "one").read_bytes())


class Reader(FaithfulClient):
    """Cannot write."""

    def put(self, key: str, body: bytes) -> None:
        raise NotOffered("only reads")


@pytest.mark.parametrize("action", WITHOUT_SOCKETS)
def test_what_is_done_right_is_ok(action: str, tmp_path: Path) -> None:
    client = FaithfulClient(MemoryStore())
    client.store.put(LARGE["bytes"], bytes_of("large", LARGE_SIZE))
    assert carry_out(action, scene_of(client, tmp_path)) == Result(Outcome.OK)


@pytest.mark.parametrize(
    "action,reason",
    [
        ("put", "other bytes, as many"),
        ("get", "other bytes, 65,535 for 65,536"),
        ("range", "other bytes, 65,905 for 65,906"),
        ("list", "1,001 keys, 1,000 of them different, for 1,005"),
        ("multipart", "came in one part, not in parts of 5,242,880 bytes"),
        ("delete", "the object is still there"),
        ("sync", "one is there for one, two/three, two/four five, or has other bytes"),
        (DYING, "other bytes, 25,165,823 for 25,165,824"),
    ],
)
def test_what_only_seems_to_be_done_is_wrong(action: str, reason: str, tmp_path: Path) -> None:
    client = Liar(MemoryStore())
    client.store.put(LARGE["bytes"], bytes_of("large", LARGE_SIZE))
    assert carry_out(action, scene_of(client, tmp_path)) == Result(Outcome.WRONG, reason)


def test_what_was_put_under_another_name_is_wrong(tmp_path: Path) -> None:
    class Renamer(FaithfulClient):
        def put(self, key: str, body: bytes) -> None:
            super().put(f"{key}x", body)

    result = carry_out("put", scene_of(Renamer(MemoryStore()), tmp_path))
    assert result == Result(Outcome.WRONG, "there is no object of this name")


def test_an_error_of_the_client_is_told_in_its_words(tmp_path: Path) -> None:
    class Refused(FaithfulClient):
        def get(self, key: str) -> bytes:
            raise PermissionError(f"may not read {key}")

    result = carry_out("get", scene_of(Refused(MemoryStore()), tmp_path))
    assert result == Result(Outcome.FAILED, "PermissionError: may not read get")


def test_what_a_client_does_not_offer_has_not_failed(tmp_path: Path) -> None:
    result = carry_out("put", scene_of(Reader(MemoryStore()), tmp_path))
    assert result == Result(Outcome.NOT_OFFERED, "only reads")


def test_odd_keys_that_a_client_resolves_are_named(tmp_path: Path) -> None:
    class Resolver(FaithfulClient):
        def put(self, key: str, body: bytes) -> None:
            super().put(key.replace("/./", "/").replace("b/../", ""), body)

    result = carry_out(ODD, scene_of(Resolver(MemoryStore()), tmp_path))
    assert result.outcome is Outcome.FAILED
    assert result.parts == {"dot segments": "there is no object of this name"}
    assert result.reason == "dot segments: there is no object of this name"


def test_who_cannot_write_reads_odd_keys_that_others_wrote(tmp_path: Path) -> None:
    client = Reader(MemoryStore())
    assert carry_out(ODD, scene_of(client, tmp_path)) == Result(Outcome.OK)
    assert client.store.keys("mine/") == [f"mine/{key}" for key in ODD_KEYS.values()]


def test_who_reads_tables_finds_the_same_bytes_in_them(tmp_path: Path) -> None:
    client = TableClient(MemoryStore())
    client.store.put(LARGE["parquet"], parquet_of(bytes_of("large", LARGE_SIZE)))
    for action in ("get", DYING):
        assert carry_out(action, scene_of(client, tmp_path)) == Result(Outcome.OK)
    assert client.store.objects["mine/get"].startswith(b"PAR1")
