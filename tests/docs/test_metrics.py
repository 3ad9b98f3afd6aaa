from s3edge.telemetry.families import FAMILIES
from tools.metrics_table import PAGE, page


def test_the_page_of_metrics_is_that_of_the_code() -> None:
    assert PAGE.read_text("utf-8") == page(), "run `python -m tools.metrics_table`"


def test_the_page_has_a_row_for_every_family() -> None:
    rows = [line.split(" | ")[0].removeprefix("| ").strip("`") for line in page().splitlines() if "`s3edge_" in line]
    assert [row for row in rows if row.startswith("s3edge_")] == list(FAMILIES)
