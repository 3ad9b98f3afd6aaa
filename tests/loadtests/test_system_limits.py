import os
import socket

import pytest

from loadtests.nodes import MIB
from loadtests.report import Verdict
from loadtests.storm import Storm
from loadtests.system_limits import CLIENTS, PIPE_SHARE, ROOMS, no_pipes_left, outcome, told_of_storms
from tests.transport.sockets import open_descriptors

WELL = Storm(CLIENTS, CLIENTS, 0.1, 0.2, overflows=0, again=0)
FULL = Storm(CLIENTS, CLIENTS, 0.1, 2.0, overflows=300, again=310)


def test_a_queue_that_is_too_short_may_be_full_and_ours_may_not() -> None:
    verdicts = [finding.verdict for finding in told_of_storms(dict(zip(ROOMS, (WELL, FULL), strict=True))).findings]
    assert verdicts == [Verdict.MET, Verdict.MET]
    verdicts = [finding.verdict for finding in told_of_storms(dict(zip(ROOMS, (FULL, FULL), strict=True))).findings]
    assert verdicts == [Verdict.MET, Verdict.MISSED]


def test_every_client_must_be_answered_however_short_the_queue() -> None:
    lost = Storm(CLIENTS, CLIENTS - 1, 0.1, 2.0, overflows=300, again=310)
    found = told_of_storms(dict(zip(ROOMS, (WELL, lost), strict=True)))
    assert found.findings[0].verdict is Verdict.MISSED
    assert found.lines[-1][2:] == ["SYNs that were sent again (TcpExtTCPSynRetrans)", "310"]


def test_all_pipes_that_a_user_may_have_are_held_and_given_back() -> None:
    before = open_descriptors()
    with no_pipes_left():
        held = (open_descriptors() - before) // 2
        assert held * MIB // os.sysconf("SC_PAGE_SIZE") >= int(PIPE_SHARE.read_text())
    assert open_descriptors() == before


@pytest.mark.parametrize(
    "answer, expected",
    [(b"HTTP/1.1 503 Service Unavailable\r\n", "503"), (b"HTTP/1.1 200 OK\r\n", "200"), (b"", "closed")],
)
def test_an_outcome_is_a_status_or_closed(answer: bytes, expected: str) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(answer)
        theirs.shutdown(socket.SHUT_WR)
        assert outcome(ours) == expected
