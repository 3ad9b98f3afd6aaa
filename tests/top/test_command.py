"""`s3edge top` as a program: on a terminal, into a pipe, and when there is nothing to look at."""

import asyncio
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
from aiohttp import web

from s3edge.cli import main
from s3edge.errors import StartError
from s3edge.top.command import first_frame, run
from s3edge.top.reader import LookError, Reader
from tests.top.admin import Admin, framed, serving
from tests.top.made_up import event_fields, flow, frame_fields

PROGRAM = (sys.executable, "-m", "s3edge", "top")
# Seconds that a busy machine may take for what normally takes one.
LIMIT = 30.0

Captured = pytest.CaptureFixture[str]


@contextmanager
def served(admin: Admin) -> Iterator[Admin]:
    """The server in a thread of its own, since a command has this one's loop to itself."""
    started, loop = threading.Event(), asyncio.new_event_loop()

    async def serve() -> None:
        async with serving(admin):
            started.set()
            await ended.wait()

    ended = asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), name="admin")
    thread.start()
    try:
        assert started.wait(LIMIT)
        yield admin
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()
        loop.close()


def test_without_a_terminal_one_picture_is_printed(capsys: Captured) -> None:
    with served(Admin(events=[event_fields()])) as admin:
        assert main(["top", "--admin", str(admin.url)]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    lines = out.splitlines()
    assert lines[0].startswith("● ready  s3edge 9.9  4/4 workers")
    assert [line.split("  ")[0] for line in lines if line.isupper() or line[:5].isupper()] == [
        "NODES",
        "TENANTS",
        "FLOWS",
        "DECISIONS",
    ]
    assert lines[-1] == "11:59:58  +  n1:9000 takes requests again"
    assert out.replace("\n", "").isprintable()


def test_a_first_frame_without_rates_is_not_the_picture(capsys: Captured) -> None:
    early = framed(frame_fields(interval=0.0, tenants_total=5))
    with served(Admin(live=[early, framed(frame_fields(tenants_total=7))])) as admin:
        assert main(["top", "--once", "--admin", str(admin.url)]) == 0
    assert "TENANTS  1 of 7\n" in capsys.readouterr().out


def test_when_nothing_listens_it_says_so_and_exits_1(capsys: Captured) -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        address = f"127.0.0.1:{sock.getsockname()[1]}"
    assert main(["top", "--admin", address]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    [line] = err.splitlines()
    assert line.startswith(f"s3edge: cannot connect to http://{address}: ")
    assert line.endswith("see that s3edge runs, and say --admin if its admin server is elsewhere")


def test_what_is_no_s3edge_is_told_and_exits_1(capsys: Captured) -> None:
    with served(Admin(refusal=web.Response(text="<html>", content_type="text/html"))) as admin:
        assert main(["top", "--admin", str(admin.url)]) == 1
    assert "answers 200 text/html, and not as this version of s3edge does" in capsys.readouterr().err


def test_a_server_of_another_mind_is_told_by_the_first_thing_that_is_not_understood(capsys: Captured) -> None:
    with served(Admin(live=[framed({"time": 1})])) as admin:
        assert main(["top", "--admin", str(admin.url)]) == 1
    assert "does not understand: interval: Field required\n" in capsys.readouterr().err


def test_the_token_is_that_of_the_environment() -> None:
    with served(Admin(token="secret")) as admin:
        with pytest.raises(StartError, match="wants a token: set S3EDGE_ADMIN_TOKEN"):
            run(admin.url, {}, once=True)
        with pytest.raises(StartError, match="refuses the token in S3EDGE_ADMIN_TOKEN"):
            run(admin.url, {"S3EDGE_ADMIN_TOKEN": "hunter2"}, once=True)
        assert run(admin.url, {"S3EDGE_ADMIN_TOKEN": "secret"}, once=True) == 0


@pytest.mark.parametrize("token", ["a b", "a\nHost: b", "ä", "\x1b"])
def test_a_token_that_no_header_can_carry_is_refused_and_not_shown(token: str) -> None:
    with pytest.raises(StartError) as error, served(Admin()) as admin:
        run(admin.url, {"S3EDGE_ADMIN_TOKEN": token}, once=True)
    assert str(error.value) == "S3EDGE_ADMIN_TOKEN has characters that no token has: spaces, line breaks or such"


def test_a_server_that_tells_nothing_is_not_waited_for_for_ever() -> None:
    async def look() -> None:
        async with serving(Admin(live=[b": still nothing\n\n"])) as admin, Reader(admin.url, "") as reader:
            with pytest.raises(LookError, match="has told nothing in 0 s"):
                await first_frame(reader, 0.05)

    asyncio.run(look())


class Terminal:
    """A terminal with the program in it; `seen` is all that it was sent."""

    def __init__(self, *argv: str, **environment: str) -> None:
        self._screen, inner = pty.openpty()
        self.seen = ""
        self.process = subprocess.Popen(
            (*PROGRAM, *argv),
            stdin=inner,
            stdout=inner,
            stderr=inner,
            start_new_session=True,
            env=os.environ | {"TERM": "xterm-256color"} | environment,
        )
        os.close(inner)

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._screen, keys.encode())

    def until(self, holds: Callable[[str], bool]) -> None:
        """Read until that holds for what was sent, or all was sent."""
        while not holds(self.seen):
            try:
                piece = os.read(self._screen, 65_536)
            except OSError:  # as Linux ends a terminal
                return
            self.seen += piece.decode(errors="replace")

    def close(self) -> None:
        """Whatever becomes of the program."""
        self.process.kill()
        self.process.wait()
        os.close(self._screen)


@contextmanager
def terminal(admin: Admin, **environment: str) -> Iterator[Terminal]:
    """A terminal with the program, which looks at this server, and has shown a picture."""
    with ExitStack() as stack:
        shown = Terminal("--admin", str(stack.enter_context(served(admin)).url), **environment)
        stack.callback(shown.close)
        shown.until(lambda seen: "Quit" in seen and "n1:9000" in seen)
        yield shown


def left_behind(seen: str) -> set[str]:
    """The modes that the program has turned on in the terminal and not off again."""
    modes: set[str] = set()
    for mode, switch in re.findall(r"\x1b\[\?([0-9;]+)([hl])", seen):
        (modes.add if switch == "h" else modes.discard)(mode)
    # On when a terminal starts: wrapping at the end of a line, and a cursor that is seen.
    return modes - {"7", "25"} | ({"no cursor"} if seen.rfind("\x1b[?25l") > seen.rfind("\x1b[?25h") else set())


@pytest.mark.wire
@pytest.mark.parametrize("keys", ["q", "\x03"])
def test_on_a_terminal_it_stays_until_a_key_ends_it_and_leaves_all_as_it_was(keys: str) -> None:
    with terminal(Admin()) as shown:
        assert left_behind(shown.seen) >= {"1049", "no cursor"}
        shown.type(keys)
        shown.until(lambda _: False)
        assert shown.process.wait(LIMIT) == 0
        assert left_behind(shown.seen) == set()
        assert "Traceback" not in shown.seen


@pytest.mark.wire
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_and_leaves_the_terminal_as_it_was(number: signal.Signals) -> None:
    with terminal(Admin()) as shown:
        shown.process.send_signal(number)
        shown.until(lambda _: False)
        assert shown.process.wait(LIMIT) == 0
        assert left_behind(shown.seen) == set()


@pytest.mark.wire
def test_what_a_client_sent_reaches_the_terminal_as_text() -> None:
    hostile = flow(bucket="b", key="\x1b]0;t\x07\x9b7m")
    fields = frame_fields(flows={"total": 1, "matching": 1, "flows": [hostile]})
    with terminal(Admin(live=[framed(fields)])) as shown:
        shown.type("3")
        shown.until(lambda seen: "GetObject" in seen and "Filter" in seen)
        assert "b/\\x1b]0;t\\x07\\x9b7m" in shown.seen
        assert "\x1b]0;t" not in shown.seen
        assert "\x9b" not in shown.seen


@pytest.mark.wire
def test_no_colour_is_used_where_none_is_wanted() -> None:
    def colours(seen: str) -> set[str]:
        codes = {code for codes in re.findall(r"\x1b\[([0-9;]*)m", seen) for code in codes.split(";")}
        return {code for code in codes if re.fullmatch("3[0-8]|4[0-8]|9[0-7]|10[0-7]", code)}

    with terminal(Admin()) as shown:
        assert colours(shown.seen) >= {"32", "36"}
    with terminal(Admin(), NO_COLOR="1") as shown:
        assert colours(shown.seen) == set()


@pytest.mark.wire
def test_as_a_program_a_pipe_that_closes_early_is_no_fault() -> None:
    with served(Admin()) as admin:
        with subprocess.Popen(
            (*PROGRAM, "--admin", str(admin.url)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            process.stdout.close()
            _, err = process.communicate(timeout=LIMIT)
        assert (err, process.returncode) == ("", 0)


@pytest.mark.wire
def test_as_a_program_it_prints_also_where_not_all_characters_are_known() -> None:
    with served(Admin()) as admin:
        done = subprocess.run(
            (*PROGRAM, "--admin", str(admin.url)),
            capture_output=True,
            check=True,
            timeout=LIMIT,
            env=os.environ | {"PYTHONIOENCODING": "ascii"},
        )
    assert done.stdout.startswith(b"? ready  s3edge 9.9")


@pytest.mark.wire
def test_other_commands_do_not_pay_for_it() -> None:
    script = "import sys; from s3edge.cli import main; main(['check', sys.argv[1]]); print('textual' in sys.modules)"
    done = subprocess.run((sys.executable, "-c", script, os.devnull), capture_output=True, check=True, text=True)
    assert done.stdout.splitlines()[-1] == "False"
