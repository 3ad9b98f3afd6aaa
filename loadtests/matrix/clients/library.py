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
def environment(variables: dict[str, str]) -> Iterator[None]:
    """Set variables of this process for the block: some libraries take a setting from nowhere else."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def trust(authority: Path | None) -> dict[str, str]:
    """The variable by which libraries that have no argument for it take a certificate authority; none for http."""
    return {"SSL_CERT_FILE": str(authority)} if authority else {}
