"""`s3edge top`: looks once before it takes the terminal, so that what is wrong is one line and an exit code."""

import asyncio
import shutil
import signal
import sys
from collections.abc import Mapping
from contextlib import aclosing
from typing import Final

from s3edge.config.address import NodeUrl
from s3edge.config.admin import TOKEN_VARIABLE
from s3edge.errors import StartError
from s3edge.top.decisions import Decisions
from s3edge.top.flows import Query
from s3edge.top.frame import Frame
from s3edge.top.plain import picture
from s3edge.top.reader import Garbage, LookError, Reader

# Cells of a line where there is no terminal to ask: all columns have room.
PIPE_WIDTH: Final = 160
# Seconds for the first frame, and for one more if that has no rates yet; both come at once, or within a second.
FIRST_LIMIT: Final = 10.0


def run(url: NodeUrl, environment: Mapping[str, str], *, once: bool) -> int:
    """Show the s3edge at `url` until the operator ends it, or `once` as text; the exit code. Raises StartError."""
    token = environment.get(TOKEN_VARIABLE, "")
    if not (token.isascii() and token.isprintable() and " " not in token):
        raise StartError(f"{TOKEN_VARIABLE} has characters that no token has: spaces, line breaks or such")
    try:
        return asyncio.run(_look(url, token, once=once or not _has_terminal()))
    except LookError as error:
        raise StartError(str(error)) from None


def _has_terminal() -> bool:
    """Whether there is one to draw on; textual draws by way of stderr, and reads keys from stdin."""
    return all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr))


async def _look(url: NodeUrl, token: str, *, once: bool) -> int:
    async with Reader(url, token) as reader:
        frame = await first_frame(reader)
        decisions = Decisions()
        decisions.add_all((await reader.kept_events()).events)
        if once:
            width = shutil.get_terminal_size((PIPE_WIDTH, 0)).columns
            _write(picture(frame, decisions, Query(), reader.site, width))
            return 0
        return await _sit(reader, frame, decisions)


async def first_frame(reader: Reader, limit: float = FIRST_LIMIT) -> Frame:
    """A frame with rates, which comes within `limit` seconds. Raises LookError."""
    is_first = True
    try:
        async with asyncio.timeout(limit), aclosing(reader.frames(Query().parameters())) as frames:
            async for frame in frames:
                if isinstance(frame, Garbage):
                    raise LookError(f"{reader.site} tells what this `s3edge top` does not understand: {frame.reason}")
                if frame.interval > 0 or not is_first:
                    return frame
                is_first = False
    except TimeoutError:
        pass
    raise LookError(f"{reader.site} has told nothing in {limit:.0f} s")


async def _sit(reader: Reader, frame: Frame, decisions: Decisions) -> int:
    from s3edge.top.app import Top  # noqa: PLC0415  # a quarter of a second, which a single look need not pay

    app = Top(reader, frame, decisions)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, app.exit)
    # Without the mouse the terminal's own marking and copying work, which is what a key is wanted for.
    await app.run_async(mouse=False)
    return app.return_code or 0


def _write(text: str) -> None:
    """Write to a pipe that may know fewer characters, and that may be closed before its end, as by `head`."""
    encoding = sys.stdout.encoding
    try:
        sys.stdout.write(text.encode(encoding, "replace").decode(encoding))
        sys.stdout.flush()
    except BrokenPipeError:
        # Else Python complains when it flushes at its exit.
        sys.stdout.close()
