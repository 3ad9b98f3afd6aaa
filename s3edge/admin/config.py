"""The configuration as `/api/v1/config` shows it: what is in force, and what became of the last one that was read."""

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from s3edge.admin.events import utc
from s3edge.config.model import Config


class Loaded(StrEnum):
    """What became of a configuration that was read."""

    APPLIED = "applied"
    REFUSED = "refused"
    NEEDS_RESTART = "needs_restart"


@dataclass(frozen=True, slots=True)
class LastLoad:
    """The last time that the configuration was read, `at` seconds since 1970.

    `faults` are the lines that `s3edge check` prints, `needs_restart` the names of what cannot change live: one fault,
    or one name, and nothing of it is applied.
    """

    outcome: Loaded
    at: float
    faults: tuple[str, ...] = ()
    needs_restart: tuple[str, ...] = ()


def describe_config(config: Config, applied_at: float, last: LastLoad) -> dict[str, Any]:
    """What is in force since `applied_at` (seconds since 1970), and what became of the last load, as JSON.

    No secret is shown: pydantic's `SecretStr` prints as asterisks.
    """
    return {
        "state": last.outcome,
        "loaded": utc(last.at),
        "faults": last.faults,
        "needs_restart": last.needs_restart,
        "applied": utc(applied_at),
        "config": json.loads(json.dumps(config.model_dump(), default=str)),
    }
