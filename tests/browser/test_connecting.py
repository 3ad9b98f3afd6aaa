"""The streams: what ends them, who may read them, and that they rest while nobody looks."""

import pytest
from playwright.async_api import expect

from tests.browser.viewer import Chromium, View
from tests.support.fake_edge import FakeEdge

pytestmark = pytest.mark.browser

# Lets a scenario hide and show the tab, which a browser without a window never does.
HIDEABLE = """
let isHidden = false;
Object.defineProperty(Document.prototype, "hidden", { get: () => isHidden });
globalThis.hide = (isSo) => { isHidden = isSo; document.dispatchEvent(new Event("visibilitychange")); };
"""


def test_a_lost_connection_is_said_and_made_anew(chromium: Chromium) -> None:
    async def scenario(view: View) -> None:
        page, stream = view.page, view.page.locator("#stream")
        await view.edge.decide("Hedged", "hedged at n:1 after 52 ms", about="n:1")
        await expect(stream).to_have_text("live")
        await expect(page.locator("#feed-list li")).to_have_count(1)
        view.edge.is_dead = True
        view.edge.hang_up()
        await expect(stream).to_contain_text("no data since")
        await expect(page).to_have_title("(no data) s3edge")
        await view.edge.decide("HedgeWon", "the hedge at n:1 won", about="n:1")
        view.edge.is_dead = False
        await expect(stream).to_have_text("live")
        await expect(page).to_have_title("s3edge")
        await expect(page.locator("#feed-list li .badge")).to_have_text(["Hedge won", "Hedged"])
        view.forgive("ERR_EMPTY_RESPONSE", "ERR_INCOMPLETE_CHUNKED_ENCODING")

    chromium.look(scenario)


def test_a_silent_connection_counts_as_lost(chromium: Chromium) -> None:
    async def scenario(view: View) -> None:
        await expect(view.page.locator("#stream")).to_contain_text("no data since")
        await expect(view.page.locator("#stream")).to_have_attribute("title", "nothing came any more")

    chromium.look(scenario, FakeEdge(period=3600))


def test_a_token_that_reading_needs_is_asked_for(chromium: Chromium) -> None:
    async def scenario(view: View) -> None:
        page, dialog = view.page, view.page.get_by_role("dialog")
        await expect(page.locator("#stream")).to_have_text("a token is needed")
        await dialog.get_by_label("Admin token").fill("wrong")
        await dialog.get_by_role("button", name="Use it").click()
        await expect(dialog.get_by_label("Admin token")).to_have_value("")
        await dialog.get_by_label("Admin token").fill("correct")
        await dialog.get_by_role("button", name="Use it").click()
        await expect(page.locator("#stream")).to_have_text("live")
        await expect(page.locator("#nodes-summary")).to_have_text("3 up")
        assert await page.evaluate("() => localStorage.length") == 0
        view.forgive("401")

    chromium.look(scenario, FakeEdge(token="correct", is_all_protected=True))


def test_a_token_in_the_address_is_taken_and_removed_from_there(chromium: Chromium) -> None:
    async def scenario(view: View) -> None:
        await expect(view.page.locator("#stream")).to_have_text("live")
        assert view.page.url == view.url
        assert not [asked for asked in view.asked if "correct" in asked]

    chromium.look(scenario, FakeEdge(token="correct", is_all_protected=True), address="#token=correct")


def test_a_hidden_tab_asks_for_nothing_and_catches_up_on_return(chromium: Chromium) -> None:
    async def scenario(view: View) -> None:
        page = view.page
        await view.edge.decide("Hedged", "hedged at n:1 after 52 ms", about="n:1")
        await expect(page.locator("#feed-list li")).to_have_count(1)
        await page.evaluate("() => hide(true)")
        await expect(page.locator("#stream")).to_have_text("paused while hidden")
        await view.edge.decide("HedgeWon", "the hedge at n:1 won", about="n:1")
        asked = len(view.asked)
        await view.edge.until(lambda: view.edge.viewers == 0)
        view.edge.world.totals["requests_per_second"] = 7.0
        assert len(view.asked) == asked
        await page.evaluate("() => hide(false)")
        await expect(page.locator("#stream")).to_have_text("live")
        await expect(page.locator("#feed-list li .badge")).to_have_text(["Hedge won", "Hedged"])
        await expect(page.locator(".card").nth(1).locator(".value")).to_have_text("7")

    chromium.look(scenario, scripts=[HIDEABLE])


def test_missed_decisions_are_said(chromium: Chromium) -> None:
    async def scenario(view: View) -> None:
        await view.page.route(
            "**/api/v1/events",
            lambda route: route.fulfill(
                content_type="text/event-stream", body='event: missed\ndata: {"missed": 1200}\n\n'
            ),
        )
        await view.page.goto(view.url)
        await expect(view.page.locator("#feed-summary")).to_contain_text("1,200 missed")

    chromium.look(scenario, is_opened=False)
