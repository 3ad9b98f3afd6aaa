"""A real S3 store on one machine: Ceph with several gateways on loopback, from Debian's packages, without systemd.

`python -m loadtests.ceph up` starts what of it is not running, `down` ends it, `down --wipe` forgets its data too.
"""
