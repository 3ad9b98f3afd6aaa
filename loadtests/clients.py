"""What the clients of one tenant do, and what they got; `pullers` is the process that does it."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

BUCKET_SECONDS = 0.1
"""What one figure of a series stands for: a tenth of the second within which a new limit must hold."""


def access_key(tenant: str) -> str:
    """The key that clients of `tenant` claim; an edge is told to know them by it."""
    return f"AK{tenant.upper()}"


def claim(tenant: str) -> str:
    """A header line that claims `tenant`'s key. The signature is no signature: the nodes here do not look at it."""
    credential = f"{access_key(tenant)}/20260101/us-east-1/s3/aws4_request"
    return (
        f"Authorization: AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host;x-amz-date, "
        f"Signature={'0' * 64}\r\n"
    )


@dataclass(frozen=True)
class Clients:
    """Clients of one tenant, each on `connections` of its own and greedy: the next GET as soon as one is answered.

    `sizes` gives each size in bytes its share of requests. They begin `begin` seconds after the start of a run. Told
    to slow down, or cut off, they wait as long as Retry-After says, or a second; the reckless ones drop the connection
    and try again at once on a new one. `source_ports` are the ports that connections come from, one each, if it
    matters.
    """

    tenant: str
    connections: int
    sizes: Mapping[int, int]
    begin: float = 0.0
    is_reckless: bool = False
    source_ports: Sequence[int] = ()


@dataclass
class Got:
    """What the clients of one tenant got, in buckets of BUCKET_SECONDS: body bytes as they came, answers as they ended.

    `outcomes` counts what became of requests: `ok`, the status of an error, `reset` or `refused`. `began` is the start
    of the run on the clock of `time.monotonic`, which all processes share.
    """

    tenant: str
    began: float = 0.0
    received: list[int] = field(default_factory=list)
    answered: list[int] = field(default_factory=list)
    outcomes: dict[str, int] = field(default_factory=dict)

    def bytes_between(self, first: float, last: float) -> int:
        """Body bytes from `first` seconds of the run to `last`, in whole buckets."""
        return sum(self.received[round(first / BUCKET_SECONDS) : round(last / BUCKET_SECONDS)])

    @property
    def failed(self) -> int:
        return sum(count for outcome, count in self.outcomes.items() if outcome != "ok")


def to_json(groups: Iterable[Clients], seconds: float) -> str:
    """What `pullers` takes."""
    return json.dumps({"seconds": seconds, "clients": [asdict(one) for one in groups]})


def from_json(text: str) -> tuple[list[Clients], float]:
    """What `to_json` wrote."""
    document = json.loads(text)
    groups = []
    for fields in document["clients"]:
        fields["sizes"] = {int(size): share for size, share in fields["sizes"].items()}
        groups.append(Clients(**fields))
    return groups, document["seconds"]


def save(every: Iterable[Got], path: Path) -> None:
    path.write_text(json.dumps([asdict(one) for one in every]))


def load(path: Path) -> dict[str, Got]:
    """What `save` wrote, by tenant."""
    return {one["tenant"]: Got(**one) for one in json.loads(path.read_text())}
