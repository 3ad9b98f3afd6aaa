"""What an operator changes from the page: it asks first, sends the token, and says what became of it."""

import pytest
from playwright.async_api import expect

from tests.browser.viewer import Chromium, View
from tests.support.fake_edge import FakeEdge, guarded, tenant

pytestmark = pytest.mark.browser


def test_drain_asks_first_and_then_shows_what_became_of_it(chromium: Chromium) -> None:
    async def scenario(view: View) -> None:
        page, dialog = view.page, view.page.get_by_role("dialog")
        await page.get_by_role("button", name="Drain minio2:9000").click()
        await expect(dialog.get_by_role("heading")).to_have_text("Drain minio2:9000?")
        await dialog.get_by_role("button", name="Cancel").click()
        await expect(dialog).to_be_hidden()
        assert view.edge.changes == []
        await page.get_by_role("button", name="Drain minio2:9000").click()
        await dialog.get_by_role("button", name="Drain").click()
        await expect(page.locator("#toast")).to_have_text("minio2:9000 is drained")
        await expect(dialog).to_be_hidden()
        assert view.edge.changes == [("nodes/minio2:9000/drain", {})]
        await expect(page.locator(".tile .state strong")).to_have_text(["Up", "Drained", "Up"])
        await page.get_by_role("button", name="Undrain minio2:9000").click()
        await dialog.get_by_role("button", name="Undrain").click()
        await expect(page.locator(".tile .state strong")).to_have_text(["Up", "Up", "Up"])

    chromium.look(scenario)


def test_a_change_asks_for_the_token_and_a_wrong_one_can_be_corrected(chromium: Chromium) -> None:
    async def scenario(view: View) -> None:
        page, dialog = view.page, view.page.get_by_role("dialog")
        await page.get_by_role("button", name="Drain minio1:9000").click()
        await dialog.get_by_label("Admin token").fill("wrong")
        await dialog.get_by_role("button", name="Drain").click()
        await expect(dialog.get_by_role("alert")).to_have_text("the token is missing or wrong")
        assert view.edge.changes == []
        await dialog.get_by_label("Admin token").fill("correct")
        await dialog.get_by_role("button", name="Drain").click()
        await expect(page.locator("#toast")).to_have_text("minio1:9000 is drained")
        await page.get_by_role("button", name="Undrain minio1:9000").click()
        await expect(dialog.get_by_label("Admin token")).to_be_hidden()
        await dialog.get_by_role("button", name="Undrain").click()
        await expect(page.locator("#toast")).to_have_text("minio1:9000 is no longer drained")
        view.forgive("401")

    chromium.look(scenario, FakeEdge(token="correct"))


def test_a_kept_token_that_is_no_longer_right_is_asked_for_in_the_same_dialog(chromium: Chromium) -> None:
    async def scenario(view: View) -> None:
        dialog = view.page.get_by_role("dialog")
        await view.page.get_by_role("button", name="Drain minio1:9000").click()
        await dialog.get_by_role("button", name="Drain").click()
        await dialog.get_by_label("Admin token").fill("new")
        await dialog.get_by_role("button", name="Drain").click()
        await expect(view.page.locator("#toast")).to_have_text("minio1:9000 is drained")
        view.forgive("401")

    chromium.look(scenario, FakeEdge(token="new"), address="#token=old")


def test_the_text_of_a_refusal_is_shown(chromium: Chromium) -> None:
    edge = FakeEdge()
    edge.refusal = (403, "changes need admin.token to be set")

    async def scenario(view: View) -> None:
        dialog = view.page.get_by_role("dialog")
        await view.page.get_by_role("button", name="Drain minio1:9000").click()
        await dialog.get_by_role("button", name="Drain").click()
        await expect(dialog.get_by_role("alert")).to_have_text("changes need admin.token to be set")
        await expect(dialog.get_by_role("button", name="Drain")).to_be_enabled()
        view.forgive("403")

    chromium.look(scenario, edge)


def test_a_change_that_gets_no_answer_is_not_taken_for_made(chromium: Chromium) -> None:
    async def scenario(view: View) -> None:
        dialog = view.page.get_by_role("dialog")
        await view.page.get_by_role("button", name="Drain minio1:9000").click()
        view.edge.is_dead = True
        await dialog.get_by_role("button", name="Drain").click()
        await expect(dialog.get_by_role("alert")).to_contain_text("No answer: s3edge cannot be reached")
        view.forgive("ERR_EMPTY_RESPONSE")

    chromium.look(scenario)


def test_where_changes_are_off_nothing_can_be_changed_and_the_head_says_why(chromium: Chromium) -> None:
    edge = FakeEdge()
    edge.world.edge["changes"] = "off"

    async def scenario(view: View) -> None:
        await expect(view.page.locator("#standing")).to_contain_text("read only: admin.token is not set")
        for name in ("Drain minio1:9000", "Pin tenant rag", "Pin a client address…"):
            await expect(view.page.get_by_role("button", name=name)).to_be_disabled()

    chromium.look(scenario, edge)


def test_a_tenant_is_pinned_to_a_rate_for_a_time_and_released(chromium: Chromium) -> None:
    edge = FakeEdge()
    edge.world.tenants = [tenant("a/b", guard=guarded("pinned", 5.0, "pinned by the operator"))]

    async def scenario(view: View) -> None:
        page, dialog = view.page, view.page.get_by_role("dialog")
        await page.get_by_role("button", name="Pin tenant a/b").click()
        await dialog.get_by_label("Rate").fill("5/s")
        await dialog.get_by_label("For").fill("90s")
        await dialog.get_by_role("button", name="Pin").click()
        await expect(page.locator("#toast")).to_have_text("tenant a/b is pinned")
        await page.get_by_role("button", name="Release tenant a/b").click()
        await dialog.get_by_role("button", name="Release").click()
        await expect(page.locator("#toast")).to_have_text("tenant a/b is released")
        assert edge.changes == [("tenants/a/b/pin", {"rate": "5/s", "for": "90s"}), ("tenants/a/b/release", {})]

    chromium.look(scenario, edge)


def test_a_client_address_is_pinned_until_it_is_released(chromium: Chromium) -> None:
    edge = FakeEdge()
    edge.world.sources = [{"kind": "client", "name": "fd00::7", "state": "throttled", "rate": 10.0}]

    async def scenario(view: View) -> None:
        page, dialog = view.page, view.page.get_by_role("dialog")
        await page.get_by_role("button", name="Pin a client address…").click()
        await dialog.get_by_label("Address").fill("10.8.1.7")
        await dialog.get_by_label("For").fill("")
        await dialog.get_by_role("button", name="Pin").click()
        await expect(page.locator("#toast")).to_have_text("client 10.8.1.7 is pinned")
        await expect(page.locator("#sources li")).to_contain_text("fd00::7throttled to 10/s")
        await page.get_by_role("button", name="Release client fd00::7").click()
        await dialog.get_by_role("button", name="Release").click()
        await expect(page.locator("#toast")).to_have_text("client fd00::7 is released")
        assert edge.changes == [("clients/10.8.1.7/pin", {"rate": "50/s"}), ("clients/fd00::7/release", {})]

    chromium.look(scenario, edge)
