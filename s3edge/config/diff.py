"""What a new configuration changes, and what of that a running edge can take up.

Tenants, limits, policies, capacities, who may do what at the admin address, and what share of the requests is traced
are looked up again for each request or lease, and logs for each line. All else became sockets, processes, connections
and probes when the edge started.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from s3edge.config.model import Cluster, Config
from s3edge.config.part import Part
from s3edge.config.policy import Policy

_Named = Sequence[Cluster] | Sequence[Policy]

_LIVE = (
    "log", "access_log", "tenants", "limits", "policies",
    "admin.token", "admin.protect", "admin.hosts", "tracing.sample",
)  # fmt: skip
_LIVE_IN_CLUSTER = "capacity"


@dataclass(frozen=True, slots=True)
class Changes:
    """The dotted names of what differs, such as `listen.address`, `limits` or `clusters[NAME].capacity`.

    `policies[NAME]` is one that was changed, added or removed, and so with clusters; `policies` alone is a new order.
    """

    needs_restart: tuple[str, ...] = ()
    live: tuple[str, ...] = ()


def changes(old: Config, new: Config) -> Changes:
    """What differs between two configurations, in the order of their keys."""
    found = list(_differences(old, new))
    return Changes(
        needs_restart=tuple(name for name, is_live in found if not is_live),
        live=tuple(name for name, is_live in found if is_live),
    )


def _differences(old: Config, new: Config) -> Iterator[tuple[str, bool]]:
    """The names of what differs, and whether it can change live."""
    for section in _keys(old, new):
        before, after = getattr(old, section), getattr(new, section)
        if section == "clusters":
            for where, was, becomes in _entries(section, before, after):
                yield from _of_cluster(where, was, becomes)
        elif section == "policies":
            yield from ((where, True) for where, _, _ in _entries(section, before, after))
        elif section in _LIVE or not isinstance(before, Part):
            yield section, section in _LIVE
        else:
            yield from ((name, name in _LIVE) for key in _keys(before, after) if (name := f"{section}.{key}"))


def _of_cluster(where: str, old: Part | None, new: Part | None) -> Iterator[tuple[str, bool]]:
    if old is None or new is None:
        yield where, False
    else:
        yield from ((f"{where}.{key}", key == _LIVE_IN_CLUSTER) for key in _keys(old, new))


def _keys(old: Part, new: Part) -> list[str]:
    """The keys whose values differ."""
    return [key for key in type(old).model_fields if getattr(old, key) != getattr(new, key)]


def _entries(section: str, old: _Named, new: _Named) -> Iterator[tuple[str, Part | None, Part | None]]:
    """What differs in a list of entries with names of their own: its order, then the entries, old and new."""
    was, becomes = ({entry.name: entry for entry in entries} for entries in (old, new))
    if [name for name in was if name in becomes] != [name for name in becomes if name in was]:
        yield section, None, None
    for name in was | becomes:
        if was.get(name) != becomes.get(name):
            yield f"{section}[{name}]", was.get(name), becomes.get(name)
