"""Clients that ask once, then keep the connection in silence: `python -m loadtests.idle_clients PORT PATH N`."""

import http.client
import json
import socket
import sys

from loadtests.needs import raise_descriptor_limit

PER_SOURCE = 20_000
"""Connections from one source address: Linux has about 28,000 ports for them, and other load needs some."""


def connect_and_ask(port: int, path: str, source: str) -> socket.socket:
    """A connection to 127.0.0.1:`port` that has had one whole answer. OSError when it had not."""
    sock = socket.create_connection(("127.0.0.1", port), timeout=10, source_address=(source, 0))
    sock.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
    answer = http.client.HTTPResponse(sock)
    answer.begin()
    answer.read()
    if answer.status != http.client.OK:
        raise OSError(f"a client was answered {answer.status} instead of 200")
    sock.setblocking(False)
    return sock


def is_open(sock: socket.socket) -> bool:
    """Whether the other side has neither closed the connection nor said anything more."""
    try:
        sock.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return True
    except ConnectionError:
        return False
    return False


def main() -> None:
    port, path, count = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    raise_descriptor_limit()
    socks = [connect_and_ask(port, path, f"127.0.0.{2 + number // PER_SOURCE}") for number in range(count)]
    print("ready", flush=True)
    sys.stdin.read()
    print(json.dumps({"open": sum(is_open(sock) for sock in socks)}))


if __name__ == "__main__":
    main()
