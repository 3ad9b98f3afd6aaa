"""Storages (moto on three ports, real Ceph, real MinIO), s3edge before each by HTTP and by HTTPS, and the clients."""

import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from loadtests.ceph.lab import PROGRAMS, Lab, missing_programs
from loadtests.cluster.keys import new_keys
from loadtests.cluster.minio import INSTALL, PROGRAM, minio_nodes
from s3edge.demo.nodes import Nodes
from tests.wire.drivers.boto import Boto3
from tests.wire.drivers.driver import Driver
from tests.wire.edge import Certificate, edge, issue_certificate, node_flags
from tests.wire.endpoint import Endpoint
from tests.wire.matrix import NO_FILE_NAMES, ON_CEPH, ON_MINIO


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return issue_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="session")
def moto() -> Iterator[tuple[Endpoint, ...]]:
    """The nodes of a storage that believes every signature."""
    with Nodes() as nodes:
        yield tuple(Endpoint("direct", url) for url in nodes.urls)


@pytest.fixture(scope="session")
def ceph_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The lab that runs, or one for these tests only; there is room for one at a time, since its ports are fixed."""
    if missing_programs():
        pytest.skip(f"needs Debian's packages {' '.join(sorted(set(PROGRAMS.values())))}")
    lab = Lab()
    is_ours = lab.monitor.pid() is None
    if is_ours:
        lab = Lab(tmp_path_factory.mktemp("ceph"))
    lab.up()
    yield lab
    if is_ours:
        lab.down(wipe=True)


@pytest.fixture(scope="session")
def ceph(ceph_lab: Lab) -> tuple[Endpoint, ...]:
    """The gateways of a storage that verifies signatures."""
    access = ceph_lab.up()
    return tuple(
        Endpoint(
            "ceph_direct",
            url,
            access_key=access.access_key,
            secret_key=access.secret_key,
            region=access.region,
            checksums="when_required",  # Ceph 16 knows no trailers
            is_verifying=True,
        )
        for url in access.endpoints
    )


@pytest.fixture(scope="session")
def minio_program() -> None:
    if shutil.which(PROGRAM) is None:
        pytest.skip(f"needs {PROGRAM} on PATH; with Go: {INSTALL}")


@pytest.fixture(scope="session")
def minio(minio_program: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Endpoint, ...]]:
    """The nodes of a storage that verifies signatures, checksums and trailers: one erasure set over four."""
    keys = new_keys()
    with minio_nodes(4, tmp_path_factory.mktemp("minio"), keys) as nodes:
        yield tuple(
            Endpoint(
                "minio_direct",
                node.url,
                access_key=keys.admin.access,
                secret_key=keys.admin.secret,
                is_verifying=True,
                refused=NO_FILE_NAMES,
                lists_all_uploads=False,
            )
            for node in nodes
        )


@contextmanager
def edge_before(
    name: str, nodes: Sequence[Endpoint], folder: Path, certificate: Certificate | None = None
) -> Iterator[Endpoint]:
    """The storage behind an s3edge of its own, which speaks TLS if it has a certificate."""
    flags = certificate.flags if certificate else ()
    with edge(folder, *node_flags(node.url for node in nodes), *flags) as running:
        scheme = "https" if certificate else "http"
        yield nodes[0].behind(name, f"{scheme}://{running.authority}", certificate.ca if certificate else None)


@pytest.fixture(scope="session")
def http(moto: tuple[Endpoint, ...], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    with edge_before("http", moto, tmp_path_factory.mktemp("http")) as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def https(
    moto: tuple[Endpoint, ...], certificate: Certificate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Endpoint]:
    with edge_before("https", moto, tmp_path_factory.mktemp("https"), certificate) as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def ceph_http(ceph: tuple[Endpoint, ...], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    with edge_before("ceph_http", ceph, tmp_path_factory.mktemp("ceph_http")) as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def ceph_https(
    ceph: tuple[Endpoint, ...], certificate: Certificate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Endpoint]:
    with edge_before("ceph_https", ceph, tmp_path_factory.mktemp("ceph_https"), certificate) as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def minio_http(minio: tuple[Endpoint, ...], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    with edge_before("minio_http", minio, tmp_path_factory.mktemp("minio_http")) as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def minio_https(
    minio: tuple[Endpoint, ...], certificate: Certificate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Endpoint]:
    with edge_before("minio_https", minio, tmp_path_factory.mktemp("minio_https"), certificate) as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def direct(moto: tuple[Endpoint, ...]) -> Endpoint:
    return moto[0]


@pytest.fixture(scope="session")
def ceph_direct(ceph: tuple[Endpoint, ...]) -> Endpoint:
    return ceph[0]


@pytest.fixture(scope="session")
def minio_direct(minio: tuple[Endpoint, ...]) -> Endpoint:
    return minio[0]


@pytest.fixture(
    scope="session",
    params=["direct", "http", "https", *ON_CEPH, *ON_MINIO],
)
def endpoint(request: pytest.FixtureRequest) -> Endpoint:
    """Each endpoint in turn; the storages themselves prove that the drivers and the expectations are right."""
    found: Endpoint = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="session")
def storage(endpoint: Endpoint) -> Iterator[Boto3]:
    """What a test uses to prepare and to look at the storage behind the endpoint under test; its bucket is new."""
    storage = Boto3(endpoint.storage, f"wire-{uuid4().hex[:12]}")
    storage.client.create_bucket(Bucket=storage.bucket)
    yield storage
    storage.close()


@pytest.fixture(scope="session")
def driver(request: pytest.FixtureRequest, endpoint: Endpoint, storage: Boto3) -> Iterator[Driver]:
    """The client under test, of the type that the test is parametrised with."""
    kind: type[Driver] = request.param
    driver = kind(endpoint, storage.bucket)
    yield driver
    driver.close()


@pytest.fixture
def folder(request: pytest.FixtureRequest) -> str:
    """A key prefix that no other test uses, ending with `/`."""
    return re.sub(r"\W+", "-", request.node.name).strip("-") + "/"
