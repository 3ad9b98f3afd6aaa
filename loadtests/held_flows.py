"""Clients that each have one body under way for long: `python -m loadtests.held_flows PORT PATH N`.

They read whatever comes; the node sends its objects drop by drop. In the path, `{n}` is the number of the client.
"""

import json
import selectors
import socket
import sys

from loadtests.idle_clients import PER_SOURCE
from loadtests.needs import raise_descriptor_limit

READ_SIZE = 64 * 1024


def ask(port: int, path: str, source: str) -> socket.socket:
    """A connection to 127.0.0.1:`port` on which the head of an answer has come. OSError when it is not a 200."""
    sock = socket.create_connection(("127.0.0.1", port), timeout=30, source_address=(source, 0))
    sock.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
    answer = sock.recv(READ_SIZE)
    if not answer.startswith(b"HTTP/1.1 200 "):
        raise OSError(f"a client was answered {answer[-300:]!r} instead of 200")
    sock.setblocking(False)
    return sock


def read_until_told(selector: selectors.BaseSelector) -> int:
    """Read whatever comes until standard input closes; how many connections ended meanwhile."""
    ended = 0
    selector.register(sys.stdin, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if not isinstance(key.fileobj, socket.socket):
                return ended
            try:
                is_over = not key.fileobj.recv(READ_SIZE)
            except ConnectionError:
                is_over = True
            if is_over:
                ended += 1
                selector.unregister(key.fileobj)
                key.fileobj.close()


def main() -> None:
    port, path, count = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    raise_descriptor_limit()
    with selectors.DefaultSelector() as selector:
        for number in range(count):
            sock = ask(port, path.replace("{n}", str(number)), f"127.0.0.{2 + number // PER_SOURCE}")
            selector.register(sock, selectors.EVENT_READ)
        print("ready", flush=True)
        ended = read_until_told(selector)
    print(json.dumps({"ended": ended}))


if __name__ == "__main__":
    main()
