"""Two storages (moto on three ports, a real Ceph), s3edge in front of each by HTTP and by HTTPS, and the clients."""

import re
from collections.abc import Iterator
from uuid import uuid4

import pytest

from loadtests.ceph.lab import PROGRAMS, Lab, missing_programs
from s3edge.demo.nodes import Nodes
from tests.wire.drivers.boto import Boto3
from tests.wire.drivers.driver import Driver
from tests.wire.edge import Certificate, edge, issue_certificate, node_flags
from tests.wire.endpoint import Endpoint
from tests.wire.matrix import ON_CEPH


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
def http(moto: tuple[Endpoint, ...], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    with edge(tmp_path_factory.mktemp("http"), *node_flags(node.url for node in moto)) as running:
        yield moto[0].behind("http", f"http://{running.authority}")


@pytest.fixture(scope="session")
def https(
    moto: tuple[Endpoint, ...], certificate: Certificate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Endpoint]:
    folder = tmp_path_factory.mktemp("https")
    with edge(folder, *node_flags(node.url for node in moto), *certificate.flags) as running:
        yield moto[0].behind("https", f"https://{running.authority}", certificate.ca)


@pytest.fixture(scope="session")
def ceph_http(ceph: tuple[Endpoint, ...], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    with edge(tmp_path_factory.mktemp("ceph_http"), *node_flags(node.url for node in ceph)) as running:
        yield ceph[0].behind("ceph_http", f"http://{running.authority}")


@pytest.fixture(scope="session")
def ceph_https(
    ceph: tuple[Endpoint, ...], certificate: Certificate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Endpoint]:
    folder = tmp_path_factory.mktemp("ceph_https")
    with edge(folder, *node_flags(node.url for node in ceph), *certificate.flags) as running:
        yield ceph[0].behind("ceph_https", f"https://{running.authority}", certificate.ca)


@pytest.fixture(scope="session")
def direct(moto: tuple[Endpoint, ...]) -> Endpoint:
    return moto[0]


@pytest.fixture(scope="session")
def ceph_direct(ceph: tuple[Endpoint, ...]) -> Endpoint:
    return ceph[0]


@pytest.fixture(
    scope="session",
    params=["direct", "http", "https", *ON_CEPH],
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
