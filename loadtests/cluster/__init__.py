"""The topology of compose/ without containers: storage nodes, s3edge in front of them, Prometheus where it is found.

`python -m loadtests.cluster up --kind minio|ceph|moto` runs it in the foreground until Ctrl-C.
"""
