"""Somebody who opens the dashboard in a real Chromium, looks at its flows, sorts, filters and scrolls.

`python -m loadtests.page_viewer ADMIN_PORT SECONDS SCREENSHOT` prints one line of JSON about what that was like.
"""

import json
import shutil
import sys
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import CDPSession, ConsoleMessage, Page, ViewportSize, sync_playwright

WINDOW: ViewportSize = {"width": 1440, "height": 900}
PATIENCE_MS = 30_000
KEY_COLUMN = "#flow-table thead th:first-child button"
SCROLLS = 20
SCROLL_PIXELS, SCROLL_MS = 200, 100
"""A wheel that is turned for two seconds, down and up."""

# Runs before the scripts of the page. All times are milliseconds since the page was asked for.
NOTES = """
globalThis.notes = { tasks: [], frames: [], interactions: [], rows: null, input: 0 };
const observe = (options, take) => new PerformanceObserver((list) => list.getEntries().forEach(take)).observe(options);
observe({ type: "longtask", buffered: true }, (task) => notes.tasks.push([task.startTime, task.duration]));
observe({ type: "measure" }, (measure) => notes.frames.push([measure.startTime, measure.duration]));
observe({ type: "event", durationThreshold: 16 }, ({ interactionId, duration }) => {
  if (interactionId) notes.interactions.push(duration);
});
for (const type of ["click", "input"]) addEventListener(type, (event) => { notes.input = event.timeStamp; }, true);
new MutationObserver((_, observer) => {
  if (document.querySelector("#flow-table tbody tr") === null) return;
  observer.disconnect();
  requestAnimationFrame(() => requestAnimationFrame((now) => { notes.rows = now; }));
}).observe(document, { childList: true, subtree: true });
"""

# Resolves to the time at which an element has, or has no more, a text, and that was painted.
SINCE_INPUT = """([selector, text, has]) => new Promise((resolve) => {
  const look = (now) => {
    const isSo = document.querySelector(selector).textContent.includes(text) === has;
    if (isSo && notes.input > 0) resolve(now - notes.input);
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})"""

PLACE = """(selector) => {
  const element = document.querySelector(selector);
  element.scrollIntoView({ block: "center", behavior: "instant" });
  return element.getBoundingClientRect().toJSON();
}"""

LONGEST_GAP = """(milliseconds) => new Promise((resolve) => {
  let longest = 0, before = performance.now();
  const end = before + milliseconds;
  const look = (now) => {
    longest = Math.max(longest, now - before);
    before = now;
    if (now < end) requestAnimationFrame(look); else resolve(longest);
  };
  requestAnimationFrame(look);
})"""


@dataclass
class Stream:
    """The bytes of the live view, as the browser's network side saw them."""

    requests: set[str] = field(default_factory=set)
    size: int = 0

    def asked(self, event: dict[str, Any]) -> None:
        if "/api/v1/live" in event["request"]["url"]:
            self.requests.add(event["requestId"])

    def received(self, event: dict[str, Any]) -> None:
        if event["requestId"] in self.requests:
            self.size += max(event["dataLength"], event["encodedDataLength"])


def watched(network: CDPSession) -> Stream:
    """What comes from now on."""
    stream = Stream()
    network.on("Network.requestWillBeSent", stream.asked)
    network.on("Network.dataReceived", stream.received)
    network.send("Network.enable")
    return stream


def heap(network: CDPSession) -> int:
    """Bytes of JavaScript objects that are in use."""
    network.send("HeapProfiler.collectGarbage")
    used: int = network.send("Runtime.getHeapUsage")["usedSize"]
    return used


def place(page: Page, selector: str) -> tuple[float, float]:
    """Where the mouse points at the first such element. Playwright's own way waits until a page stands still."""
    box = page.evaluate(PLACE, selector)
    return box["x"] + min(box["width"] / 2, 20), box["y"] + box["height"] / 2


def busy(network: CDPSession) -> float:
    """Seconds of processor time that the thread of the page has used so far."""
    [used] = [one["value"] for one in network.send("Performance.getMetrics")["metrics"] if one["name"] == "ThreadTime"]
    return float(used)


def sort(page: Page) -> float:
    """Milliseconds from a click on the head of a column until the table begins with another flow."""
    page.mouse.click(*place(page, KEY_COLUMN))
    page.wait_for_timeout(2000)
    first = page.locator("#flow-table tbody th").first.text_content()
    page.evaluate("() => { notes.input = 0; }")
    page.mouse.click(*place(page, KEY_COLUMN))
    took: float = page.evaluate(SINCE_INPUT, ["#flow-table tbody th", first, False])
    return took


def filter_by(page: Page, words: str) -> float:
    """Milliseconds from the last key until the page says how many flows match."""
    page.evaluate("() => { notes.input = 0; }")
    page.locator("#flows-filter").press_sequentially(words, delay=50)
    took: float = page.evaluate(SINCE_INPUT, ["#flows-summary", "match", True])
    return took


def scroll(page: Page) -> float:
    """The longest time in milliseconds without a new picture, while the wheel is turned over the flows."""
    page.mouse.move(*place(page, "#flow-table tbody tr:nth-child(3)"))
    page.evaluate(f"() => {{ globalThis.gap = ({LONGEST_GAP})({SCROLLS * SCROLL_MS}); }}")
    for number in range(SCROLLS):
        page.mouse.wheel(0, SCROLL_PIXELS if number < SCROLLS // 2 else -SCROLL_PIXELS)
        page.wait_for_timeout(SCROLL_MS)
    longest: float = page.evaluate("() => gap")
    return longest


def look(page: Page, url: str, seconds: int, screenshot: str) -> dict[str, Any]:
    """Open the page, look at it for so many seconds, and use it; what was seen."""
    faults: list[str] = []

    def console(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            faults.append(message.text)

    page.on("console", console)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.add_init_script(NOTES)
    network = page.context.new_cdp_session(page)
    stream = watched(network)
    page.goto(url)
    page.wait_for_function("() => notes.rows !== null", timeout=PATIENCE_MS)
    painted = page.evaluate("() => performance.getEntriesByName('first-contentful-paint')[0].startTime")
    page.evaluate("() => document.getElementById('flows').scrollIntoView()")
    network.send("Performance.enable")
    before, began, size = busy(network), page.evaluate("() => performance.now()"), stream.size
    page.wait_for_timeout(1000 * seconds)
    looked = (page.evaluate("() => performance.now()") - began) / 1000
    seen: dict[str, Any] = {
        "seconds": looked,
        "bytes": stream.size - size,
        "busy": busy(network) - before,
        "heap": heap(network),
        "summary": page.locator("#flows-summary").text_content(),
        "began_ms": began,
        "painted_ms": painted,
    }
    page.evaluate("() => scrollTo(0, 0)")
    page.screenshot(path=screenshot, full_page=True)
    seen |= {"scroll_ms": scroll(page), "sort_ms": sort(page), "filter_ms": filter_by(page, "-77")}
    return {**seen, **page.evaluate("() => notes"), "faults": faults}


def main() -> None:
    port, seconds, screenshot = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        page = browser.new_page(viewport=WINDOW)
        page.set_default_timeout(PATIENCE_MS)
        seen = look(page, f"http://127.0.0.1:{port}/", seconds, screenshot)
        browser.close()
    print(json.dumps(seen))


if __name__ == "__main__":
    main()
