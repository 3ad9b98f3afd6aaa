"""A configuration as it was written: plain data, and for each piece of it the place where it stands."""

from dataclasses import dataclass, field

from s3edge.config.fault import Fault, shown

# A key or index per level, as pydantic names the location of an error: ("clusters", 0, "name").
Location = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a piece stands.

    `written` is its text where the environment filled in a part: shown instead of a value that may be secret.
    """

    file: str | None = None
    line: int | None = None
    where: str = ""
    written: str | None = None

    def __str__(self) -> str:
        if self.file is None:
            return self.where
        return self.file if self.line is None else f"{self.file}:{self.line}"

    def fault(self, found: str, allowed: str, hint: str = "") -> Fault:
        """A fault at this place. A hint is left out where it might quote a secret."""
        return Fault(self.file, self.line, self.where, found, allowed, "" if self.written is not None else hint)


@dataclass(slots=True)
class Document:
    """What was read so far, and the faults of its form. `broken` are the pieces whose fault is already told."""

    data: object = None
    places: dict[Location, Place] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    broken: set[Location] = field(default_factory=set)

    def at(self, location: Location) -> object:
        """The data at a location, None if there is none."""
        piece = self.data
        for part in location:
            if isinstance(piece, dict) and isinstance(part, str):
                piece = piece.get(part)
            elif isinstance(piece, list) and isinstance(part, int) and part < len(piece):
                piece = piece[part]
            else:
                return None
        return piece

    def items(self, location: Location) -> list[Location]:
        """The locations of the items of the list at a location; none if there is no list."""
        piece = self.at(location)
        return [(*location, index) for index in range(len(piece))] if isinstance(piece, list) else []

    def nearest(self, location: Location) -> Location:
        """The location itself if something stands there, else that of the nearest piece around it."""
        while location and location not in self.places:
            location = location[:-1]
        return location

    def place(self, location: Location) -> Place:
        """The place of the nearest piece."""
        return self.places.get(self.nearest(location), Place())

    def found(self, location: Location) -> str:
        """The nearest piece, for a message."""
        written = self.place(location).written
        return shown(self.at(self.nearest(location))) if written is None else f"the value of {shown(written)}"

    def fault(self, location: Location, found: str, allowed: str, hint: str = "") -> Fault:
        """A fault at the place of the nearest piece."""
        return self.place(location).fault(found, allowed, hint)

    def break_off(self, location: Location, found: str, allowed: str, hint: str = "") -> None:
        """Note a fault of form; what else is wrong with the piece follows from it and is not worth telling."""
        self.faults.append(self.fault(location, found, allowed, hint))
        self.broken.add(location)

    def is_broken(self, location: Location) -> bool:
        """Whether the fault of this piece, or of one around it, is already told."""
        return any(location[:depth] in self.broken for depth in range(len(location) + 1))

    def put(self, location: Location, data: object, place: Place) -> None:
        """Set the piece at a location made of keys, in place of what is there; what is no mapping is left as it is."""
        if self.data is None:
            self.data = {}
        around = self.data
        for part in location[:-1]:
            around = around.setdefault(part, {}) if isinstance(around, dict) else None
        if isinstance(around, dict):
            around[location[-1]] = data
            for old in [known for known in self.places if known[: len(location)] == location]:
                del self.places[old]
            self.broken = {known for known in self.broken if known[: len(location)] != location}
            self.places[location] = place
