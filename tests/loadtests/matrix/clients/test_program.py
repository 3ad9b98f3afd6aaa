"""Where programs are looked for. tests/wire/test_matrix_clients.py runs them."""

from pathlib import Path

import pytest

from loadtests.matrix.client import Missing
from loadtests.matrix.clients.program import find


def folder_with_program(folder: Path) -> str:
    folder.mkdir()
    program = folder / "rclone"
    program.touch(mode=0o755)
    return str(folder)


def test_the_first_program_of_the_name_is_found(tmp_path: Path) -> None:
    folders = [str(tmp_path), folder_with_program(tmp_path / "one"), folder_with_program(tmp_path / "two")]
    assert find("rclone", "rclone", folders=folders) == str(tmp_path / "one" / "rclone")


def test_a_program_that_is_nowhere_is_missing_with_the_way_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(Missing, match=r"^no rclone; on Debian: apt-get install --no-install-recommends rclone$"):
        find("rclone", "rclone", folders=[str(tmp_path)])


def test_a_version_that_is_nowhere_is_named(tmp_path: Path) -> None:
    with pytest.raises(Missing, match=r"^no aws-cli/2\.; "):
        find("aws-cli-crt", "aws", "aws-cli/2.", folders=[str(tmp_path)])
