"""Fail when a task is created without a name: a nameless task cannot be found in a dump of a stuck process.

    python -m tools.check_tasks s3edge

prints one `file:line: what` for each fault; exit status 1 if there is one.
"""

import ast
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path


def nameless_tasks(path: Path, source: str) -> Iterator[str]:
    """One line for each `create_task(...)` call that gives no `name=`."""
    for node in ast.walk(ast.parse(source, str(path))):
        if not isinstance(node, ast.Call):
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if called == "create_task" and all(keyword.arg != "name" for keyword in node.keywords):
            yield f"{path}:{node.lineno}: create_task without name=: say what the task is for"


def main(roots: Sequence[str]) -> int:
    """Check the trees named on the command line; returns the exit status."""
    paths = (path for root in roots for path in sorted(Path(root).rglob("*.py")))
    faults = [fault for path in paths for fault in nameless_tasks(path, path.read_text("utf-8"))]
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
