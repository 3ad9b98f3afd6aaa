"""Fail when a module or a function is too long to be read in one go.

    python -m tools.check_sizes s3edge tests

prints the medians of each tree and one `file:line: what` for each fault; exit status 1 if there is one.
"""

import ast
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

# CONTRIBUTING.md, "Style": what one person can hold in mind.
MODULE_LINES = 400
FUNCTION_LINES = 60


@dataclass(frozen=True)
class Size:
    """The length in lines of a module (`function` is None) or of one function, and where it starts."""

    path: Path
    line: int
    lines: int
    function: str | None = None

    @property
    def limit(self) -> int:
        return MODULE_LINES if self.function is None else FUNCTION_LINES

    def __str__(self) -> str:
        what = "module" if self.function is None else f"function {self.function}"
        return f"{self.path}:{self.line}: {what} has {self.lines} lines, {self.limit} are allowed: split it"


def measure(path: Path, source: str) -> Iterator[Size]:
    """The sizes of a module and of its functions, from `def` (decorators apart) to the last line."""
    yield Size(path, 1, len(source.splitlines()))
    for node in ast.walk(ast.parse(source, str(path))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield Size(path, node.lineno, (node.end_lineno or node.lineno) - node.lineno + 1, node.name)


def measure_tree(root: Path) -> list[Size]:
    """The sizes of all Python files under a folder."""
    return [size for path in sorted(root.rglob("*.py")) for size in measure(path, path.read_text("utf-8"))]


def summary(root: Path, sizes: Sequence[Size]) -> str:
    """One line with the medians and the longest of a tree; empty modules (`__init__.py`) do not count."""
    modules = [size.lines for size in sizes if size.function is None and size.lines] or [0]
    functions = [size.lines for size in sizes if size.function is not None] or [0]
    return (
        f"{root}: {len(modules)} modules, median {median(modules):.0f}, longest {max(modules)}; "
        f"{len(functions)} functions, median {median(functions):.0f}, longest {max(functions)}"
    )


def main(roots: Sequence[str]) -> int:
    """Check the trees named on the command line; returns the exit status."""
    status = 0
    for root in map(Path, roots):
        sizes = measure_tree(root)
        print(summary(root, sizes))
        for fault in (size for size in sizes if size.lines > size.limit):
            print(fault)
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
