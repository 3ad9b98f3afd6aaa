"""The page's own modules one by one, in the engine that runs them: units, streams, what is kept."""

from typing import Any

import pytest

from tests.browser.viewer import Chromium, View

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(
    "function,cases",
    [
        ("number", {0: "0", 0.01: "<0.1", 0.5: "0.5", 4.0: "4", 9.94: "9.9", 9.96: "10", 1240.4: "1,240"}),
        (
            "bytes",
            {
                0: ["0", "B"],
                1023: ["1023", "B"],
                1024: ["1", "KiB"],
                53.2 * 2**20: ["53", "MiB"],
                2**60: ["1,024", "PiB"],
            },
        ),
        ("byteRate", {1.25 * 2**30: ["1.3", "GiB/s"]}),
        ("moment", {0.0031: ["3.1", "ms"], 0.0412: ["41", "ms"], 0.9996: ["1.00", "s"], 12.34: ["12.3", "s"]}),
        ("load", {0: ["0", "s/s"], 0.001: ["<0.01", "s/s"], 0.4: ["0.40", "s/s"], 12.34: ["12.3", "s/s"]}),
        (
            "age",
            {
                3.2: "3.2 s",
                9.96: "10 s",
                59.4: "59 s",
                59.6: "1 min 0 s",
                3599: "59 min 59 s",
                3600: "1 h 0 min",
                90000: "1 d 1 h",
            },
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_numbers_are_written_with_their_units(chromium: Chromium, function: str, cases: dict[float, Any]) -> None:
    async def scenario(view: View) -> None:
        shown = await view.module("units.js", f"argument.map(it.{function})", list(cases))
        assert shown == list(cases.values())

    chromium.look(scenario)


MESSAGES = 'id: 7\ndata: {"a":\ndata: 1}\n\n:alive\n\nevent: missed\r\ndata:{"missed": 3}\r\n\r\nretry: 5\ndata\n\n'
PARSED = [
    {"id": "7", "type": "message", "data": '{"a":\n1}'},
    {"id": "7", "type": "missed", "data": '{"missed": 3}'},
    {"id": "7", "type": "message", "data": ""},
]


@pytest.mark.parametrize("length", [1, 2, 3, 7, 1000])
def test_events_are_read_in_any_pieces(chromium: Chromium, length: int) -> None:
    async def scenario(view: View) -> None:
        pieces = [MESSAGES[start : start + length] for start in range(0, len(MESSAGES), length)]
        feed = "(() => { const parser = new it.Parser(); return argument.flatMap((piece) => parser.feed(piece)); })()"
        assert await view.module("stream.js", feed, pieces) == PARSED

    chromium.look(scenario)


def test_a_message_that_never_ends_is_given_up(chromium: Chromium) -> None:
    async def scenario(view: View) -> None:
        endless = """(() => {
          const parser = new it.Parser();
          try { for (let piece = 0; piece < 100; piece += 1) parser.feed("data: " + "x".repeat(100_000) + "\\n"); }
          catch (error) { return error.message; }
        })()"""
        assert await view.module("stream.js", endless) == "a message is too long"

    chromium.look(scenario)


@pytest.mark.parametrize(
    "seconds,kept",
    [
        ([0, 1, 2], [0, 1, 2]),
        ([0, 0.4, 1], [0, 1]),  # the later frame of one second counts
        ([0, 1.9, 3.1], [0, 1, 3]),  # late by some milliseconds: drawn through
        ([0, 5], [0, None, None, None, None, 5]),
        ([0, 5000], [5000]),
        ([100, 99, 101], [100, 101]),  # a clock that was set back a little
        ([100, 50], [50]),
    ],
)
def test_the_last_ten_minutes_are_kept_by_the_second(
    chromium: Chromium, seconds: list[float], kept: list[int | None]
) -> None:
    async def scenario(view: View) -> None:
        history = """(() => {
          const history = new it.History();
          for (const second of argument) {
            history.add({ time: new Date(second * 1000).toISOString(), totals: {}, tenants: [] });
          }
          const first = history.moments.findIndex(({ totals }) => totals !== null);
          return [history.moments.length, history.moments.slice(first).map(({ second, totals }) => totals && second)];
        })()"""
        assert await view.module("history.js", history, seconds) == [600, kept]

    chromium.look(scenario)


def test_rows_come_in_the_order_of_their_items_with_few_moves(chromium: Chromium) -> None:
    async def scenario(view: View) -> None:
        play = """(() => {
          const parent = document.createElement("ol");
          const make = () => {
            const root = document.createElement("li");
            return { root, update: (item) => { root.textContent = item; } };
          };
          const rows = new it.Rows(parent, (item) => item, make);
          const moves = [];
          const observer = new MutationObserver(() => {});
          observer.observe(parent, { childList: true });
          const orders = argument.map((items) => {
            rows.show([...items]);
            moves.push(observer.takeRecords().reduce((sum, record) => sum + record.addedNodes.length, 0));
            return parent.textContent;
          });
          return [orders, moves];
        })()"""
        orders = ["abcde", "bcdea", "abcde", "edcba", "", "ab", "xaby", "b"]
        shown, moves = await view.module("dom.js", play, orders)
        assert shown == orders
        assert moves[:3] == [5, 1, 1]

    chromium.look(scenario)
