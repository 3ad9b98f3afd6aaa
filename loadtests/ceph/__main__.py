"""`python -m loadtests.ceph up` and `down`."""

import argparse
import sys
from pathlib import Path

from loadtests.ceph.lab import Lab, LabError, default_folder, missing_programs


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m loadtests.ceph", description="A real S3 store on loopback.")
    parser.add_argument(
        "--folder", type=Path, default=default_folder(), help="its files (default: $CEPH_LAB or %(default)s)"
    )
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start what is not running")
    up.add_argument("--gateways", type=int, default=4)
    down = commands.add_parser("down", help="end what is running, keep the data")
    down.add_argument("--wipe", action="store_true", help="forget the data too")
    arguments = parser.parse_args()
    try:
        if arguments.command == "down":
            Lab(arguments.folder).down(wipe=arguments.wipe)
            return 0
        access = Lab(arguments.folder, gateways=arguments.gateways).up()
    except LabError as error:
        print(f"ceph lab: {error}", file=sys.stderr)
        return 2 if missing_programs() else 1
    print(f"up: {' '.join(access.endpoints)}\nkeys: source {arguments.folder}/s3.env")
    return 0


if __name__ == "__main__":
    sys.exit(main())
