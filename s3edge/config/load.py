"""Read a configuration: the one place of this package, beside `files`, that touches the disk.

`load` gives one frozen `Config` that holds all there is, the policies too: `config.policies` are the policies in the
order of their files, not their globs. So one value describes a whole s3edge: the supervisor's
`run(config)` takes nothing else, and its workers get `config.model_dump_json()`, all of it but the admin token.
"""

from collections.abc import Iterator, Mapping
from glob import glob
from importlib.util import find_spec
from itertools import chain
from pathlib import Path

from s3edge.config.admin import take_token
from s3edge.config.check import check
from s3edge.config.document import Document, Location, Place
from s3edge.config.expansion import expand_nodes
from s3edge.config.fault import Fault, Faults
from s3edge.config.flags import Flags
from s3edge.config.model import Config
from s3edge.config.reading import read_document

NO_FLAGS = Flags()

# What the extra `otel` brings; named here, and imported only by a worker that traces.
_EXPORTER = "opentelemetry.exporter.otlp.proto.http"


def load(path: Path | None, environment: Mapping[str, str], flags: Flags = NO_FLAGS) -> Config:
    """The configuration of a file, of flags, or of a file that flags override. Raises Faults with all that is wrong.

    `${NAME}` is taken from `environment`, and so is an admin token that is not said; relative paths in the file are
    taken from its folder.
    """
    document = Document(data={})
    if path is not None:
        document = _read(path, environment)
        _read_policies(document, path.parent, environment)
    flags.apply(document)
    take_token(document, environment)
    expand_nodes(document)
    folder = Path() if path is None else path.parent.absolute()
    parts = (_unreadable_files(document, folder), _unwritable_log(document, folder), _missing_extra(document))
    faults = [*check(document, folder), *chain(*parts)]
    if faults:
        raise Faults(sorted(faults, key=lambda fault: (fault.file != str(path), fault.file or "", fault.line or 0)))
    return Config.model_validate(document.data, context={"folder": folder})


def policy_patterns(path: Path, environment: Mapping[str, str]) -> tuple[str, ...]:
    """The globs by which a configuration file names its policy files; none where it cannot be read."""
    document = _read(path, environment)
    patterns = (document.at(at) for at in document.items(("policies",)) if not document.is_broken(at))
    return tuple(pattern for pattern in patterns if isinstance(pattern, str))


def _read(path: Path, environment: Mapping[str, str], at: Location = ()) -> Document:
    """The document in a file, an unreadable one as a fault."""
    try:
        return read_document(path.read_bytes().decode("utf-8-sig"), str(path), environment, at)
    except OSError as error:
        found, allowed = f"a file that cannot be read ({error.strerror})", "a YAML file that this user can read"
    except UnicodeDecodeError as error:
        found, allowed = f"text that is no UTF-8 (byte {error.start} of the file)", "a YAML file in UTF-8"
    unread = Document(places={at: Place(str(path))})
    unread.break_off(at, found, allowed)
    return unread


def _read_policies(document: Document, folder: Path, environment: Mapping[str, str]) -> None:
    """Put the policies in place of the globs that name their files, in the order of globs, then of file names."""
    if not isinstance(document.at(("policies",)), list):
        return
    files = list(dict.fromkeys(_policy_files(document, folder)))
    section = document.place(("policies",))
    policies: list[object] = []
    document.put(("policies",), policies, section)
    for index, file in enumerate(files):
        policy = _read(file, environment, ("policies", index))
        policies.append(policy.data)
        document.places |= policy.places
        document.faults += policy.faults
        document.broken |= policy.broken


def _policy_files(document: Document, folder: Path) -> Iterator[Path]:
    for at in document.items(("policies",)):
        pattern = document.at(at)
        if document.is_broken(at):
            continue
        files = files_of(folder, pattern) if isinstance(pattern, str) else []
        if not files:
            found = f"{document.found(at)}, which names no file"
            document.faults.append(document.fault(at, found, "the path of policy files, such as policies/*.yaml"))
        yield from files


def files_of(folder: Path, pattern: str) -> list[Path]:
    """The files that a glob names, sorted; hidden ones, such as an editor leaves, only if it says so."""
    names = glob(pattern, root_dir=folder, recursive=True)  # noqa: PTH207 - Path.glob names hidden files, too
    return sorted(path for name in names if _is_file(path := folder / name))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # it may not even be asked for
        return False


def _unreadable_files(document: Document, folder: Path) -> Iterator[Fault]:
    """The certificates, keys and CAs that this user cannot read."""
    locations: list[Location] = [("listen", "tls", "certificate"), ("listen", "tls", "key")]
    locations += [(*cluster, "tls", "ca") for cluster in document.items(("clusters",))]
    for at in locations:
        name = document.at(at)
        if not isinstance(name, str) or not name or document.is_broken(at):
            continue
        try:
            (folder / name).open("rb").close()
        except (OSError, ValueError) as error:  # ValueError: a NUL in the name
            reason = error.strerror if isinstance(error, OSError) else error
            found = f"{document.found(at)}, which cannot be read ({reason})"
            yield document.fault(at, found, "a PEM file that this user can read", f"looked for {folder / name}")


def _missing_extra(document: Document) -> Iterator[Fault]:
    """A collector for spans, and nothing installed that could send any."""
    at: Location = ("tracing", "endpoint")
    if document.at(at) is None or document.is_broken(at):
        return
    try:
        is_there = find_spec(_EXPORTER) is not None
    except ModuleNotFoundError:
        is_there = False
    if not is_there:
        found = f"{document.found(at)}, and OpenTelemetry is not installed"
        yield document.fault(at, found, "no endpoint without OpenTelemetry", 'pip install "s3edge[otel]"')


def _unwritable_log(document: Document, folder: Path) -> Iterator[Fault]:
    """The access log, if this user cannot write it. It is not created: who checks may not be who serves."""
    at = ("access_log", "to")
    name = document.at(at)
    if not isinstance(name, str) or name in ("", "none", "stdout") or "\0" in name or document.is_broken(at):
        return
    path = folder / name
    try:
        if path.is_dir():
            reason = "it is a folder"
        elif not path.parent.is_dir():
            reason = f"there is no folder {path.parent}"
        elif path.is_file():
            path.open("ab").close()
            return
        else:
            return
    except OSError as error:
        reason = str(error.strerror)
    found = f"{document.found(at)}, which cannot be written ({reason})"
    yield document.fault(at, found, "none, stdout, or the path of a file that this user can write", f"meant {path}")
