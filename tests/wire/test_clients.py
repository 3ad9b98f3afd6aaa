"""Every operation of the matrix, by every client that has it, against the storage itself and through s3edge.

Each test lets the client under test do one thing; what must be there before, and what must be there after, is put and
looked up by boto3 at the storage itself.
"""

import random

import pytest

from tests.wire.drivers.boto import Boto3
from tests.wire.drivers.driver import PART, Ability, Driver, Listing
from tests.wire.endpoint import MIB
from tests.wire.matrix import able

pytestmark = pytest.mark.wire

SIZES = (0, 1, 4096, 5 * MIB)
CONTENT = random.Random(0).randbytes(3 * PART)


@able(Ability.PUT)
def test_an_object_put_arrives_whole_whatever_its_size(driver: Driver, storage: Boto3, folder: str) -> None:
    for size in SIZES:
        driver.put(f"{folder}{size}", CONTENT[:size])
        assert storage.get(f"{folder}{size}") == CONTENT[:size]


@able(Ability.GET)
def test_an_object_is_read_whole_whatever_its_size(driver: Driver, storage: Boto3, folder: str) -> None:
    for size in SIZES:
        storage.put(f"{folder}{size}", CONTENT[:size])
        assert driver.get(f"{folder}{size}") == CONTENT[:size]


@able(Ability.GET_RANGE)
def test_a_range_is_exactly_the_bytes_asked_for(driver: Driver, storage: Boto3, folder: str) -> None:
    storage.put(f"{folder}object", CONTENT[:MIB])
    assert driver.get_range(f"{folder}object", 1000, 70_000) == CONTENT[1000:70_001]


@able(Ability.SIZE)
def test_head_tells_the_size_without_a_body(driver: Driver, storage: Boto3, folder: str) -> None:
    storage.put(f"{folder}object", CONTENT[:MIB])
    assert driver.size(f"{folder}object") == MIB
    assert driver.size(f"{folder}object") == MIB, "a second HEAD finds its connection in order"


@able(Ability.LIST_V1)
def test_the_first_list_call_shows_one_level(driver: Driver, storage: Boto3, folder: str) -> None:
    expected = fill(storage, folder)
    assert driver.list_v1(folder) == expected


@able(Ability.LIST_V2)
def test_the_second_list_call_shows_one_level(driver: Driver, storage: Boto3, folder: str) -> None:
    expected = fill(storage, folder)
    assert driver.list_v2(folder) == expected


def fill(storage: Boto3, folder: str) -> Listing:
    """Put objects on two levels and tell what a listing of the upper one must show."""
    for key in ("one", "two", "three", "below/four", "below/five", "beside/six"):
        storage.put(f"{folder}{key}", b"")
    return Listing.of([f"{folder}one", f"{folder}two", f"{folder}three"], [f"{folder}below/", f"{folder}beside/"])


@able(Ability.COPY)
def test_a_copy_holds_the_same_bytes(driver: Driver, storage: Boto3, folder: str) -> None:
    storage.put(f"{folder}source", CONTENT[:4096])
    driver.copy(f"{folder}source", f"{folder}target")
    assert storage.get(f"{folder}target") == CONTENT[:4096]


@able(Ability.DELETE)
def test_a_deleted_object_is_gone(driver: Driver, storage: Boto3, folder: str) -> None:
    storage.put(f"{folder}object", b"")
    storage.put(f"{folder}other", b"")
    driver.delete(f"{folder}object")
    left = storage.keys(folder)
    assert f"{folder}object" not in left
    assert f"{folder}other" in left


@able(Ability.DELETE_MANY)
def test_objects_deleted_together_are_gone(driver: Driver, storage: Boto3, folder: str) -> None:
    doomed = [f"{folder}doomed/{number}" for number in range(5)]
    for key in (*doomed, f"{folder}other"):
        storage.put(key, b"")
    driver.delete_many(doomed)
    left = storage.keys(folder)
    assert not set(doomed) & set(left)
    assert f"{folder}other" in left


@able(Ability.MULTIPART)
def test_an_object_sent_in_parts_is_joined(driver: Driver, storage: Boto3, folder: str) -> None:
    body = CONTENT[: 2 * PART + 1]
    driver.multipart(f"{folder}object", body)
    assert storage.get(f"{folder}object") == body
    parts = int(storage.etag(f"{folder}object").strip('"').rpartition("-")[2])
    assert parts >= 2, "the client did not send parts"


@able(Ability.ABORT_MULTIPART)
def test_an_aborted_upload_leaves_nothing(driver: Driver, storage: Boto3, folder: str) -> None:
    driver.abort_multipart(f"{folder}object", CONTENT[:PART])
    assert storage.uploads(f"{folder}object") == []
    assert storage.keys(folder) == []


@able(Ability.TAGGING)
def test_tags_set_are_the_tags_read(driver: Driver, storage: Boto3, folder: str) -> None:
    storage.put(f"{folder}object", b"")
    driver.tag(f"{folder}object", {"team": "rag", "stage": "train"})
    assert storage.tags(f"{folder}object") == {"team": "rag", "stage": "train"}
    assert driver.tags(f"{folder}object") == {"team": "rag", "stage": "train"}


@able(Ability.PRESIGN_GET)
def test_a_presigned_url_reads_the_object(driver: Driver, storage: Boto3, folder: str) -> None:
    storage.put(f"{folder}object", CONTENT[:4096])
    assert driver.endpoint.fetch(driver.presign_get(f"{folder}object")) == CONTENT[:4096]


@able(Ability.PRESIGN_PUT)
def test_a_presigned_url_writes_the_object(driver: Driver, storage: Boto3, folder: str) -> None:
    driver.endpoint.fetch(driver.presign_put(f"{folder}object"), "PUT", CONTENT[:4096])
    assert storage.get(f"{folder}object") == CONTENT[:4096]
