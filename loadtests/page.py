"""Does the dashboard stay usable with 10,000 flows at once? `python -m loadtests.page`.

The flows are bodies that trickle through a real s3edge; the page is looked at in Debian's Chromium, without a window,
by `page_viewer`: as it opens, for some seconds with the table of flows in view, then scrolling, sorting, filtering.
"""

import argparse
import importlib.util
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from loadtests.child import ChildError
from loadtests.crowd import crowd
from loadtests.findings import Finding
from loadtests.misbehaving import misbehaving_nodes
from loadtests.needs import Missing
from loadtests.nodes import KIB, MIB, scratch
from loadtests.question import Report, run
from loadtests.rivals import SUBJECT
from loadtests.viewers import DRIP, FRAME_LIMIT_KIB, HELD, HELD_PATH, NODE_COUNT, watched
from tests.support.faults import to_json

QUESTION = "Does the dashboard stay usable with 10,000 flows at once?"
PAINT_LIMIT_MS = 1000.0

TASK_LIMIT_MS = 200.0
"""Below it a page counts as quick to respond (https://web.dev/articles/inp); no task alone may take longer."""

BUSY_LIMIT = 10.0
"""Percent of the time that long tasks, those of more than 50 ms, may take; and of a core that the page may use."""

ANSWER_LIMIT_MS = 1000.0
"""From a click or the last key to other rows; the page waits 250 ms for further keys, and s3edge sorts."""

HEAP_LIMIT_MIB = 32.0
"""A frame has 100 flows, however many there are, so the page must stay as small as one that shows few."""

OPENING_SECONDS = 120
"""For the browser to start, and for all that is done beside looking."""


class PageError(ChildError):
    """The page was not seen; the text says why."""


def seen_page(admin: int, seconds: int, screenshot: Path) -> dict[str, Any]:
    """What `page_viewer` saw. Raises PageError."""
    argv = [sys.executable, "-m", "loadtests.page_viewer", str(admin), str(seconds), str(screenshot)]
    try:
        # In a session of its own: when it ends, whatever the reason, its browser does too.
        done = subprocess.run(
            argv, capture_output=True, text=True, timeout=seconds + OPENING_SECONDS, start_new_session=True, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise PageError(f"the browser did not end within {error.timeout:g} s") from error
    if done.returncode:
        raise PageError(f"the browser ended with {done.returncode}\n{done.stderr[-2000:]}")
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


def look(flows: int, seconds: int, screenshot: Path) -> dict[str, Any]:
    """What is seen of so many flows. Raises ChildError, CrowdError, PageError."""
    with (
        scratch() as folder,
        misbehaving_nodes(NODE_COUNT, folder, "--fault", json.dumps(to_json(DRIP))) as nodes,
        watched(nodes, folder, HELD, SUBJECT) as edge,
        crowd("loadtests.held_flows", [str(edge.proxy.port), HELD_PATH, str(flows)]) as held,
    ):
        print(f"{flows:,} flows are under way; the page is looked at for {seconds} s", file=sys.stderr, flush=True)
        seen = seen_page(edge.admin, seconds, screenshot)
        return seen | {"ended": held.leave()["ended"]}


def while_looking(seen: Mapping[str, Any], kind: str) -> list[float]:
    """The lengths in milliseconds of the long tasks, or of frames, while the page was only looked at."""
    began, end = seen["began_ms"], seen["began_ms"] + 1000 * seen["seconds"]
    return [length for at, length in seen[kind] if began <= at < end]


def judge(seen: Mapping[str, Any], flows: int) -> list[Finding]:
    """What was seen, against what a page that is usable shows."""
    tasks = while_looking(seen, "tasks")
    is_complete = seen["summary"].endswith(f"of {flows - seen['ended']:,} running")
    return [
        Finding("flows that the page does not know of, if any: 1", 0 if is_complete else 1, 0),
        Finding("bytes to the page", seen["bytes"] / seen["seconds"] / KIB, FRAME_LIMIT_KIB, "KiB/s"),
        Finding("first paint", seen["painted_ms"], PAINT_LIMIT_MS, "ms"),
        Finding("rows are seen", seen["rows"], PAINT_LIMIT_MS, "ms"),
        Finding("longest task while looking", max(tasks, default=0.0), TASK_LIMIT_MS, "ms"),
        Finding("time in long tasks while looking", sum(tasks) / seen["seconds"] / 10, BUSY_LIMIT, "%"),
        Finding("processor time while looking", seen["busy"] / seen["seconds"] * 100, BUSY_LIMIT, "% of a core"),
        Finding("longest time without a new picture while scrolling", seen["scroll_ms"], TASK_LIMIT_MS, "ms"),
        Finding("longest click or key until it was painted", max(seen["interactions"], default=0), TASK_LIMIT_MS, "ms"),
        Finding("from a click on a column to sorted rows", seen["sort_ms"], ANSWER_LIMIT_MS, "ms"),
        Finding("from the last key of a filter to what matches", seen["filter_ms"], ANSWER_LIMIT_MS, "ms"),
        Finding(f"JavaScript heap after {seen['seconds']:.0f} s", seen["heap"] / MIB, HEAP_LIMIT_MIB, "MiB"),
        Finding("errors and warnings on the console", len(seen["faults"]), 0),
    ]


def report(flows: int, seconds: int) -> Report:
    """Raises ChildError, CrowdError, Missing."""
    if importlib.util.find_spec("playwright") is None:
        raise Missing("not found: playwright\nin the checkout: pip install '.[dev]'")
    with scratch() as folder:
        screenshot = folder / "page.png"
        seen = look(flows, seconds, screenshot)
        picture = screenshot.read_bytes()

    def draw(path: Path) -> None:
        path.write_bytes(picture)

    lines = [["the page says of flows", seen["summary"]]]
    return Report(("what", "seen"), lines, judge(seen, flows), {f"The dashboard with {flows:,} flows": draw}, seen)


def main() -> int:
    parser = argparse.ArgumentParser(prog="page", description=QUESTION)
    parser.add_argument("--flows", type=int, default=10_000)
    parser.add_argument("--seconds", type=int, default=20, help="how long the page is looked at (default %(default)s)")
    return run(parser, lambda told: report(told.flows, told.seconds), ["chromium"])


if __name__ == "__main__":
    sys.exit(main())
