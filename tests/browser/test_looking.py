"""What a viewer is shown: numbers, nodes, tenants, flows, decisions; and what does not move under the eyes."""

import re
from typing import Any

import pytest
from playwright.async_api import Locator, expect

from tests.browser.viewer import Chromium, View
from tests.support.fake_edge import FakeEdge, flow, guarded, node, tenant

pytestmark = pytest.mark.browser


def tile(view: View, name: str) -> Locator:
    return view.page.locator(".tile", has=view.page.get_by_role("heading", name=name, exact=True))


def card(view: View, title: str) -> Locator:
    return view.page.locator(".card", has=view.page.get_by_role("heading", name=title, exact=True))


def row(view: View, table: str, name: str) -> Locator:
    return view.page.locator(f"#{table} tbody tr", has=view.page.get_by_role("rowheader", name=name, exact=True))


def test_frames_show_up_as_numbers_with_units(chromium: Chromium) -> None:
    async def scenario(view: View) -> None:
        page = view.page
        await expect(page.locator("#standing")).to_contain_text("ready4 workersloop lag 2.1 ms")
        await expect(card(view, "Throughput").locator(".figure").nth(0)).to_have_text("sent1.2 GiB/speak 1.2 GiB/s")
        await expect(card(view, "Throughput").locator(".figure").nth(1)).to_have_text("received40 MiB/speak 40 MiB/s")
        await expect(card(view, "First byte").locator(".figure").nth(1)).to_have_text("p9941 mspeak 41 ms")
        await expect(card(view, "Stall").locator(".figure").nth(0)).to_have_text("all0.40 s/speak 0.40 s/s")
        await expect(page.locator("#nodes-summary")).to_have_text("3 up")
        await expect(tile(view, "minio1:9000").locator(".inflight")).to_have_text("in flight12 of 48")
        await expect(page.locator("#flows-summary")).to_have_text("3 running")
        await expect(page).to_have_title("s3edge")

    chromium.look(scenario)


def test_a_later_frame_takes_the_place_of_the_one_before(chromium: Chromium) -> None:
    async def scenario(view: View) -> None:
        requests = card(view, "Requests").locator(".figure")
        await expect(requests).to_have_text("requests1,240 /speak 1,240 /s")
        view.edge.world.totals["requests_per_second"] = 3.14
        await expect(requests).to_have_text("requests3.1 /speak 1,240 /s")

    chromium.look(scenario)


def test_a_chart_has_a_line_for_each_tenant_that_stalls_most(chromium: Chromium) -> None:
    edge = FakeEdge()
    edge.world.tenants = [tenant(name, stalled=stalled) for name, stalled in zip("abcde", (0, 3, 1, 4, 2), strict=True)]

    async def scenario(view: View) -> None:
        names = card(view, "Stall").locator(".figure:not([hidden]) dt")
        await expect(names).to_have_text(["all", "d", "b"])

    chromium.look(scenario, edge)


def test_a_node_that_goes_down_is_seen_on_its_tile_in_the_title_and_in_the_feed(chromium: Chromium) -> None:
    async def scenario(view: View) -> None:
        gone = tile(view, "minio2:9000")
        await expect(gone.locator(".state")).to_have_text("Up for 3 h 3 min")
        view.edge.world.nodes[1] = node("minio2:9000", state="down", state_seconds=2.0, reason="cannot connect")
        told = "minio2:9000 is down: cannot connect"
        await view.edge.decide("NodeTurned", told, about="minio2:9000")
        await expect(gone.locator(".state")).to_have_text("Down for 2.0 s")
        await expect(gone.locator(".reason")).to_have_text("cannot connect")
        await expect(view.page).to_have_title("(1 node down) s3edge")
        await expect(view.page.locator("#nodes-summary")).to_have_text("2 up, 1 down")
        await expect(view.page.locator("#feed-list li")).to_contain_text([told])
        await expect(view.page.locator("#announcer")).to_have_text(told)

    chromium.look(scenario)


@pytest.mark.parametrize(
    "changes,said",
    [
        ({"ejected_by_workers": 1}, "Up, ejected by 1 of 4 workers"),
        ({"ejected_by_workers": 4}, "Up, ejected"),
        ({"throttled_to": 120}, "Up, held to 120/s"),
        ({"state": "draining"}, "Draining"),
        ({"state": "unknown"}, "Not probed yet"),
        ({"state": "something new"}, "something new"),
    ],
)
def test_a_state_is_said_in_words(chromium: Chromium, changes: dict[str, Any], said: str) -> None:
    edge = FakeEdge()
    edge.world.nodes = [node("n:1", **changes)]

    async def scenario(view: View) -> None:
        await expect(tile(view, "n:1").locator(".state strong")).to_have_text(said)

    chromium.look(scenario, edge)


def test_a_reason_for_not_being_ready_stands_in_the_head(chromium: Chromium) -> None:
    edge = FakeEdge()
    edge.world.edge |= {"not_ready": "no node is proven up", "workers_ready": 3}

    async def scenario(view: View) -> None:
        await expect(view.page.locator("#standing")).to_contain_text("not ready: no node is proven up3 of 4 workers")
        await expect(view.page).to_have_title("(not ready) s3edge")

    chromium.look(scenario, edge)


def test_a_tenants_use_stands_against_the_one_limit_that_holds(chromium: Chromium) -> None:
    limits = [{"policy": "p", "limits": {"requests": {"all": 500.0}, "bandwidth": {"sent": 2**30}, "concurrency": 64}}]
    edge = FakeEdge()
    edge.world.tenants = [
        tenant("held", requests_per_second=10, limits=limits, guard=guarded("throttled", 12.0, "30 times its usual")),
        tenant("limited", requests_per_second=450, sent_per_second=2**29, inflight=16, waiting=3, limits=limits),
        tenant("of two policies", limits=[*limits, {"policy": "q", "limits": {"requests": {"all": 5.0}}}]),
    ]

    async def scenario(view: View) -> None:
        page = view.page
        cells = row(view, "tenant-table", "limited").locator("td")
        await expect(cells.nth(0)).to_have_text("450 /s of 500 /s")
        await expect(cells.nth(1)).to_have_text("512 MiB/s of 1 GiB/s")
        await expect(cells.nth(3)).to_have_text("16 of 64")
        await expect(cells.nth(4)).to_have_text("3")
        bar = cells.nth(0).locator(".bar-of-meter")
        assert await bar.get_attribute("data-tone") == "warn"
        assert await bar.locator("span").evaluate("(span) => span.style.width") == "90%"
        await expect(row(view, "tenant-table", "of two policies").locator("td").nth(0)).to_have_text("120 /s")
        held = row(view, "tenant-table", "held").locator("td")
        await expect(held.nth(0)).to_have_text("10 /s of 12 /s")
        await expect(held.nth(8)).to_have_text("throttled to 12/s")
        await page.get_by_role("button", name="of two policies", exact=True).click()
        await expect(page.get_by_role("dialog")).to_contain_text("p: requests 500 /s, sent 1 GiB/s, 64 in flight")
        await expect(page.get_by_role("dialog")).to_contain_text("q: requests 5 /s")

    chromium.look(scenario, edge)


def test_tenants_are_sorted_in_the_page(chromium: Chromium) -> None:
    edge = FakeEdge()
    edge.world.tenants = [tenant("b", inflight=2), tenant("a", inflight=3), tenant("c", inflight=1)]

    async def scenario(view: View) -> None:
        names = view.page.locator("#tenant-table tbody th")
        await expect(names).to_have_text(["a", "b", "c"])
        await view.page.locator("#tenant-table").get_by_role("button", name="In flight").click()
        await expect(names).to_have_text(["a", "b", "c"])
        await view.page.locator("#tenant-table").get_by_role("button", name="In flight").click()
        await expect(names).to_have_text(["c", "b", "a"])

    chromium.look(scenario, edge)


def test_sort_and_filter_of_flows_reach_the_backend(chromium: Chromium) -> None:
    edge = FakeEdge()
    edge.world.flows = [flow(number, rate=number * 1e6, tenant="rag" if number % 2 else "x") for number in range(250)]

    async def scenario(view: View) -> None:
        page, summary = view.page, view.page.locator("#flows-summary")
        head, keys = page.locator("#flow-table thead"), page.locator("#flow-table tbody th")
        await expect(summary).to_have_text("100 of 250 running")
        assert edge.queries[-1] == {"flows_sort": "-age", "flows_filter": "", "flows_limit": "100"}
        await head.get_by_role("button", name="Rate").click()
        await expect(keys.first).to_have_text("datasets/train/00249.tar")
        assert edge.queries[-1]["flows_sort"] == "-rate"
        await expect(head.locator("th", has_text="Rate")).to_have_attribute("aria-sort", "descending")
        await head.get_by_role("button", name="Rate").click()
        await expect(keys.first).to_have_text("datasets/train/00000.tar")
        await page.get_by_label("Filter").fill("RAG")
        await expect(summary).to_have_text("100 of 125 that match, of 250 running")
        assert edge.queries[-1] == {"flows_sort": "rate", "flows_filter": "RAG", "flows_limit": "100"}
        await page.get_by_label("Filter").fill("00007.tar")
        await expect(summary).to_have_text("1 match, of 250 running")
        await page.get_by_label("Filter").fill("nothing & <nobody>")
        await expect(summary).to_have_text("0 match, of 250 running")
        await expect(page.locator("#flows-empty")).to_have_text("No flow that runs now matches the filter.")
        assert edge.queries[-1]["flows_filter"] == "nothing & <nobody>"

    chromium.look(scenario, edge)


def test_what_is_typed_is_asked_for_once(chromium: Chromium) -> None:
    async def scenario(view: View) -> None:
        await expect(view.page.locator("#flows-summary")).to_have_text("3 running")
        await view.page.get_by_label("Filter").press_sequentially("0001")
        await expect(view.page.locator("#flows-summary")).to_have_text("1 match, of 3 running")
        assert [query["flows_filter"] for query in view.edge.queries] == ["", "0001"]

    chromium.look(scenario)


def test_rows_keep_their_elements_wherever_they_go(chromium: Chromium) -> None:
    async def scenario(view: View) -> None:
        keys = view.page.locator("#flow-table tbody th")
        await expect(keys).to_have_text([f"datasets/train/{number:05}.tar" for number in range(3)])
        await view.page.evaluate(
            "() => document.querySelectorAll('#flow-table tbody tr').forEach((row, index) => { row.mark = index; })"
        )
        view.edge.world.flows = [flow(3, age=9.0), flow(2, age=8.0), flow(0, age=2.0)]
        await expect(keys).to_have_text([f"datasets/train/{number:05}.tar" for number in (3, 2, 0)])
        marks = "() => [...document.querySelectorAll('#flow-table tbody tr')].map((row) => row.mark ?? null)"
        assert await view.page.evaluate(marks) == [None, 2, 0]

    chromium.look(scenario)


def test_flows_hold_still_while_text_in_them_is_selected(chromium: Chromium) -> None:
    async def scenario(view: View) -> None:
        page = view.page
        key = page.locator("#flow-table tbody th").first
        await expect(key).to_have_text("datasets/train/00000.tar")
        await key.select_text()
        await expect(page.locator("#flows-summary")).to_have_text("held while text is selected")
        view.edge.world.flows = [flow(7)]
        view.edge.world.totals["requests_per_second"] = 7.0
        await expect(card(view, "Requests").locator(".figure")).to_contain_text("7 /s")
        await expect(key).to_have_text("datasets/train/00000.tar")
        assert await page.evaluate("() => getSelection().toString()") == "datasets/train/00000.tar"
        await page.evaluate("() => getSelection().empty()")
        await expect(key).to_have_text("datasets/train/00007.tar")

    chromium.look(scenario)


def test_a_burst_of_one_decision_is_one_line(chromium: Chromium) -> None:
    async def scenario(view: View) -> None:
        for number in range(37):
            key = f"train/{number}"
            await view.edge.decide(
                "BodyResumed", "resumed from n:1", about="n:1", operation="GetObject", bucket="b", key=key
            )
        await view.edge.decide("BodyResumed", "resumed from n:2", about="n:2")
        lines = view.page.locator("#feed-list li")
        await expect(lines).to_have_count(2)
        await expect(lines.nth(0)).to_contain_text("resumed from n:2")
        await expect(lines.nth(1).locator(".count")).to_have_text("37 times")
        await expect(lines.nth(1).locator(".subject")).to_have_text("GetObject b/train/36")

    chromium.look(scenario)


def test_the_feed_can_be_filtered_and_paused(chromium: Chromium) -> None:
    async def scenario(view: View) -> None:
        page, lines = view.page, view.page.locator("#feed-list li p:first-of-type")
        await view.edge.decide("NodeEjected", "n:1 ejected for 5 s", level="warning", about="n:1")
        await view.edge.decide("Hedged", "hedged at n:2 after 52 ms", about="n:2")
        await view.edge.decide("RequestShed", "shed by limit", level="warning")
        await expect(lines).to_have_text(["shed by limit", "hedged at n:2 after 52 ms", "n:1 ejected for 5 s"])
        await page.get_by_label("Which decisions").select_option("warnings")
        await expect(lines).to_have_text(["shed by limit", "n:1 ejected for 5 s"])
        await page.get_by_label("Which decisions").select_option("nodes")
        await expect(lines).to_have_text(["n:1 ejected for 5 s"])
        await page.get_by_label("Which decisions").select_option("all")
        await page.get_by_label("Text in decisions").fill("N:2")
        await expect(lines).to_have_text(["hedged at n:2 after 52 ms"])
        await page.get_by_label("Text in decisions").fill("")
        await expect(lines).to_have_count(3)
        await page.get_by_role("button", name="Pause").click()
        await view.edge.decide("NodeReturned", "n:1 takes requests again", about="n:1")
        await expect(page.locator("#feed-summary")).to_have_text("paused, 1 new")
        await expect(lines).to_have_count(3)
        await page.get_by_role("button", name="Go on").click()
        await expect(lines).to_have_count(4)
        await expect(page.locator("#feed-summary")).to_have_text("")

    chromium.look(scenario)


def test_the_feed_holds_still_under_the_pointer(chromium: Chromium) -> None:
    async def scenario(view: View) -> None:
        lines = view.page.locator("#feed-list li")
        await view.edge.decide("Hedged", "hedged at n:2 after 52 ms", about="n:2")
        await expect(lines).to_have_count(1)
        await lines.first.hover()
        await view.edge.decide("HedgeWon", "the hedge at n:2 won", about="n:2")
        await expect(view.page.locator("#feed-summary")).to_have_text("paused, 1 new")
        await expect(lines).to_have_count(1)
        await view.page.get_by_role("heading", name="Nodes").hover()
        await expect(lines).to_have_count(2)

    chromium.look(scenario)


def test_the_feed_keeps_500_decisions(chromium: Chromium) -> None:
    async def scenario(view: View) -> None:
        for number in range(600):
            await view.edge.decide("Hedged", f"hedged at {number}", about=f"n:{number}")
        lines = view.page.locator("#feed-list li")
        await expect(lines.first).to_contain_text("hedged at 599")
        await expect(lines).to_have_count(500)
        await expect(lines.last).to_contain_text("hedged at 100")

    chromium.look(scenario)


def test_empty_parts_say_why_they_are_empty(chromium: Chromium) -> None:
    edge = FakeEdge()
    edge.world.nodes, edge.world.tenants, edge.world.flows = [], [], []

    async def scenario(view: View) -> None:
        page = view.page
        await expect(page.locator("#nodes-empty")).to_have_text("The configuration has no nodes.")
        await expect(page.locator("#tenants-empty")).to_have_text("No tenant is configured, and none was seen.")
        await expect(page.locator("#flows-empty")).to_have_text("No request is under way.")
        await expect(page.locator("#feed-empty")).to_have_text("Nothing out of the ordinary so far.")

    chromium.look(scenario, edge)


def test_without_the_charts_script_the_numbers_are_still_there(chromium: Chromium) -> None:
    async def scenario(view: View) -> None:
        await view.page.route("**/lightweight-charts.js", lambda route: route.fulfill(status=404))
        await view.page.goto(view.url)
        await expect(view.page.locator("#no-charts")).to_contain_text("script is not installed (package litecharts)")
        await expect(card(view, "Requests").locator(".figure")).to_have_text("requests1,240 /speak 1,240 /s")
        await expect(view.page.locator(".chart:visible")).to_have_count(0)
        view.forgive("404")

    chromium.look(scenario, is_opened=False)


def test_charts_are_drawn_and_said_in_words(chromium: Chromium) -> None:
    async def scenario(view: View) -> None:
        page = view.page
        await expect(page.locator(".chart canvas").first).to_be_visible()
        await expect(page.locator("#no-charts")).to_be_hidden()
        said = "Chart of throughput in the last ten minutes: sent at most 1.2 GiB/s, received at most 40 MiB/s"
        await expect(page.get_by_role("img", name=said)).to_be_visible()

    chromium.look(scenario)


def test_pointing_at_one_chart_reads_all_of_them_at_that_second(chromium: Chromium) -> None:
    async def scenario(view: View) -> None:
        page, legend = view.page, view.page.locator("#legend")
        requests = card(view, "Requests").locator(".figure .value")
        await expect(requests).to_have_text("1,240")
        await expect(legend).to_contain_text("a node was taken away")
        view.edge.world.totals["requests_per_second"] = 7.0
        await expect(requests).to_have_text("7")
        place = await card(view, "Throughput").locator(".chart").bounding_box()
        assert place is not None
        # Half of the ten minutes back, when the page was not open yet.
        await page.mouse.move(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)
        await expect(legend).to_have_text(re.compile(r"^at \d\d:\d\d:\d\d$"))
        await expect(requests).to_have_text("\u2013")
        await page.mouse.move(place["x"] + place["width"] / 2, place["y"] - 200)
        await expect(legend).to_contain_text("a node was taken away")
        await expect(requests).to_have_text("7")

    chromium.look(scenario)
