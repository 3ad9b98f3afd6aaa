"""The dashboard's files over a real socket: what a browser gets, and what it may do with it."""

import asyncio
import re
from collections.abc import Callable, Coroutine
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import aiohttp
import pytest
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from s3edge.admin.page import CHARTS, Dashboard, accepts_gzip, charts_script, load_assets

DASHBOARD = Path(str(files("s3edge.admin") / "dashboard"))


class Answer(NamedTuple):
    status: int
    headers: CIMultiDict[str]
    body: bytes


Get = Callable[..., Coroutine[None, None, Answer]]


def beside_page(scenario: Callable[[Get], Coroutine[None, None, None]]) -> None:
    """Run a scenario with a function that gets a path, as it is given, and undoes no coding."""

    async def main() -> None:
        app = web.Application()
        app.add_routes(Dashboard().routes())
        runner = web.AppRunner(app, access_log=None, handle_signals=False)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]

        async def get(path: str, **headers: str) -> Answer:
            sent = {name.replace("_", "-"): value for name, value in headers.items()}
            url = URL(f"http://{host}:{port}{path}", encoded=True)
            async with (
                aiohttp.ClientSession(auto_decompress=False, skip_auto_headers=["Accept-Encoding"]) as session,
                session.get(url, headers=sent) as answer,
            ):
                return Answer(answer.status, CIMultiDict(answer.headers), await answer.read())

        try:
            await scenario(get)
        finally:
            await runner.cleanup()

    asyncio.run(main())


def test_the_page_comes_under_a_strict_policy() -> None:
    async def scenario(get: Get) -> None:
        answer = await get("/")
        assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        assert answer.body == (DASHBOARD / "index.html").read_bytes()
        assert answer.headers["Content-Security-Policy"] == (
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
            "require-trusted-types-for 'script'; trusted-types 'none'"
        )
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["Cache-Control"] == "no-cache"

    beside_page(scenario)


@pytest.mark.parametrize(
    "name,content_type",
    [
        ("main.js", "text/javascript; charset=utf-8"),
        ("style.css", "text/css; charset=utf-8"),
        ("icon.svg", "image/svg+xml"),
        (CHARTS, "text/javascript; charset=utf-8"),
    ],
)
def test_each_file_has_its_type_and_the_same_headers(name: str, content_type: str) -> None:
    async def scenario(get: Get) -> None:
        page, answer = await get("/"), await get(f"/static/{name}")
        assert (answer.status, answer.headers["Content-Type"]) == (200, content_type)
        own = {"Content-Type", "Content-Length", "Date", "Etag"}
        assert {name: value for name, value in answer.headers.items() if name not in own} == {
            name: value for name, value in page.headers.items() if name not in own
        }

    beside_page(scenario)


def test_a_browser_that_accepts_gzip_gets_less() -> None:
    async def scenario(get: Get) -> None:
        plain, packed = await get("/static/style.css"), await get("/static/style.css", Accept_Encoding="br, gzip")
        assert "Content-Encoding" not in plain.headers
        assert packed.headers["Content-Encoding"] == "gzip"
        assert packed.headers["Vary"] == "Accept-Encoding"
        assert len(packed.body) < len(plain.body) / 2
        assert packed.headers["ETag"] == plain.headers["ETag"]

    beside_page(scenario)


@pytest.mark.parametrize(
    "accepted,expected",
    [
        ("", False),
        ("gzip", True),
        ("deflate, GZIP;q=0.5, br", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000", False),
        ("gzip;q=0.001", True),
        ("x-gzip, br", False),
    ],
)
def test_gzip_is_accepted_where_it_is_named_and_not_ruled_out(accepted: str, expected: bool) -> None:
    assert accepts_gzip(accepted) is expected


def test_a_browser_that_has_a_file_gets_it_once() -> None:
    async def scenario(get: Get) -> None:
        tag = (await get("/static/main.js")).headers["ETag"]
        assert tag.startswith('W/"')
        again = await get("/static/main.js", If_None_Match=f'"other", {tag}')
        assert (again.status, again.body, again.headers["ETag"]) == (304, b"", tag)
        assert (await get("/static/main.js", If_None_Match='"other"')).status == 200

    beside_page(scenario)


@pytest.mark.parametrize(
    "path",
    [
        "/static/",
        "/static/../page.py",
        "/static/..%2fpage.py",
        "/static/%2e%2e%2fpage.py",
        "/static//etc/passwd",
        "/static/nothing.js",
        "/static/main.js%00",
        "/static/__init__.py",
        "/index.html",
    ],
)
def test_nothing_else_is_served(path: str) -> None:
    async def scenario(get: Get) -> None:
        assert (await get(path)).status == 404

    beside_page(scenario)


def test_all_that_the_page_and_its_modules_name_is_there() -> None:
    assets = load_assets()
    page = assets["index.html"].body.decode()
    named = set(re.findall(r'(?:src|href)="static/([^"]+)"', page))
    for name, asset in assets.items():
        if name.endswith(".js") and name != CHARTS:
            named |= set(re.findall(r'(?:from |import\()"\./([^"]+)"', asset.body.decode()))
    assert named | {"index.html"} == set(assets)


def test_the_page_has_no_script_style_or_handler_of_its_own() -> None:
    page = (DASHBOARD / "index.html").read_text()
    assert not re.search(r"<script>|<style|\sstyle=|\son\w+=", page)
    assert "http" not in page.replace("https://www.tradingview.com/", "")


@pytest.mark.parametrize("word", ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "srcdoc"])
def test_no_module_makes_markup_or_code_of_text(word: str) -> None:
    assert [path.name for path in DASHBOARD.glob("*.js") if word in path.read_text()] == []


def test_the_charts_script_comes_from_the_installed_package() -> None:
    script = charts_script()
    assert script is not None
    assert "Lightweight Charts" in script.read_text()[:200]
    assert CHARTS not in {path.name for path in DASHBOARD.iterdir()}


@pytest.mark.parametrize("path", sorted(DASHBOARD.glob("*.js")), ids=lambda path: path.name)
def test_modules_are_small(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400


def test_all_modules_are_asked_for_at_once() -> None:
    """Else each is found only when the one that imports it has been read."""
    scripts = "\n".join(file.read_text() for file in DASHBOARD.glob("*.js"))
    imported = set(re.findall(r'^import .* from "\./(.+)";$', scripts, re.MULTILINE))
    preloaded = re.findall(r'<link rel="modulepreload" href="static/(.+)">', (DASHBOARD / "index.html").read_text())
    assert preloaded == sorted(imported)
