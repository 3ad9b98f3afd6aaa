"""`python -m loadtests.matrix`: which S3 clients work through s3edge, and what differs from working direct."""

import argparse
import shlex
import sys
import time
from collections.abc import Sequence
from itertools import product
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from loadtests.ceph.lab import LabError
from loadtests.certificate import issue_certificate
from loadtests.child import ChildError, end_on_sigterm
from loadtests.cluster.minio import MinioError
from loadtests.findings import RESULTS
from loadtests.machine import describe_machine
from loadtests.matrix.actions import NAMES
from loadtests.matrix.clients import START
from loadtests.matrix.compare import compare, judge
from loadtests.matrix.peers import NotAtOne
from loadtests.matrix.record import Run, Trial, keep
from loadtests.matrix.report import readme_section, replace_section, write_reports
from loadtests.matrix.storages import KINDS, StorageError, default_kind, missing_for
from loadtests.matrix.trial import try_client
from loadtests.matrix.ways import SCHEMES, Way, open_ways
from loadtests.needs import has_programs
from loadtests.nodes import scratch
from loadtests.question import FINDING_COLUMNS
from loadtests.report import Verdict, markdown_table
from s3edge.errors import StartError

FAILURES = (ChildError, MinioError, LabError, StorageError, StartError, NotAtOne, ClientError, BotoCoreError, OSError)
"""Of the storage and of s3edge; those of clients are results."""

README = Path(__file__).parents[2] / "README.md"


def run(kind: str, clients: Sequence[str], command: str) -> Run:
    """Try the clients on a kind of storage. Raises what its parts raise."""
    began = time.monotonic()
    with scratch() as folder:
        certificate = issue_certificate(folder)
        with KINDS[kind](folder, certificate) as storage, open_ways(storage, folder, certificate) as ways:
            trials = try_all(clients, ways, folder)
    seconds = round(time.monotonic() - began)
    return Run(kind, storage.version, dict(storage.settings), command, seconds, describe_machine(), trials)


def try_all(clients: Sequence[str], ways: Sequence[Way], folder: Path) -> list[Trial]:
    """Each client on each way, with a bar of what is done."""
    columns = (TextColumn("{task.description:<44}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    trials = []
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bar = progress.add_task("", total=len(clients) * len(SCHEMES))
        for client, scheme in product(clients, SCHEMES):

            def tell(way: Way, action: str, client: str = client) -> None:
                progress.update(bar, description=f"{client}, {way.name}: {action}")

            trials += try_client(client, [way for way in ways if way.scheme == scheme], NAMES, folder, tell)
            progress.advance(bar)
    return trials


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m loadtests.matrix", description="S3 clients through s3edge and direct, by HTTP and HTTPS."
    )
    parser.add_argument(
        "--kind", choices=KINDS, default=default_kind(), help="the storage (default: the first that is here)"
    )
    parser.add_argument(
        "--clients", nargs="+", choices=START, default=list(START), metavar="CLIENT", help=", ".join(START)
    )
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for clients.md and clients.json")
    parser.add_argument("--readme", action="store_true", help="put the table into README.md, too")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parse_arguments(argv)
    command = shlex.join(["python", "-m", "loadtests.matrix", *(sys.argv[1:] if argv is None else argv)])
    missing = missing_for(arguments.kind)
    if missing:
        print(missing, file=sys.stderr)
        return 2
    has_programs()  # looks for programs where Debian puts servers, too
    end_on_sigterm()
    try:
        done = run(arguments.kind, arguments.clients, command)
    except FAILURES as error:
        print(f"matrix: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    runs = keep(done, arguments.results)
    write_reports(runs, arguments.results)
    if arguments.readme:
        README.write_text(replace_section(README.read_text(), readme_section(runs)))
    findings = judge(compare(done))
    print(markdown_table(FINDING_COLUMNS, [finding.cells() for finding in findings]), end="")
    return 0 if all(finding.verdict is Verdict.MET for finding in findings) else 1


if __name__ == "__main__":
    sys.exit(main())
