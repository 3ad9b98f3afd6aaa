"""The deep probe: a small object that is written, read and deleted at one node, by a signed request for each step.

A health path proves that a process answers. This proves that its disks, its keys and its peers let it do its work. The
module is imported only where a deep probe is configured: aiobotocore takes 0.16 s of CPU and 25 MiB.
"""

import asyncio
import os
import random
import ssl
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiobotocore.config import AioConfig
from aiobotocore.httpsession import AIOHTTPSession
from aiobotocore.session import AioSession
from botocore.exceptions import BotoCoreError, ClientError

from s3edge import __version__
from s3edge.config.health import DeepProbe
from s3edge.health.presets import THROTTLES
from s3edge.health.verdict import Verdict, bad, good, refused
from s3edge.upstream.prober import KnownAddresses, explain

# Canaries are told from the bucket's own objects by this.
PREFIX = ".s3edge-canary"
# One block of most disks: enough to be written for real, and new in every round, so that no old copy passes for it.
SIZE = 4096

# What is set up for other programs of this machine is not meant for the probe. Each entry is botocore's: key in a
# configuration file, environment variables, default, conversion.
_NO_SURROUNDINGS = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a canary is put: the key, a node's URL and present IP addresses, its TLS context if it has one."""

    key: str
    url: str
    addresses: Callable[[], Sequence[str]]
    context: ssl.SSLContext | None


class Canaries:
    """Makes canaries that share one description of S3. `edge` tells this s3edge's canaries from those of others."""

    def __init__(self, edge: str, rng: random.Random) -> None:
        self._edge = edge
        self._rng = rng
        self._session = AioSession(_NO_SURROUNDINGS)

    def canary(
        self,
        url: str,
        node: str,
        addresses: Callable[[], Sequence[str]],
        context: ssl.SSLContext | None,
        deep: DeepProbe,
    ) -> "Canary":
        """The canary of the node with this URL and name."""
        return Canary(self._session, Spot(f"{PREFIX}/{self._edge}/{node}", url, addresses, context), deep, self._rng)


class Canary:
    """One object at one node. Whatever happens, at most one is left there: while it is, no new one is written."""

    def __init__(self, session: AioSession, spot: Spot, deep: DeepProbe, rng: random.Random) -> None:
        self._session = session
        self._spot = spot
        self._deep = deep
        self._rng = rng
        self._object = {"Bucket": deep.bucket, "Key": spot.key}
        self._left: dict[str, str] | None = None
        self._step = "PUT"

    async def ask(self) -> Verdict:
        """Do one round; the verdict names the step that failed."""
        limit = self._deep.timeout
        self._step = "PUT"
        try:
            async with asyncio.timeout(limit), self._client() as client:
                return await self._round(client)
        except TimeoutError:
            return bad(f"{self._step}: no answer within {limit:g} s")
        except ClientError as error:
            return self._judge(error)
        except (BotoCoreError, aiohttp.ClientError, OSError) as error:
            # botocore wraps what happened in words that repeat the whole URL.
            cause = error.kwargs.get("error", error) if isinstance(error, BotoCoreError) else error
            return bad(f"{self._step}: {explain(cause)}")

    async def _round(self, client: Any) -> Verdict:
        if self._left is not None:
            await self._delete(client, self._left)
        body = self._rng.randbytes(SIZE)
        self._step = "PUT"  # after what was left
        self._left = {}  # an answer that never comes leaves it open whether the object is there
        written = await client.put_object(Body=body, **self._object)
        if "VersionId" in written:
            self._left = {"VersionId": written["VersionId"]}  # else each round would leave one more version
        self._step = "GET"
        answer = await client.get_object(**self._object)
        async with answer["Body"] as stream:
            is_same = await stream.read(SIZE + 1) == body
        await self._delete(client, self._left)
        return good("wrote, read and deleted a canary") if is_same else bad("GET: other bytes than were written")

    async def _delete(self, client: Any, version: dict[str, str]) -> None:
        self._step = "DELETE"
        await client.delete_object(**self._object, **version)
        self._left = None

    def _judge(self, error: ClientError) -> Verdict:
        """A node that says why not is well, but for one that does not find what it has just been given."""
        status: int = error.response["ResponseMetadata"]["HTTPStatusCode"]
        code = str(error.response["Error"].get("Code") or "")
        # Codes are one word, and botocore puts the status where there is none; anything else would spoil the log.
        said = f"{self._step} {status} {code}" if code.isalpha() and len(code) <= 64 else f"{self._step} {status}"
        if self._step == "PUT" and status < 500:
            self._left = None
        if code in THROTTLES or status == 429:
            return good(said)
        is_lost = self._step == "GET" and code == "NoSuchKey"
        return bad(said) if status >= 500 or is_lost else refused(said)

    def _client(self) -> AbstractAsyncContextManager[Any]:
        """A client of its own for each round: fresh connections, to the addresses that requests go to."""
        deep = self._deep
        config = AioConfig(
            connector_args={"resolver": KnownAddresses(self._spot.addresses)},
            http_session_cls=_verifying_by(self._spot.context),
            connect_timeout=deep.timeout,
            read_timeout=deep.timeout,
            retries={"total_max_attempts": 1},
            s3={"addressing_style": "path"},
            signature_version="s3v4",
            # Stores other than AWS may not know the newer checksums.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            proxies={},
            user_agent=f"s3edge/{__version__} deep probe",
        )
        client: AbstractAsyncContextManager[Any] = self._session.create_client(
            "s3",
            endpoint_url=self._spot.url,
            region_name=deep.region,
            aws_access_key_id=deep.access_key,
            aws_secret_access_key=deep.secret_key.get_secret_value(),
            config=config,
        )
        return client


def _verifying_by(context: ssl.SSLContext | None) -> type[AIOHTTPSession]:
    """Sessions that verify the node by the configured CA or the system's, as requests do, not by botocore's own."""

    class Session(AIOHTTPSession):  # type: ignore[misc]  # aiobotocore publishes no types
        def _build_verify_context(self) -> ssl.SSLContext | bool:
            return context or True

    return Session
