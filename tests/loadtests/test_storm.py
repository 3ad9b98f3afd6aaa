import socket
from contextlib import closing

from loadtests.storm import Storm, ask_all, dialled, tcp_counts

NETSTAT = """\
TcpExt: SyncookiesSent ListenOverflows TCPSynRetrans
TcpExt: 0 279 281
IpExt: InNoRoutes InTruncatedPkts
IpExt: 0 0
"""


def test_counts_are_read_by_their_names() -> None:
    assert tcp_counts(NETSTAT) == {"SyncookiesSent": 0, "ListenOverflows": 279, "TCPSynRetrans": 281}


def test_a_storm_is_told_by_those_who_were_answered() -> None:
    storm = Storm.of([2.0, 0.1, 0.3], clients=4, counts=tcp_counts(NETSTAT))
    assert storm == Storm(clients=4, answered=3, median=0.3, longest=2.0, overflows=279, again=281)


def test_who_is_refused_or_reset_is_not_answered() -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        with dialled(taken.getsockname()[1], 3) as begun:
            assert ask_all(begun) == []
