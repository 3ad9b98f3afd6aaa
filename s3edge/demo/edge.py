"""s3edge itself as a process of the demo."""

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import IO

import aiohttp

from s3edge.config.address import Address
from s3edge.config.admin import TOKEN_VARIABLE
from s3edge.errors import StartError

READY_SECONDS = 20.0  # how long s3edge may take until it serves; it takes about one
READY_PAUSE = 0.05  # seconds between two questions
PROBE_INTERVAL = "500ms"  # who looks on sees a node go and return within two seconds
STOP_SECONDS = 5.0  # how long it may drain at the end, when the readers have stopped


def reachable(address: Address) -> Address:
    """Where this machine reaches what listens at `address`."""
    if address.is_every_address:
        return Address("::1" if ":" in address.host else "127.0.0.1", address.port)
    return address


@asynccontextmanager
async def serving(listen: Address, admin: Address, token: str, nodes: Sequence[str]) -> AsyncIterator[None]:
    """Run `s3edge serve` with one worker in front of `nodes`; enters once it serves. Raises StartError.

    The admin token is given by the environment, which others cannot read as they can a command line.
    """
    config = {
        "listen": {"address": str(listen)},
        "admin": {"address": str(admin)},
        "workers": 1,
        "clusters": [{"name": "demo", "nodes": list(nodes), "health": {"interval": PROBE_INTERVAL}}],
        "log": {"format": "text"},
    }
    with tempfile.TemporaryFile() as log, tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        json.dump(config, file)
        file.flush()
        # A group of its own: a terminal's Ctrl-C reaches the demo only, which ends its children in order.
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "s3edge", "serve", "--config", file.name),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            process_group=0,
            env={**os.environ, TOKEN_VARIABLE: token},
        )
        try:
            await _wait_until_ready(process, admin, log)
            yield
        finally:
            await _stop(process)


async def _wait_until_ready(process: asyncio.subprocess.Process, admin: Address, log: IO[bytes]) -> None:
    try:
        async with asyncio.timeout(READY_SECONDS), aiohttp.ClientSession() as session:
            while not await _is_ready(session, admin):
                if process.returncode is not None:
                    raise StartError(f"s3edge ended before it was ready: {_last_line(log)}")
                await asyncio.sleep(READY_PAUSE)
    except TimeoutError:
        raise StartError(f"s3edge was not ready within {READY_SECONDS:g} s: {_last_line(log)}") from None


async def _is_ready(session: aiohttp.ClientSession, admin: Address) -> bool:
    try:
        async with session.get(f"http://{reachable(admin)}/-/ready") as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


def _last_line(log: IO[bytes]) -> str:
    log.seek(0)
    lines = log.read().decode(errors="replace").strip().splitlines()
    return lines[-1].removeprefix("s3edge: ") if lines else "it said nothing"


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
