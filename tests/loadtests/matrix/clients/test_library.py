import os
from pathlib import Path

import pytest

from loadtests.matrix.client import NotOffered
from loadtests.matrix.clients.library import Library, environment, trust
from tests.loadtests.matrix.clients.endpoints import AUTHORITY


def test_variables_are_set_for_the_block_and_then_as_they_were() -> None:
    before = dict(os.environ)
    with environment({"PATH": "elsewhere", "S3EDGE_NEW": "1"}):
        assert (os.environ["PATH"], os.environ["S3EDGE_NEW"]) == ("elsewhere", "1")
    assert dict(os.environ) == before


def test_variables_are_as_they_were_after_a_failure_too() -> None:
    before = dict(os.environ)
    with pytest.raises(ZeroDivisionError), environment({"S3EDGE_NEW": "1"}):
        _ = 1 / 0
    assert dict(os.environ) == before


def test_an_authority_is_trusted_by_a_variable_and_no_authority_by_none() -> None:
    assert trust(AUTHORITY) == {"SSL_CERT_FILE": "/authority.pem"}
    assert trust(None) == {}


def test_a_library_has_no_sync(tmp_path: Path) -> None:
    with pytest.raises(NotOffered, match="no command"):
        Library().sync(tmp_path, "prefix/")
