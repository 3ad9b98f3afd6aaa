"""Somebody who looks at the dashboard in Debian's real Chromium, without a window."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from playwright.async_api import Browser, ConsoleMessage, Page, Playwright, Request, async_playwright, expect

from tests.support.fake_edge import FakeEdge

# Milliseconds. Frames come ten times a second; a busy machine may take some hundred of them to draw one.
expect.set_options(timeout=15_000)

# Chromium writes each violation of the policy to the console, as an error; this makes sure of it.
_TELL_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`violation of ${event.violatedDirective} by ${event.blockedURI}`));
"""


@dataclass
class View:
    """The page that one viewer sees, and all that was wrong with it so far."""

    page: Page
    edge: FakeEdge
    url: str
    faults: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    async def module(self, name: str, expression: str, argument: Any = None) -> Any:
        """The value of an expression in which `it` is a module of the page and `argument` what was given."""
        script = f"async ([url, argument]) => {{ const it = await import(url); return {expression}; }}"
        return await self.page.evaluate(script, [f"{self.url}static/{name}", argument])

    def forgive(self, *parts: str) -> None:
        """Faults that have one of these parts in them are what the scenario is about."""
        self.faults[:] = [fault for fault in self.faults if not any(part in fault for part in parts)]

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.faults.append(f"console: {message.text}")

    def _request(self, request: Request) -> None:
        self.asked.append(request.url)
        if not request.url.startswith(self.url):
            self.faults.append(f"asked another host: {request.url}")

    async def watch(self) -> None:
        """Take note of faults from now on."""
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.faults.append(f"script: {error}"))
        self.page.on("request", self._request)
        await self.page.add_init_script(_TELL_VIOLATIONS)


Scenario = Callable[[View], Awaitable[None]]


class Chromium:
    """One browser for many scenarios; each has a profile of its own."""

    def __init__(self, program: str) -> None:
        self._runner = asyncio.Runner()
        self._playwright: Playwright = self._runner.run(async_playwright().start())
        self._browser: Browser = self._runner.run(self._playwright.chromium.launch(executable_path=program))

    def close(self) -> None:
        """End the browser."""
        self._runner.run(self._browser.close())
        self._runner.run(self._playwright.stop())
        self._runner.close()

    def look(
        self,
        scenario: Scenario,
        edge: FakeEdge | None = None,
        *,
        address: str = "",
        scripts: Iterable[str] = (),
        is_opened: bool = True,
        **profile: Any,
    ) -> None:
        """Open the page and play a scenario; afterwards, nothing may have gone wrong that it did not forgive.

        `address` is what is added to the page's; `scripts` run before those of the page.
        """
        edge = edge or FakeEdge()

        async def main() -> None:
            async with edge.serving() as url:
                context = await self._browser.new_context(**{"viewport": {"width": 1440, "height": 900}, **profile})
                try:
                    view = View(await context.new_page(), edge, url)
                    await view.watch()
                    for script in scripts:
                        await view.page.add_init_script(script)
                    if is_opened:
                        await view.page.goto(url + address)
                    await scenario(view)
                finally:
                    await context.close()
            assert view.faults == []

        self._runner.run(main())
