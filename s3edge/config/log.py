"""What is written down: the log of s3edge itself, and the access log."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, PlainSerializer, PlainValidator, ValidationInfo

from s3edge.config.fault import Refused
from s3edge.config.part import Part, beside_file
from s3edge.config.units import one_of, whole_number

# Of one in a million a busy worker still writes a line a minute; more is a mistyped number.
MOST_SUCCESSES: Final = 1_000_000


class Level(StrEnum):
    """What is worth a line of the log: this, and what is graver."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Format(StrEnum):
    """How a line of the log is written; `AUTO` is text on a terminal, else JSON."""

    AUTO = "auto"
    TEXT = "text"
    JSON = "json"


class Log(Part):
    """The log of s3edge itself, which goes to stderr."""

    level: Annotated[Level, BeforeValidator(one_of(Level))] = Level.INFO
    format: Annotated[Format, BeforeValidator(one_of(Format))] = Format.AUTO


def _outlet(value: object, info: ValidationInfo) -> str | Path:
    if value in ("none", "stdout"):
        return str(value)
    try:
        return beside_file(value, info)
    except Refused as refused:
        raise Refused(f"none, stdout, or {refused.allowed}") from None


class AccessLog(Part):
    """Where each request gets its line, and how many of those that went well do: 1 in `successes`."""

    to: Annotated[Literal["none", "stdout"] | Path, PlainValidator(_outlet), PlainSerializer(str, return_type=str)] = (
        "none"
    )
    successes: Annotated[int, BeforeValidator(whole_number(1, MOST_SUCCESSES))] = 1
