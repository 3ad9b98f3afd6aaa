from pathlib import Path

import pytest

from loadtests.matrix.client import NotOffered
from loadtests.matrix.clients.tables import Tables


def test_all_but_reading_is_not_offered(tmp_path: Path) -> None:
    tables = Tables()
    assert tables.reads == "parquet"
    for action in (
        lambda: tables.put("key", b""),
        lambda: tables.get_range("key", 0, 1),
        lambda: tables.list("prefix/"),
        lambda: tables.multipart("key", b""),
        lambda: tables.delete("key"),
        lambda: tables.presign("key", 60),
        lambda: tables.sync(tmp_path, "prefix/"),
    ):
        with pytest.raises(NotOffered, match="only reads tables"):
            action()
