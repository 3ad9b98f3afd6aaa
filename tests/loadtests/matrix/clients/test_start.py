"""The table of clients. tests/wire/test_matrix_clients.py runs them."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from loadtests.matrix import clients
from loadtests.matrix.client import Missing
from loadtests.matrix.clients import INSTALL, START, VERSIONS, imported
from tests.loadtests.matrix.clients.endpoints import endpoint

NO_CLIENTS = {"library", "program", "tables"}


def test_each_client_has_a_module_and_each_module_a_client() -> None:
    modules = {file.stem for file in Path(clients.__file__).parent.glob("*.py")} - {"__init__"} - NO_CLIENTS
    assert {name.replace("-", "_") for name in START} == modules
    assert all(find_spec(f"{clients.__name__}.{name}") for name in modules)


def test_what_starts_a_client_and_what_tells_its_version_are_in_the_order_of_the_table() -> None:
    assert list(START) == list(VERSIONS) == list(INSTALL)
    assert list(START)[:5] == ["boto3", "aiobotocore", "aws-cli", "aws-cli-crt", "s3cmd"]
    assert list(START)[-4:] == ["s3torchconnector", "polars", "duckdb", "aws-sdk-js"]


def test_a_client_whose_package_is_not_installed_is_missing_with_the_way_to_get_it() -> None:
    with pytest.raises(Missing, match=r"no module no_such_package; pip install polars"):
        imported("polars", "no_such_package")


def test_a_library_starts_without_a_connection(tmp_path: Path) -> None:
    with START["boto3"](endpoint(tmp_path)) as client:
        assert client.reads == "bytes"
        assert client.presign("a/b", 60).startswith("http://127.0.0.1:9000/bucket/a/b?AWSAccessKeyId=access&")
