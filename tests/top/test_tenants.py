"""Tenants are shown with what they use of what they may, and with what the guard does."""

from typing import Any

import pytest

from s3edge.top.frame import Tenant
from s3edge.top.sheet import Cell, Tone
from s3edge.top.tenants import COLUMNS, Subject, sheet, subjects, use_of_limit
from tests.top.made_up import LIMITS, frame, tenant

HELD = {"kind": "client", "name": "10.8.1.7", "state": "throttled", "rate": 2.0}


def cells(**fields: Any) -> dict[str, Cell]:
    """The cells of a tenant by the titles of their columns."""
    [row] = sheet(frame(tenants=[tenant(**fields)])).rows
    return {column.title: cell for column, cell in zip(COLUMNS, row.cells, strict=True)}


def use(*limits: dict[str, Any], **fields: Any) -> tuple[float, str]:
    """Of the limits of these policies."""
    policies = [{"policy": f"p{number}", "limits": each} for number, each in enumerate(limits)]
    return use_of_limit(Tenant.model_validate(tenant(limits=policies, **fields)))


def last(**fields: Any) -> Cell:
    """What is said of guard and limits."""
    return cells(**fields)[COLUMNS[-1].title]


def test_a_tenant_is_shown_with_its_figures() -> None:
    shown = {title: cell.text for title, cell in cells(waiting=3, shed_per_second=0.25, failed_per_second=2.0).items()}
    assert shown == {
        "tenant": "rag",
        "req/s": "120",
        "sent": "50 MiB/s",
        "received": "0 B/s",
        "in flight": "7",
        "wait": "3",
        "stall/s": "0.5",
        "shed/s": "0.2",
        "failed/s": "2",
        "guard, use of limit": "-",
    }


@pytest.mark.parametrize(
    "fields, expected",
    [
        ({"requests_per_second": 410.0}, (0.82, "500/s")),
        ({"sent_per_second": 199_229_440.0}, (0.95, "200 MiB/s")),
        ({"inflight": 64, "waiting": 16}, (0.75, "64 at once")),
    ],
)
def test_the_limit_that_is_nearest_is_the_one_that_is_shown(
    fields: dict[str, Any], expected: tuple[float, str]
) -> None:
    assert use(LIMITS, **fields) == expected


def test_a_limit_of_what_is_received_counts_too() -> None:
    assert use({"bandwidth": {"received": 1000.0}}, received_per_second=500.0) == (0.5, "1.0 KiB/s")


def test_what_several_policies_allow_is_added_up() -> None:
    assert use({"requests": {"all": 100.0}}, {"requests": {"all": 20.0}}, {"concurrency": 14}) == (1.0, "120/s")


def test_without_limits_nothing_is_used_of_them() -> None:
    assert use() == (0.0, "")
    assert use({"requests": {"read": 5.0}, "burst": 0.25, "per_client": {"concurrency": 1}}) == (0.0, "")


def test_a_limit_that_is_near_is_told_in_another_tone() -> None:
    limits = [{"policy": "p", "limits": {"requests": {"all": 100.0}}}]
    tones = [last(limits=limits, requests_per_second=rate).tone for rate in (79.0, 80.0, 99.0, 100.0)]
    assert tones == [Tone.PLAIN, Tone.WARN, Tone.WARN, Tone.BAD]
    assert last(limits=limits, requests_per_second=80.0).text == "80% of 100/s"


def test_what_the_guard_does_comes_first_and_its_reason_last() -> None:
    limits = [{"policy": "p", "limits": {"requests": {"all": 500.0}}}]
    guard = {"state": "throttled", "requests_per_second": 50.0, "reason": "281 requests/s of a source that is new"}
    shown = last(limits=limits, guard=guard)
    assert shown == Cell("throttled to 50/s, 24% of 500/s: 281 requests/s of a source that is new", Tone.BAD)
    assert last(guard={"state": "pinned", "requests_per_second": None}) == Cell("pinned", Tone.WARN)
    assert last(guard={"state": "normal", "reason": "released by the operator"}) == Cell("-", Tone.DIM)


def test_client_addresses_that_are_held_stand_below_the_tenants() -> None:
    shown = sheet(frame(sources=[HELD, {**HELD, "kind": "tenant", "name": "rag"}]))
    assert [row.cells[0].text for row in shown.rows] == ["rag", "10.8.1.7"]
    assert shown.rows[1].cells[-1] == Cell("client, throttled to 2/s", Tone.BAD)
    assert shown.note == "1, 1 client held"


def test_the_note_says_how_many_tenants_are_not_shown() -> None:
    assert (
        sheet(frame(tenants_total=1234, sources=[HELD, {**HELD, "name": "::1"}])).note == "1 of 1,234, 2 clients held"
    )


def test_the_operator_may_pin_tenants_and_clients_that_are_shown() -> None:
    known = subjects(frame(tenants=[tenant(), tenant("t", guard={"state": "pinned"})], sources=[HELD]))
    assert list(known.values()) == [
        Subject("tenant", "rag"),
        Subject("tenant", "t", "pinned"),
        Subject("client", "10.8.1.7", "throttled"),
    ]
    assert list(known) == [row.key for row in sheet(frame(tenants=[tenant(), tenant("t")], sources=[HELD])).rows]


def test_hostile_names_are_harmless() -> None:
    shown = cells(name="a\x1b[31m", guard={"state": "\x07", "reason": "\n"})
    assert (shown["tenant"].text, shown["guard, use of limit"].text) == ("a\\x1b[31m", "\\x07: \\n")
    assert str(Subject("tenant", "\x1b")) == "tenant \\x1b"
