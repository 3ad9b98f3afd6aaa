"""Snapshots in the text forms that Prometheus reads.

With a thousand tenants a scrape has some 15,000 lines. prometheus-client makes an object of each and sorts its labels,
which takes 70 to 120 ms; written line by line it is a tenth of that. What is asked for is still its to say, and tests
read what is written here by its parsers.
"""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Final, cast

from prometheus_client.exposition import choose_encoder
from prometheus_client.utils import floatToGoString

from s3edge.telemetry.families import FAMILIES, Family, Kind
from s3edge.telemetry.meter import Sample, Snapshot

_OPEN_METRICS: Final = "application/openmetrics-text"
_ENDS: Final[Mapping[tuple[float, ...], tuple[str, ...]]] = {
    family.bounds: tuple(map(floatToGoString, (*family.bounds, float("inf")))) for family in FAMILIES.values()
}
"""How the upper ends of buckets are written."""


def exposition(snapshot: Snapshot, accept: str) -> tuple[bytes, str]:
    """The snapshot in the form that the Accept header asks for, and its content type.

    All families of the table are in it, those without samples too, so that a dashboard finds what it asks for.
    """
    _, content_type = choose_encoder(accept)
    is_open = content_type.startswith(_OPEN_METRICS)
    texts: list[str] = []
    for family in FAMILIES.values():
        # OpenMetrics names a counter without what its samples end with.
        name = family.name.removesuffix("_total") if is_open else family.name
        texts.append(f"# HELP {name} {family.help}\n# TYPE {name} {family.kind}\n")
        texts.append(_text(family, snapshot.get(family.name, [])))
    if is_open:
        texts.append("# EOF\n")
    return "".join(texts).encode(), content_type


def _text(family: Family, samples: Sequence[Sample]) -> str:
    labels = ",".join(f'{label}="%s"' for label in family.labels)
    if family.kind is Kind.HISTOGRAM:
        return "".join(
            _histogram(family, labels % tuple(map(_escaped, values)), numbers)
            for values, numbers in samples
            if isinstance(numbers, list)
        )
    line = f"{family.name}{{{labels}}} %r\n" if labels else f"{family.name} %r\n"
    # A family that is no histogram has numbers only; to ask each sample would take as long as to write it.
    plain = cast(Sequence[tuple[list[str], float]], samples)
    text = "".join([line % (*values, float(number)) for values, number in plain])
    # Hardly ever is there anything to escape, and to look at each value takes longer than to write it.
    if "\\" in text or text.count('"') > line.count('"') * len(samples) or text.count("\n") > len(samples):
        text = "".join([line % (*map(_escaped, values), float(number)) for values, number in plain])
    return text


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _histogram(family: Family, labels: str, value: list[float]) -> str:
    """Prometheus' buckets, each of which holds the ones before it; the last number given is the sum of all values."""
    name = family.name
    counts = list(accumulate(map(float, value[:-1])))
    buckets = [
        f'{name}_bucket{{{labels},le="{end}"}} {count}\n'
        for end, count in zip(_ENDS[family.bounds], counts, strict=True)
    ]
    return f"{''.join(buckets)}{name}_count{{{labels}}} {counts[-1]}\n{name}_sum{{{labels}}} {float(value[-1])}\n"
