"""The demo from the first node to the last line."""

import asyncio
import itertools
import random
import secrets

from rich.console import Console

from s3edge.config.address import Address
from s3edge.demo.edge import reachable, serving
from s3edge.demo.nodes import Nodes
from s3edge.demo.progress import Progress
from s3edge.demo.reader import Reader, Tally
from s3edge.demo.samples import ACCESS_KEY, BUCKET, REGION, SECRET_KEY, make_samples, write_samples
from s3edge.demo.watch import Hidden

CHAOS_PERIOD = 4.0  # seconds that a node is away, then that all are there; longer than probes need to notice


async def perform(chaos: bool, listen: Address, admin: Address, seconds: float | None) -> int:
    """Set everything up, read for `seconds` (None: until cancelled), take everything down.

    Returns 1 if the client was given wrong bytes, else 0. Raises StartError.
    """
    console = Console(highlight=False)
    endpoint, site = f"http://{reachable(listen)}", f"http://{reachable(admin)}"
    token, samples = secrets.token_urlsafe(), make_samples()
    with Nodes() as nodes:
        await asyncio.to_thread(write_samples, nodes.urls[0], samples)
        _say(console, f"storage  three nodes that share {len(samples)} objects: {' '.join(nodes.urls)}")
        # The reader closes last, since its reads in flight end with the endpoint.
        with Reader(endpoint, samples, random.Random()) as reader:
            progress = Progress(console, reader.tally, site)
            try:
                async with serving(listen, admin, token, nodes.urls):
                    _tell_how_to_use(console, endpoint, site, token)
                    await _play(reader, progress, nodes if chaos else None, console, seconds)
            finally:
                _say(console, _summary(reader.tally, progress.hidden))
    return 1 if reader.tally.wrong else 0


async def _play(
    reader: Reader, progress: Progress, victims: Nodes | None, console: Console, seconds: float | None
) -> None:
    try:
        async with asyncio.timeout(seconds), asyncio.TaskGroup() as group:
            group.create_task(reader.run(), name="reader")
            group.create_task(progress.run(), name="progress")
            if victims is not None:
                group.create_task(_harass(victims, console), name="chaos")
    except TimeoutError:
        return
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from failures  # the first ended the others


async def _harass(nodes: Nodes, console: Console) -> None:
    """Take away one node after the other, each for a while."""
    for number in itertools.cycle(range(len(nodes.urls))):
        await asyncio.sleep(CHAOS_PERIOD)
        await asyncio.to_thread(nodes.take_away, number)
        _say(console, f"chaos    {nodes.urls[number]} is taken away: its port is closed, its connections are cut")
        await asyncio.sleep(CHAOS_PERIOD)
        await asyncio.to_thread(nodes.give_back, number)
        _say(console, f"chaos    {nodes.urls[number]} is given back")


def _tell_how_to_use(console: Console, endpoint: str, site: str, token: str) -> None:
    _say(console, f"s3edge   {endpoint}   metrics: {site}/metrics   what it decides: {site}/api/v1/events")
    # What follows # stays in the browser; the token is this run's only, and so is this terminal.
    _say(console, f"         dashboard: {site}/#token={token}")
    _say(
        console,
        f"""
Read along with boto3:
  import boto3
  s3 = boto3.client("s3", endpoint_url="{endpoint}", aws_access_key_id="{ACCESS_KEY}",
                    aws_secret_access_key="{SECRET_KEY}", region_name="{REGION}")
  s3.list_objects_v2(Bucket="{BUCKET}")
or with the aws cli:
  export AWS_ACCESS_KEY_ID={ACCESS_KEY} AWS_SECRET_ACCESS_KEY={SECRET_KEY} AWS_DEFAULT_REGION={REGION}
  aws --endpoint-url {endpoint} s3 ls --recursive s3://{BUCKET}

Reading and checking every byte; Ctrl-C ends it.
""",
    )


def _summary(tally: Tally, hidden: Hidden) -> str:
    text = f"read {tally.objects} objects, {tally.octets >> 20} MiB; hidden from the client: {hidden}"
    text += f"; {tally.errors} errors seen by the client"
    if tally.last_error:
        text += f", the last: {tally.last_error}"
    return f"{text}; {tally.wrong} objects with wrong bytes" if tally.wrong else text


def _say(console: Console, text: str) -> None:
    console.print(text, soft_wrap=True, markup=False)
