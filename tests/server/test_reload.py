"""Files that change under a running supervisor: taken up by all workers, or refused as a whole and told."""

import asyncio
import json
import os
import re
import signal
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from s3edge.admin.config import Loaded
from s3edge.config.files import ConfigFiles
from s3edge.config.flags import Flags
from s3edge.config.model import Config
from s3edge.events import Event
from s3edge.server.reload import Reloader
from tests.server.flow import until
from tests.server.supervised import Supervised, supervisor_of

pytestmark = pytest.mark.wire

MAIN = """\
listen: {address: "127.0.0.1:0"}
admin: {address: "127.0.0.1:0"}
log: {format: text}
workers: 2
clusters: [{name: c, nodes: ["http://127.0.0.1:9"], health: {preset: tcp, timeout: 5s}}]
policies: [policies/*.yaml]
"""
ADMIN = 'admin: {address: "127.0.0.1:0"'
FIRST, SECOND = "the-first-admin-token", "the-second-admin-token"
IN_FORCE = "the new configuration is in force; it changes "
REFUSED = "the configuration stays as it was"


def policy(weight: float | str, name: str = "p") -> str:
    return f"policy: {name}\nmatch: {{buckets: [{name}]}}\nweight: {weight}\n"


class Files:
    """The configuration in `folder`, of one policy with the weight 1."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.main = folder / "s3edge.yaml"
        self.policy = folder / "policies/p.yaml"
        self.policy.parent.mkdir()
        self.main.write_text(MAIN)
        self.policy.write_text(policy(1))


async def weights(supervised: Supervised) -> list[set[str]]:
    """What every worker has for the weights of its policies."""
    await supervised.get("/metrics")  # answered by the workers after what they were told before
    told: dict[int, set[str]] = {}
    async with asyncio.timeout(10):
        while len(told) < 2:
            pid, _, said = await supervised.ask()
            told[pid] = {part for part in said.split(",") if "weight" in part}
    return list(told.values())


async def shown(supervised: Supervised) -> Any:
    """`/api/v1/config`."""
    status, text = await supervised.get("/api/v1/config")
    assert status == 200
    return json.loads(text)


async def decisions(supervised: Supervised) -> list[str]:
    """What `/api/v1/events` tells of configurations."""
    status, text = await supervised.get("/api/v1/events")
    assert status == 200
    return [event["text"] for event in json.loads(text)["events"] if event["event"].startswith("Config")]


async def reloads(supervised: Supervised) -> dict[str, float]:
    """How many loads had which outcome."""
    _, text = await supervised.get("/metrics")
    found = re.findall(r'^s3edge_config_reloads_total\{outcome="(\w+)"\} (\S+)$', text, re.MULTILINE)
    return {outcome: float(count) for outcome, count in found}


def supervised_by(folder: Path, scenario: Callable[[Supervised, Files], Coroutine[None, None, None]]) -> None:
    """Run a scenario beside a supervisor of two workers, which are up."""

    async def main() -> None:
        files = Files(folder)
        async with supervisor_of(files.main) as supervised:
            await supervised.is_up()
            await supervised.logged("takes connections(.|\n)*takes connections")
            assert await weights(supervised) == [{"p=weight 1.0"}] * 2
            await scenario(supervised, files)

    asyncio.run(main())


def test_a_changed_file_is_taken_up_by_all_workers_without_being_told(tmp_path: Path) -> None:
    async def scenario(supervised: Supervised, files: Files) -> None:
        first = await shown(supervised)
        assert (first["state"], first["config"]["policies"][0]["weight"]) == ("applied", 1)
        assert await reloads(supervised) == {"applied": 0, "refused": 0, "needs_restart": 0}
        files.policy.write_text(policy(2))
        await supervised.logged(IN_FORCE + re.escape("policies[p]"))
        assert await weights(supervised) == [{"p=weight 2.0"}] * 2
        then = await shown(supervised)
        assert (then["state"], then["config"]["policies"][0]["weight"]) == ("applied", 2)
        assert then["applied"] == then["loaded"] > first["applied"]
        assert await reloads(supervised) == {"applied": 1, "refused": 0, "needs_restart": 0}

    supervised_by(tmp_path, scenario)


def test_a_fault_changes_nothing_and_is_told_until_it_is_mended(tmp_path: Path) -> None:
    async def scenario(supervised: Supervised, files: Files) -> None:
        applied = (await shown(supervised))["applied"]
        files.policy.write_text(policy(-1) + "limit: 3\n")
        lines = [f"{files.policy}:3: weight: found -1; ", f"{files.policy}:4: limit: found "]
        await supervised.logged(f"ERROR +supervisor: {REFUSED}; faults in the new one: 2\n")
        for line in lines:
            await supervised.logged("ERROR +supervisor: " + re.escape(line))
        [refused] = await decisions(supervised)
        assert refused.startswith(f"a new configuration was refused: {lines[0]}")
        assert refused.endswith("; and 1 more, see /api/v1/config")
        told = await shown(supervised)
        assert told["state"] == "refused"
        assert [fault[: len(line)] for fault, line in zip(told["faults"], lines, strict=True)] == lines
        assert (told["applied"], told["config"]["policies"][0]["weight"]) == (applied, 1)
        assert told["loaded"] > applied
        assert await weights(supervised) == [{"p=weight 1.0"}] * 2
        assert await reloads(supervised) == {"applied": 0, "refused": 1, "needs_restart": 0}
        files.policy.write_text(policy(1))
        await supervised.logged("the configuration is the same as before")
        told = await shown(supervised)
        assert (told["state"], told["faults"], told["applied"]) == ("applied", [], applied)

    supervised_by(tmp_path, scenario)


def test_what_needs_a_restart_is_refused_as_a_whole_with_its_names(tmp_path: Path) -> None:
    async def scenario(supervised: Supervised, files: Files) -> None:
        files.policy.write_text(policy(2))
        files.main.write_text(MAIN.replace("workers: 2", "workers: 3\ndrain: 5s"))
        await supervised.logged(f"{REFUSED}; what the new one changes takes a restart: workers, drain\n")
        told = await shown(supervised)
        assert (told["state"], told["needs_restart"]) == ("needs_restart", ["workers", "drain"])
        [refused] = await decisions(supervised)
        assert refused == "a new configuration was refused: what it changes takes a restart: workers, drain"
        assert told["config"]["policies"][0]["weight"] == 1
        assert await weights(supervised) == [{"p=weight 1.0"}] * 2
        files.main.write_text(MAIN)
        await supervised.logged(IN_FORCE)
        assert await weights(supervised) == [{"p=weight 2.0"}] * 2
        assert (await shown(supervised))["needs_restart"] == []

    supervised_by(tmp_path, scenario)


def test_of_several_quick_writes_the_last_one_is_in_force(tmp_path: Path) -> None:
    async def scenario(supervised: Supervised, files: Files) -> None:
        for weight in range(2, 40):
            files.policy.write_text(policy("not yet"))
            files.policy.write_text(policy(weight))
        await supervised.logged(IN_FORCE)
        assert await weights(supervised) == [{"p=weight 39.0"}] * 2
        assert await reloads(supervised) == {"applied": 1, "refused": 0, "needs_restart": 0}

    supervised_by(tmp_path, scenario)


def test_a_glob_gains_a_file_and_loses_one(tmp_path: Path) -> None:
    async def scenario(supervised: Supervised, files: Files) -> None:
        (files.folder / "policies/q.yaml").write_text(policy(5, "q"))
        await supervised.logged(IN_FORCE + re.escape("policies[q]"))
        assert await weights(supervised) == [{"p=weight 1.0", "q=weight 5.0"}] * 2
        files.policy.unlink()
        await supervised.logged(IN_FORCE + re.escape("policies[p]"))
        assert [each["policy"] for each in (await shown(supervised))["config"]["policies"]] == ["q"]

    supervised_by(tmp_path, scenario)


def test_without_its_file_it_goes_on_and_says_so(tmp_path: Path) -> None:
    async def scenario(supervised: Supervised, files: Files) -> None:
        files.main.unlink()
        await supervised.logged(re.escape(f"{files.main}: found a file that cannot be read"))
        assert await weights(supervised) == [{"p=weight 1.0"}] * 2
        assert (await shown(supervised))["state"] == "refused"

    supervised_by(tmp_path, scenario)


def test_sighup_loads_at_once_whether_or_not_a_file_has_changed(tmp_path: Path) -> None:
    async def scenario(supervised: Supervised, files: Files) -> None:
        supervised.kill(signal.SIGHUP)
        await supervised.logged(
            "SIGHUP: reading the configuration again\n(.|\n)*the configuration is the same as before"
        )
        assert await reloads(supervised) == {"applied": 1, "refused": 0, "needs_restart": 0}
        files.policy.write_text(policy(7))
        supervised.kill(signal.SIGHUP)
        await supervised.logged(IN_FORCE)
        assert await weights(supervised) == [{"p=weight 7.0"}] * 2

    supervised_by(tmp_path, scenario)


def test_a_worker_that_replaces_another_has_the_configuration_in_force_and_not_the_file(tmp_path: Path) -> None:
    async def scenario(supervised: Supervised, files: Files) -> None:
        files.policy.write_text(policy(3))
        await supervised.logged(IN_FORCE)
        files.policy.write_text(policy("wrong"))
        await supervised.logged(REFUSED)
        pid, _, _ = await supervised.ask()
        os.kill(pid, signal.SIGKILL)
        await supervised.logged("replacing it(.|\n)*takes connections")
        assert await weights(supervised) == [{"p=weight 3.0"}] * 2

    supervised_by(tmp_path, scenario)


def test_a_new_admin_token_holds_at_once_and_the_old_one_no_more(tmp_path: Path) -> None:
    async def scenario(supervised: Supervised, files: Files) -> None:
        release = "/api/v1/tenants/default/release"
        assert (await supervised.post(release, FIRST))[0] == 403
        for token, other in ((FIRST, SECOND), (SECOND, FIRST)):
            files.main.write_text(MAIN.replace(ADMIN, f"{ADMIN}, token: {token}"))
            await supervised.logged(IN_FORCE + "admin.token\n")
            supervised.log = ""
            assert (await supervised.post(release, other))[0] == 401
            assert (await supervised.post(release, token))[0] == 200
        assert (await shown(supervised))["config"]["admin"]["token"] == "**********"
        assert await weights(supervised) == [{"p=weight 1.0"}] * 2

    supervised_by(tmp_path, scenario)


def test_a_public_address_keeps_the_token_that_a_new_configuration_would_take_away(tmp_path: Path) -> None:
    async def main() -> None:
        files = Files(tmp_path)
        public = MAIN.replace(ADMIN, 'admin: {address: "0.0.0.0:0"')
        files.main.write_text(public.replace('0.0.0.0:0"', f'0.0.0.0:0", token: {FIRST}'))
        async with supervisor_of(files.main) as supervised:
            await supervised.is_up()
            files.main.write_text(public)
            await supervised.logged(REFUSED)
            await supervised.logged(
                re.escape(f'{files.main}:2: admin.address: found "0.0.0.0:0", which other machines')
            )
            assert (await supervised.post("/api/v1/tenants/default/release"))[0] == 401
            assert (await supervised.post("/api/v1/tenants/default/release", FIRST))[0] == 200

    asyncio.run(main())


def test_a_fault_of_its_own_is_told_and_the_next_change_is_taken_up(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Failing(ConfigFiles):
        """Files that cannot be loaded the second time."""

        loads = 0

        def load(self) -> Config:
            self.loads += 1
            if self.loads == 2:
                raise RuntimeError("never thought of")
            return super().load()

    async def main() -> None:
        configured = Files(tmp_path)
        files, applied, told = Failing(configured.main, {}), list[Config](), list[Event]()
        reloader = Reloader(files, files.load(), applied.append, told.append, lambda: 0.0)
        running = asyncio.create_task(reloader.run(), name="reload")
        reloader.ask()
        await until(lambda: reloader.last.outcome is Loaded.REFUSED)
        assert reloader.last.faults == ("a fault of s3edge itself, which the log shows",)
        configured.policy.write_text(policy(2))
        await until(lambda: reloader.last.outcome is Loaded.APPLIED)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert [config.policies[0].weight for config in applied] == [2]
        assert reloader.config is applied[0]
        assert [event.text() for event in told] == [
            "a new configuration was refused: a fault of s3edge itself, which the log shows",
            "a new configuration is in force; it changes policies[p]",
        ]

    asyncio.run(main())
    assert "RuntimeError: never thought of" in caplog.text


def test_without_files_only_an_operator_has_it_loaded() -> None:
    async def main() -> None:
        files = ConfigFiles(None, {}, Flags(nodes=("http://127.0.0.1:9",)))
        told: list[Event] = []
        reloader = Reloader(files, files.load(), lambda config: pytest.fail("nothing is new"), told.append, lambda: 0.0)
        running = asyncio.create_task(reloader.run(), name="reload")
        reloader.ask()
        await until(lambda: reloader.counts[Loaded.APPLIED] == 1)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert told == []

    asyncio.run(main())
