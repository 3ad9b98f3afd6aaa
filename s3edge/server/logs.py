"""The log of s3edge itself, on stderr, the same for the supervisor and its workers: lines of text, or of JSON."""

import json
import logging
import sys
from time import gmtime, strftime
from typing import TextIO

from s3edge.config.log import Format, Log


def start_logging(part: str, config: Log, stderr: TextIO | None = None) -> None:
    """Send the log of this process to stderr, or what stands for it. Called again, it takes up another configuration.

    `part` names the process, as in "supervisor" or "worker 0".
    """
    stderr = stderr or sys.stderr
    is_text = config.format is Format.TEXT or (config.format is Format.AUTO and stderr.isatty())
    handler = logging.StreamHandler(stderr)
    handler.setFormatter(
        logging.Formatter(f"%(asctime)s %(levelname)-7s {part}: %(message)s") if is_text else JsonFormatter(part)
    )
    level = logging.getLevelNamesMapping()[config.level.upper()]
    # Libraries have a say in what is wrong only: below that they log every task switch and request, and botocore the
    # signatures that it makes.
    logging.basicConfig(handlers=(handler,), level=max(level, logging.WARNING), force=True)
    logging.getLogger("s3edge").setLevel(level)


class JsonFormatter(logging.Formatter):
    """A line of JSON for each record, in ASCII, with times in UTC."""

    def __init__(self, part: str) -> None:
        super().__init__()
        self._part = part

    def format(self, record: logging.LogRecord) -> str:
        second = strftime("%Y-%m-%dT%H:%M:%S", gmtime(record.created))
        line = {
            "time": f"{second}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "part": self._part,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)
