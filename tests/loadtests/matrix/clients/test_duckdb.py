from pathlib import Path

import pytest

from tests.loadtests.matrix.clients.endpoints import AUTHORITY, endpoint

pytest.importorskip("duckdb", reason="needs duckdb")
from loadtests.matrix.clients.duckdb import is_for, quoted, secret  # it imports duckdb


def test_a_word_is_quoted_so_that_none_ends_the_statement() -> None:
    assert quoted("it's; secret") == "'it''s; secret'"


def test_the_secret_says_where_storage_is_and_as_whom(tmp_path: Path) -> None:
    assert secret(endpoint(tmp_path)) == (
        "CREATE SECRET (type s3, key_id 'access', secret 'it''s secret', region 'us-east-1', "
        "endpoint '127.0.0.1:9000', url_style 'path', use_ssl 'false')"
    )
    assert "endpoint '127.0.0.1:9443', url_style 'path', use_ssl 'true'" in secret(endpoint(tmp_path, AUTHORITY))


def test_an_extension_is_for_the_version_that_its_own_begins_with() -> None:
    assert is_for("1.4.4.20260205", "1.4.4")
    assert not is_for("1.4.40.20260205", "1.4.4")
    assert not is_for("1.4.4.20260205", "1.4.5")
