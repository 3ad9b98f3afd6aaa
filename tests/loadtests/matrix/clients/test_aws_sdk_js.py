import json

from loadtests.matrix.clients.aws_sdk_js import SCRIPT


def test_the_lock_has_what_the_package_asks_for_and_no_address_of_a_registry() -> None:
    wanted = json.loads((SCRIPT.parent / "package.json").read_text())["dependencies"]
    text = (SCRIPT.parent / "package-lock.json").read_text()
    locked = json.loads(text)["packages"]
    assert locked[""]["dependencies"] == wanted
    assert all(f"node_modules/{name}" in locked for name in wanted)
    assert '"resolved"' not in text


def test_the_script_requires_what_the_package_has() -> None:
    script = SCRIPT.read_text()
    wanted = json.loads((SCRIPT.parent / "package.json").read_text())["dependencies"]
    assert all(f'require("{name}")' in script for name in wanted)
    assert script.count("require(") == len(wanted)
