"""What the files in compose/ ask Prometheus for, compared with the metrics that there are."""

import re
from collections.abc import Iterable

from s3edge.telemetry.families import FAMILIES, Kind

# Labels that Prometheus adds by itself.
OF_PROMETHEUS = {"instance", "job"}


def known_names() -> dict[str, set[str]]:
    """The names of all samples, each with its labels."""
    names: dict[str, set[str]] = {}
    for family in FAMILIES.values():
        labels = {*family.labels, *OF_PROMETHEUS}
        if family.kind is Kind.HISTOGRAM:
            names[f"{family.name}_bucket"] = labels | {"le"}
            names[f"{family.name}_count"] = names[f"{family.name}_sum"] = labels
        else:
            names[family.name] = labels
    return names


def faults(queries: Iterable[str], known: dict[str, set[str]]) -> list[str]:
    """The metrics, and labels of metrics, that are asked for and do not exist."""
    found = []
    for query in queries:
        for name, matchers in re.findall(r"(?<![\w:])((?:\w+:)?s3edge_\w+(?::\w+)?)(?:\{([^}]*)\})?", query):
            if name not in known:
                found.append(f"{name} in {query}")
                continue
            asked = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers))
            found += [f"{name} has no label {label} in {query}" for label in asked - known[name]]
    return found


def recorded(name: str) -> set[str]:
    """The labels of a recorded series, which its name begins with."""
    return {*name.partition(":")[0].split("_"), *OF_PROMETHEUS}
