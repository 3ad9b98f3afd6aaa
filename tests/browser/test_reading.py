"""For everybody: light and dark, narrow and wide, by keyboard, without colours or motion, with much to show."""

from typing import Any

import pytest
from playwright.async_api import expect

from tests.browser.viewer import Chromium, View
from tests.support.fake_edge import FakeEdge, flow, guarded, node, tenant

pytestmark = pytest.mark.browser

# Text that is seen, with its contrast to what is behind it (WCAG 2.2, 1.4.3), below the limit for small text.
PALE = """() => {
  const parse = (colour) => {
    const numbers = colour.match(/[\\d.]+/g).map(Number);
    if (!colour.startsWith("rgb")) throw new Error(`cannot read ${colour}`);
    const [r, g, b, a = 1] = numbers;
    return { r, g, b, a };
  };
  const part = (value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
  const luminance = ({ r, g, b }) => 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  const behind = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const colour = parse(getComputedStyle(each).backgroundColor);
      if (colour.a === 1) return colour;
      if (colour.a > 0) throw new Error(`${each.tagName} is see-through`);
    }
    throw new Error("nothing is behind it");
  };
  const pale = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let seen = 0;
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.checkVisibility() || element.closest(":disabled, option")) continue;
    seen += 1;
    const style = getComputedStyle(element);
    const [one, other] = [luminance(parse(style.color)), luminance(behind(element))].sort((a, b) => b - a);
    const contrast = (one + 0.05) / (other + 0.05);
    if (contrast < 4.5) pale.push(`${contrast.toFixed(2)} ${element.className} ${walker.currentNode.data}`);
  }
  return { seen, pale };
}"""


# The milliseconds that the page takes for each of the next seven frames.
SEVEN_FRAMES = """() => new Promise((resolve) => {
  const taken = [];
  new PerformanceObserver((list, observer) => {
    taken.push(...list.getEntriesByName("frame").map((measure) => measure.duration));
    if (taken.length < 7) return;
    observer.disconnect();
    resolve(taken.slice(0, 7));
  }).observe({ type: "measure" });
})"""


def colourful() -> FakeEdge:
    """All tones at once."""
    edge = FakeEdge()
    world = edge.world
    world.nodes = [
        node("a:1"),
        node("b:1", state="down", reason="cannot connect"),
        node("c:1", ejected_by_workers=1),
        node("d:1", state="drained"),
        node("e:1", state="unknown"),
    ]
    world.tenants = [
        tenant("one", guard=guarded("throttled", 5.0)),
        tenant("two", guard=guarded("pinned", 500.0)),
        tenant("three", guard=guarded("normal"), shed_per_second=3.0),
    ]
    world.sources = [{"kind": "client", "name": "10.0.0.7", "state": "throttled", "rate": 10.0}]
    world.flows = [flow(n, state=state) for n, state in enumerate(("waiting", "asking", "sending", "receiving"))]
    world.edge |= {"not_ready": "draining", "workers_ready": 1, "loop_lag": 0.5}
    return edge


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_all_text_stands_out_from_what_is_behind_it(chromium: Chromium, theme: str) -> None:
    async def scenario(view: View) -> None:
        for event in ("NodeEjected", "NodeReturned", "BodyBroken", "Hedged", "NodeProbed"):
            await view.edge.decide(event, event, about=event)
        await expect(view.page.locator("#feed-list li")).to_have_count(5)
        await expect(view.page.locator("#tenant-table tbody tr")).to_have_count(3)
        found = await view.page.evaluate(PALE)
        assert found["seen"] > 150
        assert found["pale"] == []
        await view.page.get_by_role("button", name="Pin tenant one").click()
        assert (await view.page.evaluate(PALE))["pale"] == []

    chromium.look(scenario, colourful(), color_scheme=theme)


def test_the_theme_follows_the_system_until_it_is_chosen_and_is_kept(chromium: Chromium) -> None:
    background = "() => getComputedStyle(document.documentElement).backgroundColor"
    light, dark = "rgb(244, 246, 249)", "rgb(13, 17, 23)"

    async def scenario(view: View) -> None:
        page = view.page
        await expect(page.locator("#stream")).to_have_text("live")
        assert await page.evaluate(background) == light
        await page.emulate_media(color_scheme="dark")
        assert await page.evaluate(background) == dark
        await page.get_by_label("Theme").select_option("light")
        assert await page.evaluate(background) == light
        await page.reload()
        await expect(page.get_by_label("Theme")).to_have_value("light")
        assert await page.evaluate(background) == light

    chromium.look(scenario, color_scheme="light")


@pytest.mark.parametrize("width", [360, 768, 1280, 1920])
def test_no_width_makes_the_page_scroll_sideways(chromium: Chromium, width: int) -> None:
    async def scenario(view: View) -> None:
        await view.edge.decide("NodeTurned", f"b:1 is down: {'x' * 300}", about="b:1")
        await expect(view.page.locator("#feed-list li")).to_have_count(1)
        await expect(view.page.locator("#tenant-table tbody tr")).to_have_count(3)
        assert await view.page.evaluate("() => document.documentElement.scrollWidth") == width

    chromium.look(scenario, colourful(), viewport={"width": width, "height": 740})


def test_all_can_be_done_by_keyboard(chromium: Chromium) -> None:
    focused = "() => document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent.trim()"

    async def scenario(view: View) -> None:
        page, dialog = view.page, view.page.get_by_role("dialog")
        await expect(page.locator("#nodes-summary")).to_have_text("3 up")
        await page.keyboard.press("Tab")
        assert await page.evaluate(focused) == "Skip to the numbers"
        await expect(page.get_by_text("Skip to the numbers")).to_be_in_viewport()
        await page.keyboard.press("Enter")
        await page.keyboard.press("Tab")
        assert await page.evaluate(focused) == "Drain minio1:9000"
        await page.keyboard.press("Enter")
        await expect(dialog).to_be_visible()
        for _ in range(6):
            await page.keyboard.press("Tab")
            assert await page.evaluate("() => document.activeElement.closest('dialog, body').tagName") in (
                "DIALOG",
                "BODY",
            )
            assert await page.evaluate("() => document.activeElement.closest('main, header, aside')") is None
        await page.keyboard.press("Escape")
        await expect(dialog).to_be_hidden()
        assert await page.evaluate(focused) == "Drain minio1:9000"
        await page.get_by_role("button", name="Age").focus()
        await page.keyboard.press("Enter")
        await expect(page.locator("#flow-table th[aria-sort]")).to_have_attribute("aria-sort", "ascending")
        assert await page.evaluate(focused) == "Age"

    chromium.look(scenario)


def test_focus_is_seen(chromium: Chromium) -> None:
    async def scenario(view: View) -> None:
        await expect(view.page.locator("#nodes-summary")).to_have_text("3 up")
        for _ in range(8):
            await view.page.keyboard.press("Tab")
            outline = "() => getComputedStyle(document.activeElement).outlineStyle"
            assert await view.page.evaluate(outline) == "solid"

    chromium.look(scenario)


@pytest.mark.parametrize("motion,animations", [("reduce", 0), ("no-preference", 1)])
def test_nothing_moves_for_those_who_want_it_still(chromium: Chromium, motion: str, animations: int) -> None:
    async def scenario(view: View) -> None:
        await expect(view.page.locator("#stream")).to_have_text("live")
        assert await view.page.evaluate("() => document.getAnimations().length") == animations

    chromium.look(scenario, reduced_motion=motion)


def test_ten_thousand_flows_leave_the_page_quick(chromium: Chromium) -> None:
    """A frame is handled within 50 ms, the longest that is not felt (RAIL); the first paint comes within a second."""
    limits: list[dict[str, Any]] = [{"policy": "p", "limits": {"requests": {"all": 500.0}, "concurrency": 64}}]
    edge = FakeEdge(period=0.5)
    edge.world.nodes = [node(f"n{number}:9000") for number in range(64)]
    edge.world.tenants = [tenant(f"t{number}", limits=limits, stalled=number / 100) for number in range(100)]
    edge.world.flows = [flow(number, age=number % 97) for number in range(10_000)]

    def move() -> None:
        for number, one in enumerate(edge.world.flows):
            one["age"] = (number * 31 + edge.now.second) % 97
        for number, one in enumerate(edge.world.tenants):
            one["inflight"] = (number + edge.now.second) % 64

    edge.world.before_frame = move

    async def scenario(view: View) -> None:
        page = view.page
        await expect(page.locator("#flows-summary")).to_have_text("100 of 10,000 running")
        taken = await page.evaluate(SEVEN_FRAMES)
        assert sorted(taken)[3] < 50
        [paint] = await page.evaluate(
            "() => performance.getEntriesByName('first-contentful-paint').map((e) => e.startTime)"
        )
        assert paint < 1000

    chromium.look(scenario, edge)
