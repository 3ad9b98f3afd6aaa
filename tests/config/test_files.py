"""The files of a configuration, as they change under a running s3edge."""

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest

from s3edge.config.fault import Faults
from s3edge.config.files import ConfigFiles
from s3edge.config.flags import Flags

MAIN = """\
clusters: [{name: c, nodes: ["http://n1:9000"]}]
policies: [policies/*.yaml]
"""


def policy(name: str, weight: int) -> str:
    return f"policy: {name}\nmatch: {{buckets: [{name}]}}\nweight: {weight}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies/a.yaml").write_text(policy("a", 1))
    (tmp_path / "s3edge.yaml").write_text(MAIN)
    return tmp_path


@pytest.fixture
def files(folder: Path) -> ConfigFiles:
    """Loaded once, and found the same since."""
    files = ConfigFiles(folder / "s3edge.yaml", {})
    files.load()
    assert files.has_changed() is False
    return files


def rewrite(folder: Path) -> None:
    (folder / "policies/a.yaml").write_text(policy("a", 20))


def replace(folder: Path) -> None:
    new = folder / "new"
    new.write_text(policy("a", 2))  # of the same size
    new.rename(folder / "policies/a.yaml")


def add(folder: Path) -> None:
    (folder / "policies/b.yaml").write_text(policy("b", 1))


def delete(folder: Path) -> None:
    (folder / "policies/a.yaml").unlink()


def delete_main(folder: Path) -> None:
    (folder / "s3edge.yaml").unlink()


def name_others(folder: Path) -> None:
    (folder / "s3edge.yaml").write_text(MAIN.replace("policies/", "others/"))


@pytest.mark.parametrize("change", [rewrite, replace, add, delete, delete_main, name_others])
def test_a_change_is_told_by_the_second_look_and_until_it_is_loaded(
    folder: Path, files: ConfigFiles, change: Callable[[Path], None]
) -> None:
    change(folder)
    assert [files.has_changed() for _ in range(3)] == [False, True, True]
    with pytest.raises(Faults) if change in (delete, delete_main, name_others) else nullcontext():
        files.load()
    assert [files.has_changed() for _ in range(3)] == [False, False, False], "a fault is told once"


def test_a_file_that_is_being_written_is_left_alone_until_it_is_whole(folder: Path, files: ConfigFiles) -> None:
    with (folder / "policies/a.yaml").open("w") as file:
        for line in policy("a", 3).splitlines(keepends=True):
            file.write(line)
            file.flush()
            assert files.has_changed() is False
    assert files.has_changed() is True
    assert files.load().policies[0].weight == 3


def test_a_file_that_is_touched_has_changed_and_one_that_nobody_names_has_not(folder: Path, files: ConfigFiles) -> None:
    (folder / "policies/notes.txt").write_text("not ours")
    assert [files.has_changed() for _ in range(2)] == [False, False]
    (folder / "policies/a.yaml").touch()
    assert [files.has_changed() for _ in range(2)] == [False, True]


def test_files_of_globs_that_are_new_are_looked_at_from_then_on(folder: Path, files: ConfigFiles) -> None:
    (folder / "others").mkdir()
    (folder / "others/o.yaml").write_text(policy("o", 1))
    name_others(folder)
    assert [policy.name for policy in files.load().policies] == ["o"]
    assert files.has_changed() is False
    rewrite(folder)
    assert [files.has_changed() for _ in range(2)] == [False, False], "it belongs to nothing any more"
    (folder / "others/o.yaml").write_text(policy("o", 20))
    assert [files.has_changed() for _ in range(2)] == [False, True]


def test_what_changes_back_before_it_was_loaded_is_no_change(folder: Path, files: ConfigFiles) -> None:
    add(folder)
    assert files.has_changed() is False
    (folder / "policies/b.yaml").unlink()
    assert [files.has_changed() for _ in range(3)] == [False, False, False]


def test_what_changes_while_it_is_loaded_is_told_afterwards(folder: Path) -> None:
    class Rewriting(dict[str, str]):
        """An environment that is asked for a variable in the middle of loading."""

        def get(self, name: str, default: str | None = None) -> str | None:  # type: ignore[override]
            rewrite(folder)
            return super().get(name, default)

    (folder / "s3edge.yaml").write_text(MAIN.replace("name: c", 'name: "${NAME}"'))
    files = ConfigFiles(folder / "s3edge.yaml", Rewriting(NAME="c"))
    files.load()
    assert [files.has_changed() for _ in range(2)] == [False, True]


def test_flags_alone_never_change() -> None:
    files = ConfigFiles(None, {}, Flags(nodes=("http://n1:9000",)))
    assert files.may_change is False
    assert [node.name for node in files.load().clusters[0].nodes] == ["n1:9000"]
    assert [files.has_changed() for _ in range(2)] == [False, False]


def test_flags_override_the_file_again_when_it_is_loaded_again(folder: Path) -> None:
    files = ConfigFiles(folder / "s3edge.yaml", {}, Flags(workers="3"))
    assert [files.load().workers, files.load().workers] == [3, 3]
