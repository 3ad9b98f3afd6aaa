"""Where programs are looked for. tests/wire/test_matrix_clients.py runs them."""

from pathlib import Path

import pytest

from loadtests.matrix.client import Missing
from loadtests.matrix.clients.aws_cli_crt import PROGRAM
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


def test_a_program_that_is_too_old_is_not_taken(tmp_path: Path) -> None:
    aws = tmp_path / "aws"
    aws.write_text("#!/bin/sh\necho aws-cli/2.9.19 Python/3.11.2\n")
    aws.chmod(0o755)
    with pytest.raises(Missing, match=r"^no aws that is new enough; AWS's installer brings 2\.36 and later$"):
        find("aws-cli-crt", "aws", PROGRAM, folders=[str(tmp_path)])
    aws.write_text("#!/bin/sh\necho aws-cli/2.36.7 Python/3.14.0\n")
    assert find("aws-cli-crt", "aws", PROGRAM, folders=[str(tmp_path)]) == str(aws)
