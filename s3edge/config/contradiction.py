"""Numbers that contradict each other: a limit that another one of the same section keeps from ever being reached.

Sections are compared only within themselves. A limit in a policy may be above one of the whole edge, since one policy
file may serve edges of different sizes.
"""

from collections.abc import Iterator
from functools import reduce
from typing import TypeVar

from pydantic import ValidationError

from s3edge.config.document import Document, Location
from s3edge.config.fault import Fault
from s3edge.config.part import Part
from s3edge.config.qos import Capacity, ScopedLimits

_Section = TypeVar("_Section", bound=Part)

# A key, and those that bound it from above, nearest first.
_Bounds = dict[Location, tuple[Location, ...]]

_ALL: Location = ("requests", "all")
_CLASSES: tuple[Location, ...] = tuple(("requests", name) for name in ("read", "write", "list"))
_SINGLE: tuple[Location, ...] = (("bandwidth", "received"), ("bandwidth", "sent"), ("concurrency",), ("connections",))
_OF_ONE_SCOPE: _Bounds = dict.fromkeys(_CLASSES, (_ALL,))


def _of_inner(scope: str) -> _Bounds:
    """The bounds of a scope: those within it, then what all of that scope together may take."""
    classes: _Bounds = {(scope, *key): ((scope, *_ALL), key, _ALL) for key in _CLASSES}
    return classes | {(scope, *key): (key,) for key in (_ALL, *_SINGLE)}


_OF_LIMITS: _Bounds = _OF_ONE_SCOPE | _of_inner("per_client") | _of_inner("per_bucket")
_OF_CAPACITY: _Bounds = {("node", key): ((key,),) for key in ("concurrency", "bandwidth")}


def contradictions(document: Document) -> Iterator[Fault]:
    """What contradicts itself in the limits and capacities of a document; a section with another fault is left out."""
    for at in (("limits",), *((*policy, "limits") for policy in document.items(("policies",)))):
        yield from _exceeded(document, at, ScopedLimits, _OF_LIMITS)
    for cluster in document.items(("clusters",)):
        yield from _exceeded(document, (*cluster, "capacity"), Capacity, _OF_CAPACITY)


def _exceeded(document: Document, at: Location, model: type[_Section], bounds: _Bounds) -> Iterator[Fault]:
    section = _section(document, at, model)
    told = set[Location]()
    for key, above in bounds.items():
        value = _number(section, key)
        for bound in above:
            most = _number(section, bound)
            # One rate for both directions is one piece, whose fault is told once.
            piece = document.nearest((*at, *key))
            if value is not None and most is not None and value > most and piece not in told:
                told.add(piece)
                found = f"{document.found(piece)}, which is above {_described(document, (*at, *bound))}"
                yield document.fault(piece, found, "at most what holds for all of it together")


def _section(document: Document, at: Location, model: type[_Section]) -> _Section | None:
    try:
        return model.model_validate(document.at(at))
    except ValidationError:
        return None


def _number(section: object, key: Location) -> float | None:
    """The number at a key; None where there is none, or a word instead."""
    value = reduce(lambda part, name: getattr(part, str(name), None), key, section)
    return value if isinstance(value, int | float) else None


def _described(document: Document, location: Location) -> str:
    piece = document.nearest(location)
    place = document.place(piece)
    return f"the {document.found(piece)} of {place.where} ({place})"
