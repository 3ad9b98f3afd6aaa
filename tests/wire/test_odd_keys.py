"""Keys that a proxy which decodes, merges slashes or resolves dots would change."""

import pytest

from tests.wire.drivers.boto import Boto3
from tests.wire.drivers.driver import Ability, Driver
from tests.wire.matrix import DRIVERS, ODD_KEY_LIMITS, ODD_KEYS, able, clients, odd_keys

pytestmark = pytest.mark.wire

LIMITED = tuple(kind for kind in DRIVERS if any(limited is kind for limited, _ in ODD_KEY_LIMITS))


@clients(DRIVERS)
def test_an_odd_key_is_stored_as_it_was_sent(driver: Driver, storage: Boto3, folder: str) -> None:
    for key in odd_keys(driver):
        driver.put(folder + key, key.encode())
    assert storage.keys(folder) == sorted(folder + key for key in odd_keys(driver))
    for key in odd_keys(driver):
        assert storage.get(folder + key) == key.encode()


@clients(DRIVERS)
def test_an_odd_key_is_read_back(driver: Driver, storage: Boto3, folder: str) -> None:
    for key in odd_keys(driver):
        storage.put(folder + key, key.encode())
    for key in odd_keys(driver):
        assert driver.get(folder + key) == key.encode()


@able(Ability.PRESIGN_PUT)
def test_an_odd_key_is_written_and_read_by_presigned_urls(driver: Driver, storage: Boto3, folder: str) -> None:
    for key in odd_keys(driver):
        driver.endpoint.fetch(driver.presign_put(folder + key), "PUT", key.encode())
        assert storage.get(folder + key) == key.encode()
        assert driver.endpoint.fetch(driver.presign_get(folder + key)) == key.encode()


@clients(LIMITED)
def test_a_client_that_cannot_address_a_key_stores_the_same_without_s3edge(
    driver: Driver, storage: Boto3, folder: str
) -> None:
    for kind, key in ODD_KEY_LIMITS:
        if isinstance(driver, kind):
            below = f"{folder}{ODD_KEYS.index(key)}/"
            try:
                driver.put(below + key, b"")
            except (OSError, ValueError):
                pass  # its own refusal
            limit = ODD_KEY_LIMITS[kind, key]
            stored = () if limit.is_missigned and driver.endpoint.is_verifying else limit.stored
            assert storage.keys(below) == [below + name for name in stored]
