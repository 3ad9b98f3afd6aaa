"""`s3edge explain`: whose a request would be, which policy would decide what for it, and why the others do not."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from rich.box import SIMPLE
from rich.console import Console
from rich.padding import Padding
from rich.table import Table as Grid
from rich.text import Text

from s3edge.config.fault import shown
from s3edge.config.model import Config
from s3edge.config.part import Part
from s3edge.config.units import SECONDS_PER_UNIT, bytes_text, seconds_text
from s3edge.qos.tenants import Tenants
from s3edge.routing.table import Explanation, Misfit, Table, Verdict
from s3edge.s3.operation import TRAITS, Operation

# What the keys of sections count. A key that is not here is a plain number or a word. `connections` is a rate where it
# is no whole number, and `requests` and `bandwidth` of limits are mappings.
_BYTES: Final = frozenset({"buffer"})
_BYTE_RATES: Final = frozenset({"received", "sent", "bandwidth"})
_RATES: Final = frozenset({"all", "read", "write", "list", "requests", "errors", "lists", "connections", "least"})
_SECONDS: Final = frozenset({"deadline", "patience", "stall", "wait", "burst", "baseline", "hold"})
_SHARES: Final = frozenset({"budget", "quantile", "repeats"})


@dataclass(frozen=True, slots=True)
class Question:
    """A request to explain. `bucket` and `key` are empty if it has none; `address` is the client's, without a port."""

    operation: Operation
    bucket: str
    key: str
    access_key: str | None
    address: str


def explain(config: Config, question: Question, console: Console) -> None:
    """Print what would be decided for the request, and why."""
    tenants = Tenants(config.tenants)
    who = question.access_key, question.address
    tenant = tenants.identify(*who)
    table = Table(config.policies, [cluster.name for cluster in config.clusters])
    raw_key = question.key.encode("utf-8", "surrogateescape")
    explanation = table.explain(tenant, question.operation, question.bucket, raw_key)
    console.print(_printable(f"request  {_request(question)}"), soft_wrap=True)
    console.print(_printable(f"tenant   {tenant}: {tenants.reason(*who)}"), soft_wrap=True)
    console.print(_decisions(explanation))
    if explanation.verdicts:
        console.print("policies, in their order")
        console.print(Padding(_verdicts(explanation), (0, 0, 0, 2)))


def _request(question: Question) -> str:
    parts = [f"{question.operation} ({TRAITS[question.operation].kind})"]
    if question.bucket:
        parts.append(f"bucket {shown(question.bucket)}")
    if question.key:
        parts.append(f"key {shown(question.key)}")
    return ", ".join(parts)


def _decisions(explanation: Explanation) -> Grid:
    grid = Grid("section", "value", "decided by", box=SIMPLE)
    for decision in explanation.decisions:
        grid.add_row(decision.section, Text(section_text(decision.value)), decision.policy or "(default)")
    return grid


def _verdicts(explanation: Explanation) -> Grid:
    grid = Grid.grid(padding=(0, 2))
    for verdict in explanation.verdicts:
        grid.add_row(verdict.policy, _printable(_verdict(verdict)))
    return grid


def _verdict(verdict: Verdict) -> str:
    return f"does not match: {'; '.join(map(_misfit, verdict.misfits))}" if verdict.misfits else "matches"


def _misfit(misfit: Misfit) -> str:
    wanted = " or ".join(map(shown, misfit.wanted))
    return f"{misfit.key}: found {shown(misfit.found or None)}, wanted {wanted}"


def _printable(text: str) -> Text:
    """Text without markup; bytes of a key that are no UTF-8 as escapes, since a terminal need not take them."""
    return Text(text.encode("utf-8", "backslashreplace").decode())


def section_text(value: object) -> str:
    """A section as a policy file may say it, `none` where there is none; what is not set in it is left out."""
    if isinstance(value, tuple):
        return f"[{', '.join(value)}]"
    return "none" if value is None else _text("", value)


def _text(key: str, value: object) -> str:
    if isinstance(value, Part):
        return f"{{{', '.join(_entries(value))}}}"
    if isinstance(value, int | float):
        return _number_text(key, value)
    return str(value)


def _entries(part: Part) -> Iterator[str]:
    for key, value in part:
        if value is not None and (text := _text(key, value)) != "{}":
            yield f"{key}: {text}"


def _number_text(key: str, value: float) -> str:
    if key in _SECONDS:
        return seconds_text(value)
    if key in _SHARES:
        return f"{value * 100:g}%"
    if key in _BYTES:
        return bytes_text(int(value))
    if key in _BYTE_RATES:
        return f"{bytes_text(round(value))}/s"
    return _rate_text(value) if key in _RATES and isinstance(value, float) else f"{value:g}"


def _rate_text(rate: float) -> str:
    """A rate in the shortest time that gives a whole number."""
    for unit in ("s", "m", "h"):
        count = round(rate * SECONDS_PER_UNIT[unit], 6)
        if count.is_integer():
            return f"{count:.0f}/{unit}"
    return f"{rate:.9f}/s"
