"""Names are hostile input: nothing that a key or a tenant is called may run, or look like what it is not."""

import pytest
from playwright.async_api import expect

from tests.browser.viewer import Chromium, View
from tests.support.fake_edge import FakeEdge, flow, guarded, node, tenant

pytestmark = pytest.mark.browser

MARKUP = "<img src=x onerror=\"document.title='run'\"><script>document.title='run'</script>"


def test_markup_in_names_is_shown_as_text_and_nothing_runs(chromium: Chromium) -> None:
    edge = FakeEdge()
    world = edge.world
    world.nodes = [node(MARKUP, reason=MARKUP, cluster=MARKUP, zone=MARKUP), node("n:1", cluster="other")]
    world.tenants = [tenant(MARKUP, stalled=1.0, guard=guarded("throttled", 5.0, MARKUP))]
    world.sources = [{"kind": "client", "name": MARKUP, "state": MARKUP, "rate": None}]
    world.flows = [flow(1, key=MARKUP, bucket=MARKUP, tenant=MARKUP, node=MARKUP, state=MARKUP, operation=MARKUP)]
    world.edge |= {"not_ready": MARKUP, "version": MARKUP}

    async def scenario(view: View) -> None:
        page = view.page
        await edge.decide(MARKUP, MARKUP, about=MARKUP, operation=MARKUP, bucket=MARKUP, key=MARKUP)
        await edge.decide("NodeTurned", f"{MARKUP} is down: {MARKUP}", about=MARKUP)
        await expect(page.locator("#flow-table tbody th")).to_have_text(f"{MARKUP}/{MARKUP}")
        await expect(page.locator(".tile h4").first).to_have_text(MARKUP)
        await expect(page.locator("#tenant-table tbody th")).to_have_text(MARKUP)
        await expect(page.locator("#sources strong")).to_have_text(MARKUP)
        await expect(page.locator("#feed-list li")).to_have_count(2)
        await page.get_by_role("button", name=f"Pin tenant {MARKUP}").click()
        await expect(page.get_by_role("dialog").get_by_role("heading")).to_have_text(f"Pin tenant {MARKUP}?")
        assert await page.locator("img, script").count() == 4  # the icon; the theme, the charts, the page
        await expect(page).to_have_title("(not ready) s3edge")

    chromium.look(scenario, edge)


def test_characters_that_turn_the_writing_direction_or_hide_are_spelled_out(chromium: Chromium) -> None:
    edge = FakeEdge()
    edge.world.flows = [flow(1, key="a\u202egnp.exe\u2066\u200b\x07\n\u00ad")]

    async def scenario(view: View) -> None:
        shown = view.page.locator("#flow-table tbody th")
        await expect(shown).to_have_text(r"datasets/a\u{202e}gnp.exe\u{2066}\u{200b}\u{7}\u{a}\u{ad}")

    chromium.look(scenario, edge)


def test_very_long_names_do_not_widen_the_page(chromium: Chromium) -> None:
    edge = FakeEdge()
    edge.world.flows = [flow(1, key="k" * 1024)]
    edge.world.nodes = [node("n" * 300, reason="r" * 5000)]
    edge.world.tenants = [tenant("t" * 300)]

    async def scenario(view: View) -> None:
        await expect(view.page.locator("#flow-table tbody tr")).to_have_count(1)
        for width in (360, 1440):
            await view.page.set_viewport_size({"width": width, "height": 800})
            assert await view.page.evaluate("() => document.documentElement.scrollWidth") == width

    chromium.look(scenario, edge)


def test_the_policy_stops_scripts_and_markup_that_would_get_in(chromium: Chromium) -> None:
    async def scenario(view: View) -> None:
        page = view.page
        await expect(page.locator("#stream")).to_have_text("live")
        refused = await page.evaluate(
            """() => {
              try { document.body.innerHTML = "<b>x</b>"; } catch (error) { return error.name; }
              return null;
            }"""
        )
        assert refused == "TypeError"
        await page.evaluate(
            """() => {
              const style = document.createElement("style");
              style.append("body { display: none }");
              document.head.append(style);
              fetch("http://127.0.0.1:1/").catch(() => {});
            }"""
        )
        assert await page.evaluate("() => getComputedStyle(document.body).display") != "none"
        await expect(page.locator("#stream")).to_have_text("live")
        assert [fault for fault in view.faults if "style-src" in fault]
        assert [fault for fault in view.faults if "connect-src" in fault]
        view.faults.clear()

    chromium.look(scenario)


def test_the_page_asks_its_own_host_for_all(chromium: Chromium) -> None:
    async def scenario(view: View) -> None:
        await expect(view.page.locator("#stream")).to_have_text("live")
        assert {url.removeprefix(view.url).split("?")[0].split("/")[0] for url in view.asked} == {"", "static", "api"}

    chromium.look(scenario)
