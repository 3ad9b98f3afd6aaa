from pathlib import Path

import pytest

from tools.check_sizes import FUNCTION_LINES, MODULE_LINES, main


def function_of(lines: int) -> str:
    """The source of a function that is `lines` long."""
    return "@decorated\ndef walk():\n" + "    step()\n" * (lines - 1)


def test_code_at_the_limits_passes_and_the_medians_are_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "walk.py").write_text(function_of(FUNCTION_LINES))
    (tmp_path / "stay.py").write_text("x = 1\n" * MODULE_LINES)
    (tmp_path / "__init__.py").write_text("")
    assert main([str(tmp_path)]) == 0
    assert capsys.readouterr().out == (
        f"{tmp_path}: 2 modules, median 230, longest 400; 1 functions, median 60, longest 60\n"
    )


def test_a_function_one_line_over_the_limit_is_named_with_file_and_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "walk.py").write_text(function_of(FUNCTION_LINES + 1))
    assert main([str(tmp_path)]) == 1
    assert f"{tmp_path}/walk.py:2: function walk has 61 lines, 60 are allowed" in capsys.readouterr().out


def test_a_module_one_line_over_the_limit_is_named_with_file_and_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "stay.py").write_text("x = 1\n" * (MODULE_LINES + 1))
    assert main([str(tmp_path)]) == 1
    assert f"{tmp_path}/stay.py:1: module has 401 lines, 400 are allowed" in capsys.readouterr().out


def test_a_coroutine_in_a_class_is_a_function_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body = "        await step()\n" * FUNCTION_LINES
    (tmp_path / "walk.py").write_text("class Walker:\n    async def walk(self):\n" + body)
    assert main([str(tmp_path)]) == 1
    assert "walk.py:2: function walk has 61 lines" in capsys.readouterr().out
