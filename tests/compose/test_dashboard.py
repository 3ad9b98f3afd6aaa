"""The dashboard for Grafana asks for metrics that exist, from the data source that is chosen, and nothing overlaps."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.compose.queries import faults, known_names

FILE = Path(__file__).parents[2] / "compose" / "grafana" / "dashboards" / "s3edge.json"
BOARD: dict[str, Any] = json.loads(FILE.read_text())
PANELS: list[dict[str, Any]] = BOARD["panels"]
ROWS = ["Overview", "Tenants", "Nodes", "Failures hidden", "QoS", "Processes"]


def queries() -> Iterator[str]:
    for panel in PANELS:
        for target in panel.get("targets", ()):
            yield target["expr"]
    for variable in BOARD["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["definition"]


def test_every_query_asks_for_metrics_and_labels_that_exist() -> None:
    assert faults(queries(), known_names()) == []


def test_every_query_of_a_panel_is_for_the_edges_that_are_chosen() -> None:
    for panel in PANELS:
        for target in panel.get("targets", ()):
            selectors = re.findall(r"s3edge_\w+(\{[^}]*\})?", target["expr"])
            assert selectors, target["expr"]
            assert all('instance=~"$instance"' in selector for selector in selectors), target["expr"]


def test_every_panel_asks_the_data_source_that_is_chosen() -> None:
    sources = {json.dumps(panel["datasource"]) for panel in PANELS if panel["type"] != "row"}
    assert sources == {'{"type": "prometheus", "uid": "${datasource}"}'}
    assert [variable["name"] for variable in BOARD["templating"]["list"]] == ["datasource", "instance", "tenant"]


def test_it_has_its_rows_in_order_and_no_two_panels_share_an_id_or_a_place() -> None:
    assert [panel["title"] for panel in PANELS if panel["type"] == "row"] == ROWS
    ids = [panel["id"] for panel in PANELS]
    assert len(ids) == len(set(ids))
    places = [
        (x, y)
        for place in (panel["gridPos"] for panel in PANELS)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(places) == len(set(places))
    assert max(x for x, _ in places) < 24


def test_every_panel_has_a_title_and_a_unit_that_grafana_knows() -> None:
    units = {"short", "reqps", "ops", "Bps", "bytes", "s", "percentunit", "dateTimeFromNow"}
    for panel in PANELS:
        assert panel["title"]
        if panel["type"] in ("stat", "timeseries"):
            assert panel["fieldConfig"]["defaults"]["unit"] in units
