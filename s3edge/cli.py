"""The command line: `s3edge serve`, `s3edge check`, `s3edge explain`, `s3edge demo`, `s3edge top`.

Exit codes: 0 done, 1 a fault that stderr names, 2 wrong usage, 130 interrupted from the keyboard.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from ipaddress import ip_address
from pathlib import Path
from typing import TypeVar

from s3edge import __version__
from s3edge.config.address import EVERY_IPV4, EVERY_IPV6, NodeUrl, parse_address, parse_node_url
from s3edge.config.admin import DEFAULT_ADMIN, TOKEN_VARIABLE
from s3edge.config.fault import Faults, Refused
from s3edge.config.files import ConfigFiles
from s3edge.config.flags import Flags
from s3edge.config.load import load
from s3edge.config.model import DEFAULT_LISTEN, Config
from s3edge.config.units import duration
from s3edge.errors import StartError
from s3edge.s3.operation import Operation

# Where a client is whose address is not said: beside s3edge, as for a sidecar.
LOOPBACK = "127.0.0.1"
# 128 + SIGINT, as shells report it.
INTERRUPTED = 130

EXAMPLES = """\
examples:
  s3edge serve --node http://10.0.0.1:9000 --node http://10.0.0.2:9000
  s3edge serve --listen :9000 --node 'http://minio{1...4}:9000' --workers auto
  s3edge serve --config s3edge.yaml
"""

Value = TypeVar("Value")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; its exit code. Wrong usage, --help and --version raise SystemExit, as argparse does."""
    given = _parser().parse_args(argv)
    command: Callable[[argparse.Namespace], int] = given.command
    try:
        return command(given)
    except Faults as faults:
        print(faults, file=sys.stderr)
    except StartError as error:
        print(f"s3edge: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        return INTERRUPTED
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "s3edge", description="A resilient S3 endpoint between AI compute and its storage."
    )
    parser.add_argument("--version", action="version", version=f"s3edge {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _set_up_serve(commands.add_parser("serve", help="take S3 requests and spread them over nodes", allow_abbrev=False))
    _set_up_check(commands.add_parser("check", help="name all faults of a configuration", allow_abbrev=False))
    _set_up_explain(
        commands.add_parser("explain", help="say which policy decides what for a request", allow_abbrev=False)
    )
    _set_up_demo(commands.add_parser("demo", help="run an embedded cluster behind s3edge", allow_abbrev=False))
    _set_up_top(commands.add_parser("top", help="show a running s3edge in this terminal", allow_abbrev=False))
    return parser


def _set_up_serve(serve: argparse.ArgumentParser) -> None:
    serve.description = (
        "Take S3 requests and spread them over nodes, which are named by flags or in a configuration file."
    )
    serve.epilog = EXAMPLES
    serve.formatter_class = argparse.RawDescriptionHelpFormatter
    serve.add_argument("--config", metavar="FILE", help="configuration file; the other flags override it")
    serve.add_argument("--listen", metavar="ADDRESS", help=f"where clients connect (default {DEFAULT_LISTEN})")
    serve.add_argument(
        "--admin",
        metavar="ADDRESS",
        help=f"where metrics and health are served (default {DEFAULT_ADMIN}); beyond loopback set {TOKEN_VARIABLE}",
    )
    serve.add_argument(
        "--node",
        metavar="URL",
        action="append",
        default=[],
        help="a storage node; repeat it, or write http://minio{1...4}:9000",
    )
    serve.add_argument("--health-path", metavar="PATH", help="probe nodes by GET PATH (default: any S3 answer will do)")
    serve.add_argument("--workers", metavar="N", help="worker processes, or auto for one a processor (default auto)")
    serve.add_argument("--tls-certificate", metavar="FILE", help="PEM file; clients connect by TLS")
    serve.add_argument("--tls-key", metavar="FILE", help="PEM file with the certificate's key")
    serve.set_defaults(command=_serve, fail=serve.error)


def _set_up_check(check: argparse.ArgumentParser) -> None:
    check.description = "Name all faults of configuration files and of the policy files that belong to them."
    check.add_argument("files", metavar="FILE", nargs="+", type=Path)
    check.set_defaults(command=_check)


def _set_up_explain(explain: argparse.ArgumentParser) -> None:
    explain.description = "Say whose a request would be, which policy decides what for it, and why the others do not."
    explain.add_argument("file", metavar="FILE", type=Path)
    explain.add_argument("--operation", metavar="NAME", type=_operation, required=True, help="such as GetObject")
    explain.add_argument("--bucket", metavar="NAME", default="", help="its bucket (default: none, as of ListBuckets)")
    explain.add_argument("--key", metavar="KEY", default="", help="its object's key, without percent escapes")
    explain.add_argument("--access-key", metavar="ID", help="the access key that it claims (default: none)")
    explain.add_argument(
        "--address",
        metavar="IP",
        type=_ip_address,
        default=LOOPBACK,
        help=f"where the client is (default {LOOPBACK})",
    )
    explain.set_defaults(command=_explain, fail=explain.error)


def _operation(text: str) -> Operation:
    try:
        return Operation(text)
    except ValueError:
        by_fold = {name.casefold(): name for name in Operation.__members__}
        close = ", ".join(by_fold[fold] for fold in get_close_matches(text.casefold(), by_fold))
        hint = f"; did you mean one of {close}?" if close else ", such as GetObject or PutObject"
        raise argparse.ArgumentTypeError(f"found {text!r}; allowed: the name of an S3 operation{hint}") from None


def _ip_address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        allowed = "an IP address without a port, such as 10.8.1.2 or fd00::7"
        raise argparse.ArgumentTypeError(f"found {text!r}; allowed: {allowed}") from None


def _set_up_demo(demo: argparse.ArgumentParser) -> None:
    demo.description = "Run three embedded storage nodes behind s3edge, with sample objects and a reader."
    demo.add_argument("--chaos", action="store_true", help="take a node away and give it back, again and again")
    demo.add_argument("--listen", metavar="ADDRESS", type=_argument(_address_text), default=str(DEFAULT_LISTEN))
    demo.add_argument("--admin", metavar="ADDRESS", type=_argument(_address_text), default=str(DEFAULT_ADMIN))
    demo.add_argument("--seconds", metavar="N", type=_argument(duration()), help="end after this time (default: never)")
    demo.set_defaults(command=_demo)


def _set_up_top(top: argparse.ArgumentParser) -> None:
    top.description = (
        "Show who uses a running s3edge, how its nodes are, and what it just decided. "
        "A token for its admin server is taken from the environment variable S3EDGE_ADMIN_TOKEN."
    )
    top.add_argument(
        "--admin",
        metavar="ADDRESS",
        type=_argument(_admin_url),
        default=str(DEFAULT_ADMIN),
        help=f"its admin server, or the URL of that (default {DEFAULT_ADMIN})",
    )
    top.add_argument("--once", action="store_true", help="print one picture as text, as is done without a terminal")
    top.set_defaults(command=_top)


def _admin_url(value: object) -> NodeUrl:
    """Where an admin server is: as `serve --admin` takes it, or the URL of what stands before it."""
    if isinstance(value, str) and "://" in value:
        return parse_node_url(value)
    address = parse_address(value)
    # One that listens everywhere is also here.
    host = {EVERY_IPV4: LOOPBACK, EVERY_IPV6: "::1"}.get(address.host, address.host)
    return NodeUrl("http", host, address.port)


def _address_text(value: object) -> str:
    return str(parse_address(value))


def _argument(parse: Callable[[object], Value]) -> Callable[[str], Value]:
    """The parser in the form that argparse wants."""

    def parse_argument(text: str) -> Value:
        try:
            return parse(text)
        except Refused as refused:
            raise argparse.ArgumentTypeError(f"found {text!r}; allowed: {refused.allowed}") from refused

    return parse_argument


def _serve(given: argparse.Namespace) -> int:
    if given.config and (given.node or given.health_path):
        given.fail("--node and --health-path cannot be combined with --config: list the nodes in that file")
    if not given.config and not given.node:
        given.fail("name the nodes with --node URL, or a configuration file with --config FILE")
    if bool(given.tls_certificate) != bool(given.tls_key):
        given.fail("--tls-certificate and --tls-key go together")
    files = ConfigFiles(Path(given.config) if given.config else None, os.environ, _flags(given))
    config = files.load()
    from s3edge.server.supervisor import run

    return run(config, files)


def _flags(given: argparse.Namespace) -> Flags:
    return Flags(
        listen=given.listen,
        admin=given.admin,
        workers=given.workers,
        nodes=tuple(given.node),
        health_path=given.health_path,
        tls_certificate=_from_here(given.tls_certificate),
        tls_key=_from_here(given.tls_key),
    )


def _from_here(file: str | None) -> str | None:
    """A path of the command line is meant from the current folder, not from that of the configuration file."""
    return None if file is None else str(Path(file).absolute())


def _check(given: argparse.Namespace) -> int:
    code = 0
    for file in given.files:
        try:
            print(f"{file}: ok, {_summary(load(file, os.environ))}")
        except Faults as faults:
            print(faults, file=sys.stderr)
            code = 1
    return code


def _summary(config: Config) -> str:
    nodes = sum(len(cluster.nodes) for cluster in config.clusters)
    return ", ".join(
        (
            _counted(len(config.clusters), "cluster", "clusters"),
            _counted(nodes, "node", "nodes"),
            _counted(len(config.policies), "policy", "policies"),
        )
    )


def _counted(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"


def _explain(given: argparse.Namespace) -> int:
    if given.key and not given.bucket:
        given.fail("--key goes together with --bucket")
    config = load(given.file, os.environ)
    from rich.console import Console

    from s3edge.explain import Question, explain

    question = Question(given.operation, given.bucket, given.key, given.access_key, given.address)
    explain(config, question, Console(highlight=False))
    return 0


def _demo(given: argparse.Namespace) -> int:
    from s3edge.demo.command import run

    return run(given.chaos, given.listen, given.admin, given.seconds)


def _top(given: argparse.Namespace) -> int:
    from s3edge.top.command import run

    return run(given.admin, os.environ, once=given.once)
