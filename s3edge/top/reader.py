"""The admin server as a viewer sees it: two streams, read as long as one looks, and changes that are asked for."""

import asyncio
import json
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Self, TypeVar
from urllib.parse import quote

import aiohttp
from yarl import URL

from s3edge.config.address import NodeUrl
from s3edge.config.admin import TOKEN_VARIABLE
from s3edge.top.frame import Event, Events, Frame, GarbageError, Model, read
from s3edge.top.messages import LONGEST, Message, Messages, TooLongError
from s3edge.top.text import harmless

# Seconds. The admin server is near, and answers beside the data path.
ANSWER_LIMIT: Final = 5.0
# Seconds. Frames come each second: five that are missing are no delay.
FRAME_LIMIT: Final = 5.0
# Seconds. A quiet stream of events says every 15 s that it lives.
EVENT_LIMIT: Final = 40.0
# Seconds until a broken stream is asked for again: a restart is seen at once, and a dead server is left alone.
FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 10.0
# Characters of a refusal that are shown, and bytes that are read of it, or of the answer to a change.
SHOWN_REFUSAL: Final = 200
MOST_ANSWER: Final = 64 * 1024
STREAM: Final = "text/event-stream"
# The kind of the message that stands for a stream that was opened, as browsers tell it.
OPEN: Final = "open"

Item = TypeVar("Item")


class LookError(Exception):
    """The admin server cannot be looked at, or refuses a change: one line that says what was found and what to do."""


@dataclass(frozen=True, slots=True)
class Lost:
    """A stream broke for this reason, and is asked for again after `pause` seconds."""

    reason: str
    pause: float


@dataclass(frozen=True, slots=True)
class Opened:
    """A stream is open, though it may have nothing to tell yet."""


@dataclass(frozen=True, slots=True)
class Garbage:
    """A message could not be understood, for this reason."""

    reason: str


@dataclass(frozen=True, slots=True)
class Missed:
    """So many events are not told, since the server does not keep them any more."""

    count: int


class Reader:
    """Asks the admin server at `url`; `token` is empty if there is none. Made on a running loop, for `async with`."""

    def __init__(self, url: NodeUrl, token: str) -> None:
        self.site = str(url)
        self.has_token = bool(token)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._session = aiohttp.ClientSession(headers=headers, cookie_jar=aiohttp.DummyCookieJar())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def frames(self, parameters: Mapping[str, str]) -> AsyncGenerator[Frame | Garbage, None]:
        """The frames of one stream, with the flows that are asked for. Raises LookError when it ends."""
        async with aclosing(self._stream("/api/v1/live", parameters, FRAME_LIMIT)) as messages:
            async for message in messages:
                if message.kind == "frame":
                    yield _understood(Frame, message.data)

    async def events(self, since: int) -> AsyncGenerator[Event | Opened | Missed | Garbage, None]:
        """The events of one stream, beginning after number `since`. Raises LookError when it ends."""
        async with aclosing(self._stream("/api/v1/events", {"since": str(since)}, EVENT_LIMIT)) as messages:
            async for message in messages:
                if message.kind == "message":
                    yield _understood(Event, message.data)
                elif message.kind == "missed":
                    yield _missed(message.data)
                elif message.kind == OPEN:
                    yield Opened()

    async def kept_events(self) -> Events:
        """The events that the server keeps, the oldest first. Raises LookError."""
        async with self._asked("GET", "/api/v1/events", aiohttp.ClientTimeout(ANSWER_LIMIT)) as answer:
            text = await _body(answer, LONGEST)
        try:
            return read(Events, text)
        except GarbageError as error:
            raise LookError(f"{self.site} tells events that cannot be understood: {harmless(str(error))}") from None

    async def change(self, what: Sequence[str], parameters: Mapping[str, str]) -> None:
        """POST to the path below `/api/v1` that has these parts. Raises LookError with the server's own words."""
        path = "/".join(quote(part, safe="") for part in ("api", "v1", *what))
        async with self._asked("POST", f"/{path}", aiohttp.ClientTimeout(ANSWER_LIMIT), parameters) as answer:
            await _body(answer, MOST_ANSWER)

    async def _stream(self, path: str, parameters: Mapping[str, str], limit: float) -> AsyncGenerator[Message, None]:
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=ANSWER_LIMIT, sock_read=limit)
        async with self._asked("GET", path, timeout, parameters) as answer:
            if answer.content_type != STREAM:
                raise LookError(self._stranger(answer))
            yield Message(OPEN, "", "")
            messages = Messages()
            async for piece in answer.content.iter_any():
                for message in messages.feed(piece):
                    yield message
        raise LookError(f"{self.site} has ended the stream")

    @asynccontextmanager
    async def _asked(
        self, method: str, path: str, limits: aiohttp.ClientTimeout, parameters: Mapping[str, str] | None = None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """The answer 200 to a request; all that can go wrong with it, until the block ends, is a LookError."""
        url = URL(self.site + path, encoded=True).with_query(parameters)
        headers = {"Accept": STREAM} if limits.total is None else {}
        try:
            # A redirect would carry the token to wherever it leads, and nothing of s3edge redirects.
            async with self._session.request(
                method, url, timeout=limits, headers=headers, allow_redirects=False
            ) as answer:
                if answer.status != 200:
                    raise LookError(await self._refusal(answer))
                yield answer
        except TimeoutError:
            raise LookError(f"{self.site} has said nothing for too long") from None
        except aiohttp.ClientSSLError as error:
            raise LookError(f"cannot connect to {self.site} by TLS: {harmless(str(error))[:SHOWN_REFUSAL]}") from None
        except aiohttp.ClientConnectorError as error:
            # Of an address asyncio says that the call failed, and only the number says why; of a name it is below zero.
            number = error.errno or 0
            what = os.strerror(number) if number > 0 else harmless(error.strerror or str(error))
            raise LookError(
                f"cannot connect to {self.site}: {what}; see that s3edge runs, and say --admin if its admin server "
                "is elsewhere"
            ) from None
        except (aiohttp.ClientError, TooLongError) as error:
            raise LookError(f"the connection to {self.site} broke: {harmless(str(error))[:SHOWN_REFUSAL]}") from None

    async def _refusal(self, answer: aiohttp.ClientResponse) -> str:
        if answer.status == 401 and self.has_token:
            return f"{self.site} refuses the token in {TOKEN_VARIABLE}: it is not that of `admin.token`"
        if answer.status == 401:
            return f"{self.site} wants a token: set {TOKEN_VARIABLE} to that of `admin.token`"
        said = _words(await _body(answer, MOST_ANSWER), answer)
        return said or self._stranger(answer)

    def _stranger(self, answer: aiohttp.ClientResponse) -> str:
        found = f"{answer.status} {harmless(answer.content_type)}"
        return f"{self.site} answers {found}, and not as this version of s3edge does: is it the admin address?"


async def enduring(
    opened: Callable[[], AsyncGenerator[Item, None]],
) -> AsyncGenerator[Item | Lost, None]:
    """What a stream gives; it is opened again whenever it breaks, after 1 s at first, then ever later, up to 10 s."""
    pause = FIRST_PAUSE
    while True:
        try:
            async with aclosing(opened()) as items:
                async for item in items:
                    pause = FIRST_PAUSE
                    yield item
        except LookError as error:
            yield Lost(str(error), pause)
        await asyncio.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)


async def _body(answer: aiohttp.ClientResponse, most: int) -> bytes:
    """At most so many bytes of the body."""
    body = bytearray()
    async for piece in answer.content.iter_any():
        body += piece
        if len(body) >= most:
            break
    return bytes(body[:most])


def _understood(model: type[Model], data: str) -> Model | Garbage:
    try:
        return read(model, data)
    except GarbageError as error:
        return Garbage(harmless(str(error)))


def _missed(data: str) -> Missed | Garbage:
    missed = _json(data)
    count = missed.get("missed") if isinstance(missed, dict) else None
    return (
        Missed(count) if isinstance(count, int) and count >= 0 else Garbage("a message of missed events has no number")
    )


def _words(body: bytes, answer: aiohttp.ClientResponse) -> str:
    """What s3edge says with a refusal, in one line; empty if it does not look like s3edge's words."""
    if answer.content_type == "application/json":
        said = _json(body)
        error = said.get("error") if isinstance(said, dict) else None
        return harmless(error)[:SHOWN_REFUSAL] if isinstance(error, str) else ""
    if answer.content_type == "text/plain" and answer.status != 404:
        return harmless(body.decode("utf-8", "replace").strip())[:SHOWN_REFUSAL]
    return ""


def _json(text: str | bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
