from pathlib import Path

import pytest

from tools.check_tasks import main, nameless_tasks

HERE = Path("here.py")


@pytest.mark.parametrize("call", ["asyncio.create_task(run())", "group.create_task(run())", "create_task(run())"])
def test_a_task_without_a_name_is_a_fault(call: str) -> None:
    assert list(nameless_tasks(HERE, f"\n{call}\n")) == [
        "here.py:2: create_task without name=: say what the task is for"
    ]


def test_a_task_with_a_name_is_none() -> None:
    assert list(nameless_tasks(HERE, "asyncio.create_task(run(), name='probe')")) == []


def test_the_exit_status_tells_whether_a_tree_has_faults(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "good.py").write_text("create_task(run(), name='probe')")
    assert main([str(tmp_path)]) == 0
    (tmp_path / "bad.py").write_text("create_task(run())")
    assert main([str(tmp_path)]) == 1
    assert "bad.py:1:" in capsys.readouterr().out
