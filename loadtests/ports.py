"""Free TCP ports on loopback, and the question whether something answers there."""

import http.client
import random
import socket
import ssl

FIRST, LAST = 18_000, 30_000
"""Below Linux's range for outgoing connections (32768 and up): no client's own port collides with a listener."""


def free_ports(count: int) -> list[int]:
    """`count` different ports of 127.0.0.1 on which nothing listens now."""
    held: list[socket.socket] = []
    try:
        for port in random.sample(range(FIRST, LAST), LAST - FIRST):
            if len(held) == count:
                break
            candidate = socket.socket()
            try:
                candidate.bind(("127.0.0.1", port))
            except OSError:
                candidate.close()
            else:
                held.append(candidate)
        return [int(sock.getsockname()[1]) for sock in held]
    finally:
        for sock in held:
            sock.close()


def answers(port: int, path: str, is_tls: bool = False) -> bool:
    """Whether GET of `path` on 127.0.0.1:`port` is answered 200 within a second. The certificate is not looked at."""
    connection: http.client.HTTPConnection
    if is_tls:
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=1, context=_trusting_all())
    else:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        return answer.status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _trusting_all() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
