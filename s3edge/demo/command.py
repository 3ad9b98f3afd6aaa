"""`s3edge demo`: an embedded cluster, s3edge in front of it, and a client that reads."""

import asyncio
import importlib.util
import signal
from collections.abc import Coroutine
from typing import Any

from s3edge.config.address import Address, parse_address
from s3edge.errors import StartError
from s3edge.server.sockets import address_of, listen_alone

EXTRA = ("boto3", "moto", "flask")  # what the extra `demo` brings


def run(chaos: bool, listen: str, admin: str, seconds: float | None) -> int:
    """Run the demo for `seconds` of reading, or until Ctrl-C or SIGTERM; its exit code.

    The code is 1 if the client was given wrong bytes, else 0. Raises StartError.
    """
    for module in EXTRA:
        if importlib.util.find_spec(module) is None:
            raise StartError(f'the demo needs the Python package {module}: pip install "s3edge[demo]"')
    from s3edge.demo.stage import perform  # noqa: PLC0415  # it imports what was looked for above

    return asyncio.run(_until_signalled(perform(chaos, _free(listen), _free(admin), seconds)))


def _free(text: str) -> Address:
    """The address, with a free port in place of 0. Raises StartError when something listens there already."""
    with listen_alone(parse_address(text)) as sock:
        return address_of(sock)


async def _until_signalled(performance: Coroutine[Any, Any, int]) -> int:
    """The performance's exit code; 0 when SIGINT or SIGTERM ended it."""
    loop = asyncio.get_running_loop()
    signalled = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, signalled.set)
    running = asyncio.create_task(performance, name="performance")
    waiting = asyncio.create_task(signalled.wait(), name="signals")
    await asyncio.wait((running, waiting), return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    running.cancel()
    await asyncio.wait((running, waiting))
    return 0 if running.cancelled() else running.result()
