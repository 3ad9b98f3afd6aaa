"""The cases of the benchmark, and what each may cost."""

from dataclasses import dataclass

from loadtests.nodes import KIB, MIB, OBJECTS, UPLOAD_PATH, object_path


@dataclass(frozen=True)
class Case:
    """One load: the same request over and over on `connections` kept alive.

    `limit` is what s3edge may cost, as a multiple of the reference.
    """

    key: str
    title: str
    size: int
    connections: int
    limit: float
    path: str
    is_upload: bool = False
    is_tls: bool = False

    @property
    def is_bulk(self) -> bool:
        """Whether the cost is told per GiB, since bytes and not requests make it."""
        return self.size >= MIB


def _get(key: str, name: str, connections: int, limit: float, is_tls: bool = False) -> Case:
    size = OBJECTS[name]
    shown = f"{size // MIB} MiB" if size >= MIB else f"{size // KIB} KiB"
    title = f"{'TLS, ' if is_tls else ''}{shown} GET, {connections} connections"
    return Case(key, title, size, connections, limit, object_path(name), is_tls=is_tls)


CASES = {
    case.key: case
    for case in (
        _get("get-4k", "4KiB", 32, 2.0),
        _get("get-4k-many", "4KiB", 512, 1.8),
        _get("get-64k", "64KiB", 32, 1.6),
        _get("get-1m", "1MiB", 16, 1.6),
        _get("get-8m", "8MiB", 8, 1.0),
        _get("get-64m", "64MiB", 4, 1.0),
        Case("put-64m", "64 MiB PUT, 4 connections", 64 * MIB, 4, 1.1, UPLOAD_PATH, is_upload=True),
        _get("tls-4k", "4KiB", 32, 2.5, is_tls=True),
        _get("tls-8m", "8MiB", 8, 1.0, is_tls=True),
    )
}
"""By the name that `--cases` takes."""
