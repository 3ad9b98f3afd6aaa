"""What a client is asked to do, and how that is judged: each action raises if it did not go as it should."""

import ssl
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from loadtests.matrix.client import PART_SIZE, Client, Endpoint, NotOffered
from loadtests.matrix.outcome import Outcome, Result, reason_of
from loadtests.matrix.store import LARGE, LARGE_SIZE, MANY_PREFIX, Store, bytes_of, many_keys, parquet_of
from loadtests.nodes import KIB, MIB

SIZE = 64 * KIB
"""Of an object that is put or got whole."""

FIRST, LAST = 4_095, 70_000
"""Of a range that begins and ends in the middle of blocks of any size."""

UPLOAD_SIZE = 12 * MIB
"""Three parts, of which the last is smaller."""

URL_SECONDS = 60
ODD_KEYS: Mapping[str, str] = {
    "odd characters": "a%2Fb+c@d e/ä ☃&f=g;h,i$j'(k)*!~",
    "empty segments": "a//b",
    "dot segments": "a/./b/../c",
}
"""Keys that a client or a proxy which decodes, merges slashes or resolves dots would change."""


class Wrong(Exception):
    """The client says that it went well, but what is there is not what should be; the text says what is."""


@dataclass(frozen=True)
class Scene:
    """A client, the endpoint that it uses, the storage behind it, and a prefix of its own, which ends with `/`."""

    client: Client
    endpoint: Endpoint
    store: Store
    prefix: str

    def stored(self, key: str, size: int) -> bytes:
        """Put an object for the client to read; returns what the client has to read from it."""
        body = bytes_of(key, size)
        self.store.put(key, parquet_of(body) if self.client.reads == "parquet" else body)
        return body


def put(scene: Scene) -> None:
    key = f"{scene.prefix}put"
    body = bytes_of(key, SIZE)
    scene.client.put(key, body)
    _compare(scene.store.get(key), body)


def get(scene: Scene) -> None:
    key = f"{scene.prefix}get"
    body = scene.stored(key, SIZE)
    _compare(scene.client.get(key), body)


def get_range(scene: Scene) -> None:
    key = f"{scene.prefix}range"
    body = bytes_of(key, 2 * SIZE)
    scene.store.put(key, body)
    _compare(scene.client.get_range(key, FIRST, LAST), body[FIRST : LAST + 1])


def list_keys(scene: Scene) -> None:
    found = sorted(scene.client.list(MANY_PREFIX))
    if found != many_keys():
        raise Wrong(f"{len(found):,} keys, {len(set(found)):,} of them different, for {len(many_keys()):,}")


def multipart(scene: Scene) -> None:
    key = f"{scene.prefix}multipart"
    body = bytes_of(key, UPLOAD_SIZE)
    scene.client.multipart(key, body)
    _compare(scene.store.get(key), body)
    if scene.store.parts(key) < 2:
        raise Wrong(f"came in one part, not in parts of {PART_SIZE:,} bytes")


def delete(scene: Scene) -> None:
    key = f"{scene.prefix}delete"
    scene.store.put(key, b"to be deleted")
    scene.client.delete(key)
    if scene.store.get(key) is not None:
        raise Wrong("the object is still there")


def odd_key(scene: Scene, key: str) -> None:
    """Write it, if the client writes, and read it back."""
    body = bytes_of(key, SIZE)
    try:
        scene.client.put(key, body)
        _compare(scene.store.get(key), body)
    except NotOffered:
        scene.stored(key, SIZE)
    _compare(scene.client.get(key), body)


def presigned(scene: Scene) -> None:
    """The URL is fetched without the client."""
    key = f"{scene.prefix}presigned"
    body = bytes_of(key, SIZE)
    scene.store.put(key, body)
    url = scene.client.presign(key, URL_SECONDS)
    trusted = ssl.create_default_context(cafile=scene.endpoint.authority) if scene.endpoint.authority else None
    with urllib.request.urlopen(url, timeout=URL_SECONDS, context=trusted) as answer:
        _compare(answer.read(), body)


def sync(scene: Scene) -> None:
    folder = scene.endpoint.folder / "sync"
    bodies = {name: bytes_of(name, SIZE) for name in ("one", "two/three", "two/four five")}
    for name, body in bodies.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(body)
    below = f"{scene.prefix}sync/"
    scene.client.sync(Path(folder), below)
    found = {key.removeprefix(below): scene.store.get(key) for key in scene.store.keys(below)}
    if found != bodies:
        raise Wrong(f"{', '.join(found) or 'nothing'} is there for {', '.join(bodies)}, or has other bytes")


def read_large(scene: Scene) -> None:
    """What a node dies under, which is somebody else's work."""
    _compare(scene.client.get(LARGE[scene.client.reads]), bytes_of("large", LARGE_SIZE))


ODD = "odd keys"
DYING = "node dies"
ACTIONS: Mapping[str, Callable[[Scene], None]] = {
    "put": put,
    "get": get,
    "range": get_range,
    "list": list_keys,
    "multipart": multipart,
    "delete": delete,
    "presigned": presigned,
    "sync": sync,
    DYING: read_large,
}
NAMES = ("put", "get", "range", "list", "multipart", "delete", ODD, "presigned", "sync", DYING)
"""All actions, in the order in which they are done and shown."""


def carry_out(name: str, scene: Scene) -> Result:
    """Do one of NAMES and say what became of it."""
    if name == ODD:
        return _odd_keys(scene)
    return _judged(ACTIONS[name], scene)


def _odd_keys(scene: Scene) -> Result:
    """All of ODD_KEYS; `parts` names those that failed."""
    parts: dict[str, str] = {}
    for what, key in ODD_KEYS.items():
        result = _judged(partial(odd_key, key=f"{scene.prefix}{key}"), scene)
        if result.outcome is Outcome.NOT_OFFERED:
            return result
        if not result.is_ok:
            parts[what] = result.reason
    if not parts:
        return Result(Outcome.OK)
    return Result(Outcome.FAILED, "; ".join(f"{what}: {reason}" for what, reason in parts.items()), parts=parts)


def _judged(do: Callable[[Scene], None], scene: Scene) -> Result:
    try:
        do(scene)
    except NotOffered as refusal:
        return Result(Outcome.NOT_OFFERED, reason_of(refusal, scene.prefix))
    except Wrong as finding:
        return Result(Outcome.WRONG, str(finding))
    except Exception as error:  # noqa: BLE001 - each client has exceptions of its own
        return Result(Outcome.FAILED, reason_of(error, scene.prefix))
    return Result(Outcome.OK)


def _compare(found: bytes | None, expected: bytes) -> None:
    if found is None:
        raise Wrong("there is no object of this name")
    if found != expected:
        same = "as many" if len(found) == len(expected) else f"{len(found):,} for {len(expected):,}"
        raise Wrong(f"other bytes, {same}")
