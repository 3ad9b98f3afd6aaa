"""The ceph.conf of a cluster that lives on one machine, on loopback, and whose data nobody will miss."""

from collections.abc import Sequence
from pathlib import Path

MONITOR_PORTS = (7470, 7471)
"""Of the monitor: its protocols msgr2 and msgr1."""

_TEMPLATE = """\
[global]
    fsid = {cluster_id}
    mon initial members = a
    mon host = [v2:127.0.0.1:{v2},v1:127.0.0.1:{v1}]
    run dir = {run}
    admin socket = {run}/$name.asok
    log file = {log}/$name.log
    keyring = {data}/keyring
    log to stderr = false
    mon cluster log to file = false

    # Loopback only. The addresses are given one by one: daemons may refuse to pick one from 127.0.0.0/8 themselves.
    public addr = 127.0.0.1
    cluster addr = 127.0.0.1
    ms bind ipv6 = false
    ms bind port min = 7500
    ms bind port max = 7599

    # No cephx between processes of one machine. A radosgw then also needs the plain mode said:
    # it asks the monitor for the secure one by itself, and is turned away for ever.
    auth cluster required = none
    auth service required = none
    auth client required = none
    auth allow insecure global id reclaim = false
    ms mon client mode = crc

    # One disk, one copy.
    osd pool default size = 1
    osd pool default min size = 1
    osd pool default pg num = 8
    osd pool default pgp num = 8
    osd pool default pg autoscale mode = off
    osd crush chooseleaf type = 0
    mon allow pool size one = true
    mon warn on pool no redundancy = false
    mon max pg per osd = 1000

[mon]
    mon data = {data}/mon.$id
    # By default a change of the map waits up to a second for others; here that only delays the start.
    paxos propose interval = 0.05
    paxos min wait = 0.01
    # Complain about a full disk only when it is really full: it is usually the developer's.
    mon data avail warn = 2
    mon data avail crit = 1

[osd]
    osd data = {data}/osd.$id
    osd objectstore = bluestore
    bluestore block create = true
    bluestore block size = {disk_bytes}
    osd crush initial weight = 1
    osd memory target = {memory_bytes}
    osd op num shards = 2
    osd op num threads per shard = 2
    # The gateways' object classes are not among those loaded by default everywhere.
    osd class load list = *
    osd class default list = *

[client]
    rgw data = {data}/$name
    rgw thread pool size = 64
    rgw enable usage log = false
    rgw enable ops log = false
    # A gateway that dies inside a CompleteMultipartUpload leaves the upload locked for so many seconds, by default 600,
    # in which every gateway refuses to complete it.
    rgw mp lock max time = 2
    # What was deleted leaves the disk within seconds, and not after hours: it holds a minute of checkpoints. A gateway
    # that dies while it clears away must not keep the others from it for long, by default an hour.
    rgw gc obj min wait = 5
    rgw gc processor period = 5
    rgw gc processor max time = 5
"""

_GATEWAY = """
[client.{name}]
    # Without tcp_nodelay a small answer on a kept-alive connection waits 40 ms for the client's acknowledgement.
    rgw frontends = beast endpoint=127.0.0.1:{port} tcp_nodelay=1
"""

DISK_BYTES = 4 << 30
"""Size of the file that stands for the disk. It is sparse: it takes what is stored."""

MEMORY_BYTES = 1 << 30
"""What the storage daemon aims to stay below."""


def ceph_conf(cluster_id: str, folder: Path, gateway_ports: Sequence[int]) -> str:
    """The text of ceph.conf for a cluster whose files are all in `folder`."""
    v2, v1 = MONITOR_PORTS
    shared = _TEMPLATE.format(
        cluster_id=cluster_id,
        v2=v2,
        v1=v1,
        run=folder / "run",
        log=folder / "log",
        data=folder / "data",
        disk_bytes=DISK_BYTES,
        memory_bytes=MEMORY_BYTES,
    )
    gateways = (_GATEWAY.format(name=f"rgw.{number}", port=port) for number, port in enumerate(gateway_ports, start=1))
    return shared + "".join(gateways)
