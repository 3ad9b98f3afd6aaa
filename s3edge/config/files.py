"""The files of a running s3edge's configuration: loaded, and looked at for changes."""

from collections.abc import Mapping
from pathlib import Path

from s3edge.config.flags import Flags
from s3edge.config.load import NO_FLAGS, files_of, load, policy_patterns
from s3edge.config.model import Config

# What tells whether a file is still the same: when it was written, its size and its number.
_Print = tuple[int, int, int]


class ConfigFiles:
    """A file and the policy files that it names; `environment` and `flags` go with them. Without a `path`, flags alone.

    It blocks on the disk: once there is a loop, call it from a thread, one call at a time.
    """

    def __init__(self, path: Path | None, environment: Mapping[str, str], flags: Flags = NO_FLAGS) -> None:
        self._path = path
        self._environment = environment
        self._flags = flags
        self._patterns: tuple[str, ...] = ()
        self._patterns_of: _Print | None = None
        self._loaded: dict[Path, _Print] = {}  # the files as they were when they were last loaded
        self._seen: dict[Path, _Print] = {}  # and at the last look

    @property
    def may_change(self) -> bool:
        """Whether there is any file."""
        return self._path is not None

    def load(self) -> Config:
        """The configuration as it is now. Raises Faults."""
        # First: what changes while it is read is different at the next look.
        self._loaded = self._seen = self._look()
        return load(self._path, self._environment, self._flags)

    def has_changed(self) -> bool:
        """Whether the files are not what was loaded last, and are the same as when this was last asked."""
        seen, self._seen = self._seen, self._look()
        return self._seen == seen != self._loaded

    def _look(self) -> dict[Path, _Print]:
        """All files that there are, and what they are like."""
        if self._path is None:
            return {}
        print_of_main = _print(self._path)
        if print_of_main != self._patterns_of:
            self._patterns_of = print_of_main
            self._patterns = policy_patterns(self._path, self._environment)
        files = [file for pattern in self._patterns for file in files_of(self._path.parent, pattern)]
        prints = {file: found for file in files if (found := _print(file)) is not None}
        return prints if print_of_main is None else prints | {self._path: print_of_main}


def _print(file: Path) -> _Print | None:
    """None if there is no such file, or none that may be asked for."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
