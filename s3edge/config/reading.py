"""From a YAML text to a `Document`: places kept, `${NAME}` filled in, doubled keys found.

Only YAML's core is understood, so that nothing surprises: `true`, `false`, `null`, whole and decimal numbers; all else
is a string (`no`, `12:30` and `2024-01-01`, too). Tags are refused. `$${` stands for a plain `${`.
"""

import re
from collections.abc import Mapping

import yaml

from s3edge.config.document import Document, Location, Place
from s3edge.config.fault import shown

# Aliases of aliases let a short text stand for a huge one; no real configuration comes near this.
MOST_PIECES = 100_000

_STRING_TAG = "tag:yaml.org,2002:str"
_CORE_TAGS = frozenset((_STRING_TAG, "tag:yaml.org,2002:seq", "tag:yaml.org,2002:map"))
_VARIABLE = re.compile(r"\$(\$\{)|\$\{([^}]*)\}?")
_VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WHOLE = re.compile(r"[-+]?[0-9]{1,18}")
_DECIMAL = re.compile(r"[-+]?[0-9]{1,18}\.[0-9]{1,18}")
_PLAIN_KEY = re.compile(r"[\w.-]+")
_CONSTANTS = {"true": True, "false": False, "null": None, "~": None, "": None}


def read_document(text: str, file: str, environment: Mapping[str, str], at: Location = ()) -> Document:
    """The document in a text; faults of form are in it. `at` is where its root stands in a greater document."""
    document = Document(places={at: Place(file, 1)})
    try:
        root = yaml.compose(text, Loader=yaml.BaseLoader)
        if root is not None:
            document.data = _Reading(document, file, environment).piece(root, at)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line if error.problem_mark else 0
        reason = " ".join(part for part in (error.context, error.problem) if part)
        is_bare_variable = any("${" in part for part in text.splitlines()[line : line + 1])
        hint = 'inside of { } and [ ] quote it: "${NAME}"' if is_bare_variable else ""
        _stop(document, at, Place(file, line + 1), reason, hint)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        _stop(document, at, Place(file, line), f"the character U+{int(error.character):04X}")
    except RecursionError:
        _stop(document, at, Place(file), "nested too deeply, or too large")
    return document


def _stop(document: Document, at: Location, place: Place, reason: str, hint: str = "") -> None:
    document.places[at] = place
    document.break_off(at, f"text that is no YAML ({reason})", "a YAML mapping", hint)


class _Reading:
    """The walk over the nodes of one text."""

    def __init__(self, document: Document, file: str, environment: Mapping[str, str]) -> None:
        self._document = document
        self._file = file
        self._environment = environment
        self._open: set[int] = set()
        self._pieces = 0

    def piece(self, node: yaml.Node, at: Location) -> object:
        """The data of a node whose place is known already."""
        self._pieces += 1
        if self._pieces > MOST_PIECES:
            raise RecursionError
        if id(node) in self._open:
            self._document.break_off(at, "an alias of what it is part of", "an alias of a finished piece")
        elif node.tag not in _CORE_TAGS:
            self._document.break_off(at, f"the tag {node.tag}", "values without tags")
        else:
            self._open.add(id(node))
            data = self._data(node, at)
            self._open.discard(id(node))
            return data
        return None

    def _data(self, node: yaml.Node, at: Location) -> object:
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, at)
        if isinstance(node, yaml.SequenceNode):
            return self._sequence(node, at)
        return self._scalar(node.value, isinstance(node, yaml.ScalarNode) and node.style is None, at)

    def _mapping(self, node: yaml.MappingNode, at: Location) -> dict[str, object]:
        document, data = self._document, dict[str, object]()
        for key_node, value_node in node.value:
            line, key = key_node.start_mark.line + 1, key_node.value
            around = document.places[at].where
            if not isinstance(key_node, yaml.ScalarNode) or key_node.tag != _STRING_TAG:
                place = Place(self._file, line, around)
                document.faults.append(place.fault("a key that is no plain word", "keys that are plain words"))
                continue
            label = key if _PLAIN_KEY.fullmatch(key) else shown(key)
            place = Place(self._file, line, f"{around}.{label}" if around else label)
            if key in data:
                first = document.places[*at, key].line
                document.faults.append(place.fault(f"the key a second time, first in line {first}", "each key once"))
                continue
            document.places[*at, key] = place
            data[key] = None
            data[key] = self.piece(value_node, (*at, key))
        return data

    def _sequence(self, node: yaml.SequenceNode, at: Location) -> list[object]:
        around = self._document.places[at].where
        items: list[object] = []
        for index, item in enumerate(node.value):
            self._document.places[*at, index] = Place(self._file, item.start_mark.line + 1, f"{around}[{index}]")
            items.append(self.piece(item, (*at, index)))
        return items

    def _scalar(self, text: str, is_plain: bool, at: Location) -> object:
        if "${" in text:
            place = self._document.places[at]
            self._document.places[at] = Place(place.file, place.line, place.where, written=text)
            text = _VARIABLE.sub(lambda match: self._variable(match, at), text)
        return _core_value(text) if is_plain else text

    def _variable(self, match: re.Match[str], at: Location) -> str:
        plain, name = match[1], match[2]
        if plain:
            return str(plain)
        if not _VARIABLE_NAME.fullmatch(name) or not match[0].endswith("}"):
            self._document.break_off(at, f"the variable {shown(match[0])}", "${NAME}, or $${ for a plain ${")
        elif name not in self._environment:
            self._document.break_off(at, f"${{{name}}}, which is not set", f"a variable of the environment; set {name}")
        return self._environment.get(name, "")


def _core_value(text: str) -> object:
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _WHOLE.fullmatch(text):
        return int(text)
    return float(text) if _DECIMAL.fullmatch(text) else text
