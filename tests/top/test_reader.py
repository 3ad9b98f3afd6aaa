"""The reader takes what an admin server tells, and turns all that goes wrong into one line for the operator."""

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing

import pytest
import trustme
from aiohttp import web

from s3edge.config.address import parse_node_url
from s3edge.top.frame import Event, Frame
from s3edge.top.reader import Garbage, LookError, Lost, Missed, Opened, Reader, enduring
from tests.support.virtual_time import run
from tests.top.admin import Admin, framed, serving
from tests.top.made_up import event_fields, frame_fields

# Seconds that a busy machine may take for what normally takes a fraction of one.
LIMIT = 30.0


def beside(admin: Admin, scenario: Callable[[Reader], Coroutine[None, None, None]], token: str = "") -> None:
    """Run a scenario with a reader of a server."""

    async def main() -> None:
        async with asyncio.timeout(LIMIT), serving(admin), Reader(admin.url, token) as reader:
            await scenario(reader)

    asyncio.run(main())


async def first(frames: AsyncGenerator[Frame | Garbage, None]) -> Frame | Garbage:
    """What a stream tells first."""
    async with aclosing(frames):
        return await anext(frames)


def refusal(admin: Admin, token: str = "") -> str:
    """Why frames are not to be had; the place of the server is written as SITE."""
    told: list[str] = []

    async def scenario(reader: Reader) -> None:
        with pytest.raises(LookError) as error:
            await first(reader.frames({}))
        told.append(str(error.value).replace(reader.site, "SITE"))

    beside(admin, scenario, token)
    return told[0]


def test_frames_come_with_the_flows_that_are_asked_for() -> None:
    admin = Admin(live=[framed(frame_fields(tenants_total=7))])

    async def scenario(reader: Reader) -> None:
        frame = await first(reader.frames({"flows_sort": "-age", "flows_filter": "a b&c=ä"}))
        assert isinstance(frame, Frame)
        assert frame.tenants_total == 7

    beside(admin, scenario)
    assert admin.asked == ["GET /api/v1/live?flows_sort=-age&flows_filter=a+b%26c%3D%C3%A4"]


def test_a_frame_that_comes_in_pieces_is_one_frame() -> None:
    text = framed(frame_fields())

    async def scenario(reader: Reader) -> None:
        assert isinstance(await first(reader.frames({})), Frame)

    beside(Admin(live=[text[:100], text[100:-1], text[-1:]]), scenario)


def test_garbage_is_told_and_does_not_end_the_stream() -> None:
    good = framed(frame_fields())
    admin = Admin(live=[b"event: frame\ndata: {\n\n", b"event: new\ndata: 1\n\n", b"event: frame\ndata: []\n\n", good])

    async def scenario(reader: Reader) -> None:
        async with aclosing(reader.frames({})) as frames:
            told = [await anext(frames) for _ in range(3)]
        assert [type(each) for each in told] == [Garbage, Garbage, Frame]
        assert told[1] == Garbage("it: Input should be an object")

    beside(admin, scenario)


def test_events_begin_after_those_that_are_known() -> None:
    admin = Admin(events=[event_fields(number, text=f"e{number}") for number in (1, 2, 3)])

    async def scenario(reader: Reader) -> None:
        kept = await reader.kept_events()
        assert [event.text for event in kept.events] == ["e1", "e2", "e3"]
        async with aclosing(reader.events(2)) as events:
            assert isinstance(await anext(events), Opened)
            event = await anext(events)
        assert isinstance(event, Event)
        assert event.text == "e3"

    beside(admin, scenario)
    assert admin.asked == ["GET /api/v1/events", "GET /api/v1/events?since=2"]


def test_events_that_are_missed_are_counted() -> None:
    # The server that plays here tells of events what it is given, whatever it is called.
    told = [b'event: missed\ndata: {"missed": 12}\n\n', b"event: missed\ndata: {}\n\n", b"data: {}\n\n"]

    class Forgetful(Admin):
        async def answer(self, request: web.Request) -> web.StreamResponse:
            return await self._tell(request, told)

    async def scenario(reader: Reader) -> None:
        async with aclosing(reader.events(0)) as events:
            assert [await anext(events) for _ in range(3)] == [
                Opened(),
                Missed(12),
                Garbage("a message of missed events has no number"),
            ]
            assert await anext(events) == Garbage("sequence: Field required")

    beside(Forgetful(), scenario)


def test_when_nothing_listens_it_is_said_what_to_look_at() -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        url = parse_node_url(f"http://127.0.0.1:{sock.getsockname()[1]}")

    async def main() -> None:
        async with asyncio.timeout(LIMIT), Reader(url, "") as reader:
            with pytest.raises(
                LookError, match=f"^cannot connect to {url}: Connection refused; see that s3edge runs, and say --admin"
            ):
                await first(reader.frames({}))

    asyncio.run(main())


def test_a_certificate_that_is_not_trusted_is_told() -> None:
    async def main() -> None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
        server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context)
        url = parse_node_url(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        async with asyncio.timeout(LIMIT), server, Reader(url, "") as reader:
            with pytest.raises(LookError, match=f"^cannot connect to {url} by TLS: .*certificate verify failed"):
                await first(reader.frames({}))

    asyncio.run(main())


def test_a_token_that_is_missing_or_wrong_is_named() -> None:
    admin = Admin(token="secret")
    assert refusal(admin) == "SITE wants a token: set S3EDGE_ADMIN_TOKEN to that of `admin.token`"
    wrong = "SITE refuses the token in S3EDGE_ADMIN_TOKEN: it is not that of `admin.token`"
    assert refusal(Admin(token="secret"), "hunter2") == wrong


def test_the_right_token_opens_all_of_it() -> None:
    async def scenario(reader: Reader) -> None:
        assert isinstance(await first(reader.frames({})), Frame)
        await reader.kept_events()
        await reader.change(("nodes", "n1:9000", "drain"), {})

    beside(Admin(token="secret"), scenario, "secret")


@pytest.mark.parametrize(
    "answer, found",
    [
        (web.Response(status=404, text="404: Not Found"), "404 text/plain"),
        (web.Response(text="<html>", content_type="text/html"), "200 text/html"),
        (web.Response(status=502, text="<html>", content_type="text/html"), "502 text/html"),
        (web.json_response({"frames": []}), "200 application/json"),
        (web.json_response([], status=500), "500 application/json"),
        (web.Response(status=302, headers={"Location": "http://127.0.0.1:1/"}), "302 application/octet-stream"),
        (web.Response(status=204), "204 application/octet-stream"),
    ],
)
def test_what_is_no_s3edge_is_told_by_its_answer(answer: web.Response, found: str) -> None:
    assert refusal(Admin(refusal=answer)) == (
        f"SITE answers {found}, and not as this version of s3edge does: is it the admin address?"
    )


@pytest.mark.parametrize(
    "answer, said",
    [
        (web.json_response({"error": "64 viewers\x1b[2J look"}, status=503), "64 viewers\\x1b[2J look"),
        (web.Response(status=403, text="no \u202e pages\n"), "no \\u202e pages"),
        (web.json_response({"error": "x" * 5000}, status=400), "x" * 200),
    ],
)
def test_what_s3edge_says_itself_is_passed_on_harmless_and_short(answer: web.Response, said: str) -> None:
    assert refusal(Admin(refusal=answer)) == said


def test_a_stream_that_ends_or_breaks_is_told() -> None:
    admin = Admin(live=[])
    admin.breaks.set()
    assert refusal(admin) == "SITE has ended the stream"


def test_a_message_without_an_end_breaks_the_stream() -> None:
    admin = Admin(live=[b"data: " + b"x" * 2**20] * 9)
    assert refusal(admin) == "the connection to SITE broke: a message has more than 8388608 bytes"


def test_what_is_no_http_is_told() -> None:
    async def main() -> None:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"SSH-2.0-OpenSSH\r\n\r\n")
            writer.close()

        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        url = parse_node_url(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        async with asyncio.timeout(LIMIT), server, Reader(url, "") as reader:
            with pytest.raises(LookError, match=f"the connection to {url} broke: "):
                await first(reader.frames({}))

    asyncio.run(main())


def test_a_change_is_a_post_to_a_path_of_which_no_name_can_break_out() -> None:
    admin = Admin()

    async def scenario(reader: Reader) -> None:
        await reader.change(("nodes", "n1:9000", "drain"), {})
        await reader.change(("tenants", "a/../b?c#d\x1b", "pin"), {"rate": "50/s", "for": "10m"})

    beside(admin, scenario)
    assert admin.asked == [
        "POST /api/v1/nodes/n1%3A9000/drain",
        "POST /api/v1/tenants/a%2F..%2Fb%3Fc%23d%1B/pin?rate=50/s&for=10m",
    ]


def test_a_change_that_is_refused_says_why() -> None:
    async def scenario(reader: Reader) -> None:
        with pytest.raises(LookError, match=r"^changes are off: set admin\.token$"):
            await reader.change(("nodes", "n1:9000", "drain"), {})

    beside(Admin(refusal=web.json_response({"error": "changes are off: set admin.token"}, status=403)), scenario)


def test_a_broken_stream_is_opened_again_ever_later_and_soon_once_it_told_something() -> None:
    async def scenario() -> None:
        now = asyncio.get_running_loop().time
        opened: list[float] = []

        async def stream() -> AsyncGenerator[str, None]:
            opened.append(now())
            if len(opened) == 8:
                yield "frame"
            raise LookError(f"broke {len(opened)}")

        told: list[str | Lost] = []
        async with aclosing(enduring(stream)) as items:
            async for item in items:
                told.append(item)
                if item == Lost("broke 10", 4.0):
                    break
        assert opened == [0.0, 1.0, 3.0, 7.0, 15.0, 25.0, 35.0, 45.0, 46.0, 48.0]
        assert told[:6] == [Lost(f"broke {n}", pause) for n, pause in enumerate((1.0, 2.0, 4.0, 8.0, 10.0, 10.0), 1)]
        assert told[7:9] == ["frame", Lost("broke 8", 1.0)]

    run(scenario())


def test_an_event_with_hostile_text_is_one_event() -> None:
    hostile = event_fields(1, text="a\n\ndata: {}\x1b")

    async def scenario(reader: Reader) -> None:
        async with aclosing(reader.events(0)) as events:
            told = [await anext(events) for _ in range(2)]
        assert isinstance(told[1], Event)
        assert told[1].text == json.loads(json.dumps(hostile))["text"]

    beside(Admin(events=[hostile]), scenario)
