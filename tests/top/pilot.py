"""The app on a screen of its own, in front of a made-up server that tells what a test makes it tell."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping, Sequence

from textual.pilot import Pilot

from s3edge.top.app import Top
from s3edge.top.decisions import Decisions
from s3edge.top.frame import Event, Frame
from s3edge.top.reader import Garbage, LookError, Missed, Opened
from tests.top.made_up import frame

SMALL, LARGE = (80, 24), (160, 45)
# Seconds that a busy machine may take for what normally takes a fraction of one.
LIMIT = 30.0

Frames = Frame | Garbage | LookError
Events = Event | Opened | Missed | Garbage | LookError


class MadeUpSite:
    """In the place of a reader: `live` and `news` are told as they are put, and an error ends that stream."""

    site = "http://127.0.0.1:9090"

    def __init__(self) -> None:
        self.has_token = True
        self.live: asyncio.Queue[Frames] = asyncio.Queue()
        self.news: asyncio.Queue[Events] = asyncio.Queue()
        self.asked: list[dict[str, str]] = []
        self.since: list[int] = []
        self.changes: list[tuple[tuple[str, ...], dict[str, str]]] = []
        self.refusal = ""

    async def frames(self, parameters: Mapping[str, str]) -> AsyncGenerator[Frame | Garbage, None]:
        self.asked.append(dict(parameters))
        while True:
            told = await self.live.get()
            if isinstance(told, LookError):
                raise told
            yield told

    async def events(self, since: int) -> AsyncGenerator[Event | Opened | Missed | Garbage, None]:
        self.since.append(since)
        while True:
            told = await self.news.get()
            if isinstance(told, LookError):
                raise told
            yield told

    async def change(self, what: Sequence[str], parameters: Mapping[str, str]) -> None:
        self.changes.append((tuple(what), dict(parameters)))
        if self.refusal:
            raise LookError(self.refusal)


class Seat:
    """Somebody who sits before the screen."""

    def __init__(self, app: Top, site: MadeUpSite, pilot: Pilot[None]) -> None:
        self.app = app
        self.site = site
        self._pilot = pilot

    def lines(self) -> list[str]:
        """What is on the screen."""
        width, height = self.app.size
        strips = self.app.screen._compositor.render_strips(self.app.size)
        texts = ["".join(segment.text for segment in strip) for strip in strips]
        assert len(texts) == height
        assert all(len(text) <= width for text in texts)
        return [text.rstrip() for text in texts]

    def sees(self, text: str) -> bool:
        """Whether that stands anywhere on the screen."""
        return any(text in line for line in self.lines())

    def line(self, text: str) -> str:
        """The first line that has that in it."""
        return next(line for line in self.lines() if text in line)

    async def press(self, *keys: str) -> None:
        """Press keys, and wait until the app has done what they say."""
        await self._pilot.press(*keys)
        await self._pilot.pause()

    async def resize(self, size: tuple[int, int]) -> None:
        """Give the terminal another size."""
        await self._pilot.resize_terminal(*size)
        await self._pilot.pause()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Let the app work until something holds."""
        while not holds():
            await self._pilot.pause()

    async def until_sees(self, text: str) -> None:
        """Let the app work until that is on the screen."""
        await self.until(lambda: self.sees(text))


def sit(
    scenario: Callable[[Seat], Coroutine[None, None, None]],
    shown: Frame | None = None,
    events: Sequence[Event] = (),
    size: tuple[int, int] = SMALL,
) -> MadeUpSite:
    """Run a scenario before a screen that begins with this frame and these events."""

    async def main() -> MadeUpSite:
        site, decisions = MadeUpSite(), Decisions()
        decisions.add_all(events)
        app = Top(site, shown or frame(), decisions)
        async with asyncio.timeout(LIMIT), app.run_test(size=size, notifications=True) as pilot:
            await pilot.pause()
            await scenario(Seat(app, site, pilot))
        assert app.return_code in (0, None)
        return site

    return asyncio.run(main())
