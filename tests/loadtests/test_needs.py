from pathlib import Path

import pytest

from loadtests.needs import Missing, install_hint, missing_programs, require_packages


def test_only_programs_that_can_be_run_are_there(tmp_path: Path) -> None:
    for name, mode in (("wrk", 0o755), ("nginx", 0o644)):
        (tmp_path / name).touch(mode)
    assert missing_programs(["haproxy", "nginx", "wrk"], str(tmp_path)) == ["haproxy", "nginx"]


def test_the_hint_names_what_is_missing_and_the_command_to_get_it() -> None:
    found, remedy = install_hint(["ceph"], ["ceph-common"]).splitlines()
    assert found == "not found: ceph"
    assert remedy == "on Debian: apt-get install --no-install-recommends ceph-common"


def test_a_package_that_is_missing_is_named_with_the_extra_that_brings_it() -> None:
    with pytest.raises(Missing) as missing:
        require_packages("torch", "json", "no_such_package")
    assert str(missing.value) == "not found: no_such_package\nin a checkout: pip install '.[dev,torch]'"
    require_packages("torch", "json", "pathlib")
