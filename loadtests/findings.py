"""What a load test found, against what was allowed; printed and kept in one form."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from loadtests.report import Verdict

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Finding:
    """One figure, in `unit`, that may be `limit` at most.

    Runs shorter than `least_seconds` do not tell: then it is shown and not judged, whether it is good or bad.
    """

    question: str
    found: float
    limit: float
    unit: str = ""
    least_seconds: float = 0.0
    is_judged: bool = True

    @property
    def verdict(self) -> Verdict:
        if not self.is_judged:
            return Verdict.TOO_SHORT
        return Verdict.MET if self.found <= self.limit else Verdict.MISSED

    def measured_for(self, seconds: float) -> "Finding":
        """The same, of runs of so many seconds."""
        return replace(self, is_judged=seconds >= self.least_seconds)

    def cells(self) -> list[str]:
        unit = f" {self.unit}" if self.unit else ""
        return [self.question, self.verdict, f"{self.found:,.2f}{unit}", f"{self.limit:,.2f}{unit}"]

    def raw(self) -> dict[str, Any]:
        """For JSON, with the verdict."""
        return asdict(self) | {"verdict": str(self.verdict)}

    @classmethod
    def from_raw(cls, raw: Mapping[str, Any]) -> "Finding":
        """The finding of which `raw` became JSON, where `nan` is null."""
        fields = {key: value for key, value in raw.items() if key != "verdict"}
        return cls(**fields | {"found": math.nan if raw["found"] is None else raw["found"]})
