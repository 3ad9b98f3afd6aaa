"""What the clients that are libraries share."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from loadtests.matrix.client import NotOffered


class Library:
    """A client without a command line."""

    reads: Literal["bytes", "parquet"] = "bytes"

    def sync(self, folder: Path, prefix: str) -> None:
        raise NotOffered("a library, no command")


@contextmanager
def environment(**variables: str) -> Iterator[None]:
    """Set variables for the block: some libraries take a setting from nowhere else."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
