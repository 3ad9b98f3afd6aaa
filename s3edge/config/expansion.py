"""Many nodes in one line, as MinIO writes them: `http://minio{1...4}:9000` are four, `{01...16}` keeps its zeros."""

import itertools
import re

from s3edge.config.document import Document, Location
from s3edge.config.fault import Refused

# Far above any cluster behind one edge; a mistyped range must not eat the memory.
MOST_NODES = 1024
ALLOWED = f"a range of rising numbers such as {{1...4}}, for at most {MOST_NODES} nodes"

_RANGE = re.compile(r"\{([0-9]{1,9})\.\.\.([0-9]{1,9})\}")
_SHORT_RANGE = re.compile(r"\{([0-9]+)\.\.([0-9]+)\}")


def expand(text: str) -> list[str]:
    """All texts that a text with ranges stands for, the last range turning fastest; raises Refused."""
    if "{" not in text and "}" not in text:
        return [text]
    plain = _RANGE.split(text)
    if any(mark in piece for piece in plain[::3] for mark in "{}"):
        short = _SHORT_RANGE.search(text)
        raise Refused(ALLOWED, hint=f"did you mean {{{short[1]}...{short[2]}}}?" if short else "")
    count, choices = 1, []
    for first, last in zip(plain[1::3], plain[2::3], strict=True):
        numbers = range(int(first), int(last) + 1)
        count *= len(numbers)
        if not 0 < count <= MOST_NODES:
            raise Refused(ALLOWED)
        width = len(first) if first.startswith("0") else 0
        choices.append([f"{number:0{width}}" for number in numbers])
    around = plain[::3]
    return [
        "".join(itertools.chain(*zip(around, (*chosen, ""), strict=True))) for chosen in itertools.product(*choices)
    ]


def expand_nodes(document: Document) -> None:
    """Put the nodes that ranges stand for into the lists of all clusters; each keeps the place of its range."""
    for cluster in document.items(("clusters",)):
        nodes = document.at((*cluster, "nodes"))
        if isinstance(nodes, list):
            expanded = [_expanded(document, at) for at in document.items((*cluster, "nodes"))]
            _relocate(document, (*cluster, "nodes"), [len(entries) for entries in expanded])
            nodes[:] = itertools.chain(*expanded)


def _expanded(document: Document, at: Location) -> list[object]:
    entry = document.at(at)
    url = entry.get("url") if isinstance(entry, dict) else entry
    if not isinstance(url, str):
        return [entry]
    try:
        urls = expand(url)
    except Refused as refused:
        location = (*at, "url") if isinstance(entry, dict) else at
        document.break_off(location, document.found(location), refused.allowed, refused.hint)
        return [entry]
    return [{**entry, "url": url} for url in urls] if isinstance(entry, dict) else list(urls)


def _relocate(document: Document, at: Location, counts: list[int]) -> None:
    """Give nodes at their new indexes the places and the told faults of the entries; `counts` of nodes per entry."""
    depth = len(at)
    ends = list(itertools.accumulate(counts))
    indexes: dict[str | int, range] = {
        entry: range(end - count, end) for entry, (count, end) in enumerate(zip(counts, ends, strict=True))
    }

    def moved(location: Location) -> list[Location]:
        if location[:depth] != at or len(location) == depth:
            return [location]
        return [(*at, index, *location[depth + 1 :]) for index in indexes[location[depth]]]

    document.places = {new: place for old, place in document.places.items() for new in moved(old)}
    document.broken = {new for old in document.broken for new in moved(old)}
