"""One HTTP connection of the demo's storage."""

import io
from typing import IO, cast

from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.datastructures import Headers
from werkzeug.serving import DechunkedInput
from werkzeug.test import run_wsgi_app

PIECE = 1 << 20  # bytes read at once of a chunked body
BODILESS = (204, 304)


class KeepAliveHandler(MotoRequestHandler):
    """Serves the storage's WSGI application with connections that are kept.

    werkzeug's own handler closes after each answer, which no storage does and which would leave the connection pool of
    s3edge without work. Keeping needs the request's body to be read whole: it goes into memory, where moto puts it
    anyway.
    """

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16  # bytes; head and small body leave in one segment
    timeout = 120  # seconds a connection may stay silent

    def handle_expect_100(self) -> bool:
        super().handle_expect_100()
        self.wfile.flush()
        return True

    def run_wsgi(self) -> None:
        self.environ = environ = self.make_environ()
        environ["wsgi.input"] = io.BytesIO(self._read_body())
        try:
            body, status, headers = run_wsgi_app(self.server.app, environ, buffered=True)
        except Exception as error:  # noqa: BLE001  # a defect of moto is one failed request, not a broken connection
            body, status, headers = [repr(error).encode()], "500 INTERNAL SERVER ERROR", Headers()
        self._answer(int(status[:3]), headers, b"".join(body))

    def _read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            stream = DechunkedInput(cast(IO[bytes], self.rfile))
            return b"".join(iter(lambda: stream.read(PIECE) or b"", b""))
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _answer(self, status: int, headers: Headers, body: bytes) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if "Content-Length" not in headers and status not in BODILESS and self.command != "HEAD":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()

    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002  # werkzeug's name
        """Say nothing: standard output belongs to the parent."""
