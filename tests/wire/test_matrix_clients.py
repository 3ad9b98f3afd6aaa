"""The clients of the matrix, each on its own, by TLS through s3edge: what they say they do is done.

`python -m loadtests.matrix` is what compares it with the storage itself.
"""

import io
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pyarrow
import pytest
from pyarrow import parquet

from loadtests.matrix import client as matrix
from loadtests.matrix.client import PART_SIZE, Client, Missing, NotOffered
from loadtests.matrix.clients import START, VERSIONS
from tests.wire.drivers.boto import Boto3
from tests.wire.endpoint import Endpoint

pytestmark = [pytest.mark.wire, pytest.mark.timeout(180)]

BODY = bytes(range(256)) * 256
UPLOAD = BODY * (PART_SIZE // len(BODY)) * 2 + BODY


@pytest.fixture(scope="module")
def storage(https: Endpoint) -> Iterator[Boto3]:
    with closing(Boto3(https.storage, f"matrix-{uuid4().hex[:12]}")) as storage:
        storage.client.create_bucket(Bucket=storage.bucket)
        yield storage


@pytest.fixture
def client(request: pytest.FixtureRequest, https: Endpoint, storage: Boto3, tmp_path: Path) -> Iterator[Client]:
    keys = {"access_key": https.access_key, "secret_key": https.secret_key, "region": https.region}
    endpoint = matrix.Endpoint(https.url, **keys, bucket=storage.bucket, authority=https.ca, folder=tmp_path)
    try:
        with START[request.param](endpoint) as client:
            yield client
    except Missing as missing:
        pytest.skip(str(missing))


@pytest.mark.parametrize("client", START, indirect=True)
def test_a_client_does_what_it_does_not_refuse(
    client: Client, storage: Boto3, https: Endpoint, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    below = f"{request.node.callspec.id}/"
    done = [action for action, do in actions(client, storage, https, below, tmp_path).items() if is_offered(do)]
    if client.reads == "parquet":
        assert done == ["get"]
    else:
        assert done[:5] == ["get", "put and list", "range", "multipart", "delete"]


def is_offered(do: Callable[[], None]) -> bool:
    try:
        do()
    except NotOffered:
        return False
    return True


def actions(
    client: Client, storage: Boto3, endpoint: Endpoint, below: str, folder: Path
) -> dict[str, Callable[[], None]]:
    """Each does one thing by the client, and looks at the storage itself for what came of it."""
    name = f"{below}stored"
    storage.put(name, table_of(BODY) if client.reads == "parquet" else BODY)

    def get() -> None:
        assert client.get(name) == BODY

    def put_and_list() -> None:
        client.put(f"{below}put/a b", BODY)
        assert storage.get(f"{below}put/a b") == BODY
        assert list(client.list(f"{below}pu")) == [f"{below}put/a b"]

    def get_range() -> None:
        assert client.get_range(name, 100, 5_000) == BODY[100:5_001]

    def multipart() -> None:
        client.multipart(f"{below}upload", UPLOAD)
        assert storage.get(f"{below}upload") == UPLOAD
        assert "-" in storage.etag(f"{below}upload"), "it came in one part"

    def delete() -> None:
        storage.put(f"{below}doomed", b"")
        client.delete(f"{below}doomed")
        assert storage.keys(f"{below}doomed") == []

    def presign() -> None:
        assert endpoint.fetch(client.presign(name, 60)) == BODY

    def sync() -> None:
        file = folder / "sync" / "folder" / "file"
        file.parent.mkdir(parents=True)
        file.write_bytes(BODY)
        client.sync(folder / "sync", f"{below}sync/")
        assert storage.get(f"{below}sync/folder/file") == BODY

    return {
        "get": get,
        "put and list": put_and_list,
        "range": get_range,
        "multipart": multipart,
        "delete": delete,
        "presign": presign,
        "sync": sync,
    }


def table_of(numbers: bytes) -> bytes:
    """A Parquet file whose column `n` has these bytes."""
    column = pyarrow.Array.from_buffers(pyarrow.int64(), len(numbers) // 8, [None, pyarrow.py_buffer(numbers)])
    file = io.BytesIO()
    parquet.write_table(pyarrow.table({"n": column}), file)
    return file.getvalue()


@pytest.mark.parametrize("name", START)
def test_a_client_tells_its_version(name: str) -> None:
    try:
        assert VERSIONS[name]()[0].isdigit()
    except Missing as missing:
        pytest.skip(str(missing))
