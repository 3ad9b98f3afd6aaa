"""The clients of the wire tests, and what each of them cannot do whatever it talks to.

Every line is proven against the storage itself too: the same tests run with the endpoint `direct`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pytest

from tests.wire.drivers.aio import Aiobotocore
from tests.wire.drivers.arrow import Pyarrow
from tests.wire.drivers.aws import AwsCli
from tests.wire.drivers.boto import Boto3
from tests.wire.drivers.command_line import CommandLine
from tests.wire.drivers.driver import Ability, Driver
from tests.wire.drivers.fsspec import S3fs
from tests.wire.drivers.minio import MinioPy
from tests.wire.drivers.s3cmd import S3cmd

DRIVERS: tuple[type[Driver], ...] = (Boto3, Aiobotocore, AwsCli, S3cmd, MinioPy, S3fs, Pyarrow)

# What the client's public interface does not offer.
CANNOT: Mapping[tuple[type[Driver], Ability], str] = {
    (AwsCli, Ability.PRESIGN_PUT): "`aws s3 presign` signs GET only",
    (S3cmd, Ability.LIST_V2): "lists by ListObjects only",
    (S3cmd, Ability.PRESIGN_PUT): "`s3cmd signurl` signs GET only",
    (S3fs, Ability.LIST_V1): "lists by ListObjectsV2 only",
    (Pyarrow, Ability.LIST_V1): "lists by ListObjectsV2 only",
    (Pyarrow, Ability.ABORT_MULTIPART): "closing its output stream completes the upload; there is no other end",
    (Pyarrow, Ability.TAGGING): "has no call for it",
    (Pyarrow, Ability.PRESIGN_GET): "has no call for it",
    (Pyarrow, Ability.PRESIGN_PUT): "has no call for it",
}

# Keys that a proxy which decodes, merges slashes or resolves dots would change.
ODD_KEYS = ("a//b", "a/./b", "a/../b", "a%2Fb", "a+b", "a@b", "a b", "ä/ö ☃", "a&b=c;d,e$f", "a'(b)*!~", "trail/")
# What a storage that keeps objects as files, such as MinIO, refuses, whoever sends it.
NO_FILE_NAMES = ("a//b", "a/./b", "a/../b")
# All of it in one key, for clients that start a program for each call.
ODD_NAME = "d%2Fe+f@g h/ä ☃&i=j;k,l$m'(n)*!~"
ODD_KEY = f"a//b/./c/../{ODD_NAME}"


def odd_keys(driver: Driver) -> list[str]:
    """The odd keys that the client can address and the storage behind it keeps."""
    refused = driver.endpoint.refused
    if isinstance(driver, CommandLine):
        return [ODD_NAME if refused else ODD_KEY]
    return [key for key in ODD_KEYS if key not in refused and (type(driver), key) not in ODD_KEY_LIMITS]


@dataclass(frozen=True)
class OddKeyLimit:
    """Why a client cannot address a key, and what its put creates instead, if anything."""

    reason: str
    stored: tuple[str, ...] = ()
    is_missigned: bool = False  # what is sent is not what was signed: a storage that verifies refuses it


ODD_KEY_LIMITS: Mapping[tuple[type[Driver], str], OddKeyLimit] = {
    (S3cmd, "trail/"): OddKeyLimit("takes it for a folder and appends the file's name", ("trail/body",)),
    (MinioPy, "a/./b"): OddKeyLimit("refuses dot segments"),
    (MinioPy, "a/../b"): OddKeyLimit("refuses dot segments"),
    (Pyarrow, "a//b"): OddKeyLimit("refuses empty path components"),
    (Pyarrow, "a/./b"): OddKeyLimit("signs it as it is, sends it resolved", ("a/b",), is_missigned=True),
    (Pyarrow, "a/../b"): OddKeyLimit("signs it as it is, sends it resolved", ("b",), is_missigned=True),
    (Pyarrow, "trail/"): OddKeyLimit("takes it for a folder"),
}


# Endpoints as parameters whose tests need Ceph; its first start takes a while.
ON_CEPH = [
    pytest.param(name, marks=[pytest.mark.ceph, pytest.mark.timeout(180)])
    for name in ("ceph_direct", "ceph_http", "ceph_https")
]

# The same for MinIO, whose four nodes take a while too.
ON_MINIO = [
    pytest.param(name, marks=[pytest.mark.minio, pytest.mark.timeout(180)])
    for name in ("minio_direct", "minio_http", "minio_https")
]


def able(ability: Ability) -> pytest.MarkDecorator:
    """Run the test with each client that has the ability."""
    return clients([kind for kind in DRIVERS if (kind, ability) not in CANNOT])


def clients(kinds: Sequence[type[Driver]]) -> pytest.MarkDecorator:
    """Run the test with each of these clients: parametrises the fixture `driver`."""
    return pytest.mark.parametrize("driver", kinds, ids=[kind.name for kind in kinds], indirect=True, scope="session")
