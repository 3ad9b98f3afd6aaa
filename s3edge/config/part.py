"""What all parts of a configuration have in common: frozen, no unknown keys, plain names, paths beside their file."""

import re
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, PlainValidator, ValidationInfo

from s3edge.config.fault import Refused
from s3edge.config.units import matching

NAME_ALLOWED = "a name of 1 to 64 letters, digits, dots, dashes and underscores that begins with a letter or digit"


class Part(BaseModel):
    """A frozen piece of the configuration that refuses keys it does not know; an error of pydantic shows no value."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def beside_file(value: object, info: ValidationInfo) -> Path:
    """A path; a relative one is taken from the folder in the validation context, that of the file it is written in."""
    if not isinstance(value, str | Path) or not str(value) or "\0" in str(value):
        raise Refused("the path of a file, relative to the folder of the configuration file")
    folder = info.context["folder"] if info.context else ""
    return Path(folder, value)


# Names become metric labels and parts of log lines, so they stay plain.
Name = Annotated[str, BeforeValidator(matching(re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"), NAME_ALLOWED))]
LocalFile = Annotated[Path, PlainValidator(beside_file), PlainSerializer(str, return_type=str)]
