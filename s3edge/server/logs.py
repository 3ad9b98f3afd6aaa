"""The log: one short line per event on stderr, the same for the supervisor and its workers."""

import logging
import sys


def start_logging(part: str) -> None:
    """Send the log of this process to stderr; `part` names the process, as in "supervisor" or "worker 0"."""
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO,
        format=f"%(asctime)s %(levelname)-7s {part}: %(message)s",
        force=True,
    )
    # Both log every task switch and request at levels that operators use for their own programs.
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
