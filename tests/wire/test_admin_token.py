"""The admin token over the whole life of a real s3edge: it opens what it is to open, and nothing ever shows it."""

import asyncio
import json
import os
import secrets
import signal
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest

from tests.support.node import Node, NodeEnd, ok
from tests.wire.service import LOCAL, NodeSocket, Service, limit, service

pytestmark = pytest.mark.wire

READ = ("metrics", "api/v1/nodes", "api/v1/tenants", "api/v1/clients", "api/v1/config", "api/v1/events", "nothing")


async def node(end: NodeEnd) -> None:
    while True:
        await end.read_request()
        await end.send(ok(b"body"))


async def said(edge: Service, token: str) -> list[str]:
    """All that the admin server says to who has the token, who has a wrong one, and who sends what is no HTTP."""
    told = []
    async with aiohttp.ClientSession(f"http://{LOCAL}:{edge.admin}") as http:
        for given, status in ((token, 200), (f"{token}x", 401)):
            headers = {"Authorization": f"Bearer {given}"}
            for path in READ:
                async with http.get(f"/{path}", headers=headers) as answer:
                    assert answer.status == (404 if path == "nothing" else status), path
                    told += [await answer.text(), str(answer.headers)]
            async with http.post("/api/v1/tenants/default/pin?rate=5/s", headers=headers) as answer:
                assert answer.status == status
                told += [await answer.text(), str(answer.headers)]
    reader, writer = await asyncio.open_connection(LOCAL, edge.admin)
    writer.write(f"GET / HTTP/1.1\r\nAuthorization: Bearer {token}\x01\r\n\r\n".encode())
    await reader.read()
    writer.close()
    return told


def test_nothing_ever_shows_the_token(tmp_path: Path) -> None:
    token, log = secrets.token_hex(16), tmp_path / "s3edge.log"
    environment = {"S3EDGE_ADMIN_TOKEN": token}
    config = tmp_path / "s3edge.yaml"

    async def logs(text: str) -> None:
        async with asyncio.timeout(limit(2)):
            while text not in log.read_text():  # noqa: ASYNC110  # as operators do
                await asyncio.sleep(0.05)

    async def main(edge: Service, sock: NodeSocket) -> list[str]:
        async with sock.played_by(Node(node)), edge.dial() as client:
            await client.send(b"GET /bucket/key HTTP/1.1\r\nHost: s3\r\n\r\n")
            assert (await client.read_response()).status == 200
            told = await said(edge, token)
            right = config.read_text()
            wrong = json.loads(right)
            wrong["admin"] |= {"token": f"{token}!", "protect": "al", "key": token}
            config.write_text(json.dumps(wrong))
            edge.child.process.send_signal(signal.SIGHUP)
            await logs("faults in the new one: 3")
            config.write_text(right)
            await logs("the configuration is the same as before")
            os.kill(edge.worker, signal.SIGKILL)
            await logs("replacing it")
            return told

    sock = NodeSocket()
    with service(tmp_path, f"http://{LOCAL}:{sock.port}", environment=environment, admin={"protect": "all"}) as edge:
        worker = Path(f"/proc/{edge.worker}")
        assert token not in (worker / "environ").read_text() + (worker / "cmdline").read_text()
        told = asyncio.run(main(edge, sock))
    sock.close()
    for command in (["check", str(config)], ["explain", str(config), "--operation", "GetObject", "--bucket", "b"]):
        argv = [sys.executable, "-m", "s3edge", *command]
        done = subprocess.run(argv, env=os.environ | environment, capture_output=True, text=True, check=True)
        told += [done.stdout, done.stderr]
    log_text = log.read_text()
    assert "127.0.0.1 sent a wrong admin token" in log_text
    assert len(told) == 36
    assert [text for text in (*told, log_text) if token in text] == []
