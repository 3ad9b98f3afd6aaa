import os
import socket
from pathlib import Path

from loadtests.misbehaving import misbehaving_nodes
from loadtests.skew import FIRST, holds, ports_to


def test_ports_lead_to_the_process_that_accepts_there(tmp_path: Path) -> None:
    with misbehaving_nodes(1, tmp_path) as (node,):
        first, second = ports_to(node.child.pid, node.port, 2)
        assert FIRST <= first < second
        assert ports_to(node.child.pid, node.port, 1, frozenset({first})) == (second,)


def test_a_connection_is_held_by_the_process_that_accepted_it_and_by_no_other() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as ours, listener.accept()[0]:
            source_port = ours.getsockname()[1]
            assert holds(os.getpid(), source_port, port)
            assert not holds(os.getppid(), source_port, port)
            assert not holds(os.getpid(), source_port + 1, port)
