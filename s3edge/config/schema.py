"""What pydantic has against a document, in words for an operator."""

from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from s3edge.config.document import Document, Location
from s3edge.config.fault import Fault, Refused, did_you_mean
from s3edge.config.model import Config
from s3edge.config.part import Part


def schema_faults(document: Document, folder: Path) -> Iterator[Fault]:
    """All keys and values that do not fit `Config`, but for those whose fault is told already."""
    try:
        Config.model_validate({} if document.data is None else document.data, context={"folder": folder})
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            if not document.is_broken(detail["loc"]) and not _is_consequence(detail):
                yield _fault(document, detail)


def _is_consequence(detail: ErrorDetails) -> bool:
    """A list whose entries are all faulty counts as empty, too; that goes without saying."""
    return detail["type"] == "too_short" and bool(detail["input"])


def _fault(document: Document, detail: ErrorDetails) -> Fault:
    location = detail["loc"]
    found = document.found(location)
    match detail["type"]:
        case "value_error" if isinstance(refused := detail["ctx"]["error"], Refused):
            return document.fault(location, refused.found or found, refused.allowed, refused.hint)
        case "extra_forbidden":
            key, keys = str(location[-1]), sorted(_model_at(location[:-1]).model_fields)
            return document.fault(location, "an unknown key", ", ".join(keys), did_you_mean(key, keys))
        case "missing":
            return document.fault(location[:-1], f"no {location[-1]}", _keys(_model_at(location[:-1])))
        case "model_type":
            return document.fault(location, found, _keys(_model_at(location)))
        case "too_short":
            return document.fault(location, "an empty list", "a list with at least one entry")
        case "tuple_type":
            return document.fault(location, found, "a list, such as [first, second]")
        case _:
            return document.fault(location, found, detail["msg"])


def _keys(model: type[Part]) -> str:
    """The keys of a part: those it needs, then those it may have."""
    needed = [name for name, field in model.model_fields.items() if field.is_required()]
    free = [name for name, field in model.model_fields.items() if not field.is_required()]
    if not needed:
        return f"a mapping with any of {', '.join(free)}"
    return f"a mapping with {', '.join(needed)}" + (f" and optionally {', '.join(free)}" if free else "")


def _model_at(location: Location) -> type[Part]:
    """The model of the part at a location."""
    model: type[Part] = Config
    for key in location:
        if isinstance(key, str):
            model = next(_models_in(model.model_fields[key].annotation))
    return model


def _models_in(annotation: object) -> Iterator[type[Part]]:
    if isinstance(annotation, type) and issubclass(annotation, Part):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)
