from tools.metrics_table import page


def test_what_a_family_is_stands_in_one_row() -> None:
    assert (
        "| `s3edge_exchanges_total` | counter | operation, status, outcome | requests that came to their end; "
        "status 0 if the client was sent none |\n"
    ) in page()


def test_a_family_without_labels_has_an_empty_cell() -> None:
    assert "| `s3edge_workers` | gauge | | workers that were configured |\n" in page()


def test_sizes_are_said_in_their_units() -> None:
    assert "of sizes 4 KiB, 16 KiB, 64 KiB, 256 KiB, 1 MiB," in page()
    assert "16 GiB, 64 GiB.\n" in page()
