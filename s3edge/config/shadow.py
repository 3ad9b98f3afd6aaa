"""Policies that can never decide anything, since earlier ones decide all of it first.

Only sure cases are found: each section of the later policy is a section of an earlier one whose patterns prove that it
matches all that the later one matches. Two earlier policies that cover a later one only together are not seen.
"""

import re
from collections.abc import Collection, Sequence
from fnmatch import fnmatchcase

from s3edge.config.policy import Match, Policy
from s3edge.config.reach import named_operations, reach

_WILD = re.compile(r"[*?\[]")


def shadows(policies: Sequence[Policy]) -> list[tuple[int, int]]:
    """Pairs of indexes: a policy that can never decide anything, and the earliest one that shadows it."""
    found = []
    for index, policy in enumerate(policies):
        above = [earlier for earlier in range(index) if covers(policies[earlier].match, policy.match)]
        if above and policy.sections <= frozenset().union(*(policies[earlier].sections for earlier in above)):
            found.append((index, above[0]))
    return found


def covers(wide: Match, narrow: Match) -> bool:
    """Whether every request that fits `narrow` surely fits `wide`."""
    return (
        _covers_tenants(wide.tenants, narrow.tenants)
        and _covers_buckets(wide.buckets, narrow.buckets)
        and _covers_prefixes(wide.prefixes, narrow.prefixes)
        and reach(narrow) <= named_operations(wide)
    )


def _covers_tenants(wide: Collection[str] | None, narrow: Collection[str] | None) -> bool:
    return wide is None or (narrow is not None and set(narrow) <= set(wide))


def _covers_prefixes(wide: Collection[str] | None, narrow: Collection[str] | None) -> bool:
    return wide is None or (narrow is not None and all(small.startswith(tuple(wide)) for small in narrow))


def _covers_buckets(wide: Collection[str] | None, narrow: Collection[str] | None) -> bool:
    if wide is None:
        return True
    return narrow is not None and all(any(_covers_glob(glob, small) for glob in wide) for small in narrow)


def _covers_glob(wide: str, narrow: str) -> bool:
    """Sure for equal globs, for a plain name that `wide` matches, and for a beginning of `narrow` followed by `*`."""
    if wide == narrow:
        return True
    if not _WILD.search(narrow):
        return fnmatchcase(narrow, wide)
    prefix = wide.removesuffix("*")
    return prefix != wide and not _WILD.search(prefix) and _WILD.split(narrow)[0].startswith(prefix)
