"""The flags of `s3edge serve` that stand for a configuration, or for parts of one."""

from dataclasses import dataclass

from s3edge.config.document import Document, Place

# The name that metrics show for the one cluster that flags can describe.
CLUSTER = "default"


@dataclass(frozen=True, slots=True)
class Flags:
    """What was given on the command line, as text; None or empty where nothing was. Paths are absolute."""

    listen: str | None = None
    admin: str | None = None
    workers: str | None = None
    nodes: tuple[str, ...] = ()
    health_path: str | None = None
    tls_certificate: str | None = None
    tls_key: str | None = None

    def apply(self, document: Document) -> None:
        """Put what was given over what the document says; `nodes` make up the only cluster."""
        if self.nodes:
            self._put_cluster(document)
        if self.listen is not None:
            document.put(("listen", "address"), self.listen, Place(where="--listen"))
        if self.admin is not None:
            document.put(("admin", "address"), self.admin, Place(where="--admin"))
        if self.workers is not None:
            document.put(("workers",), self.workers, Place(where="--workers"))
        if self.tls_certificate is not None:
            document.put(("listen", "tls", "certificate"), self.tls_certificate, Place(where="--tls-certificate"))
        if self.tls_key is not None:
            document.put(("listen", "tls", "key"), self.tls_key, Place(where="--tls-key"))

    def _put_cluster(self, document: Document) -> None:
        cluster: dict[str, object] = {"name": CLUSTER, "nodes": list(self.nodes)}
        document.put(("clusters",), [cluster], Place(where="--node"))
        for index in range(len(self.nodes)):
            document.places["clusters", 0, "nodes", index] = Place(where="--node")
        if self.health_path is not None:
            cluster["health"] = {"preset": "http", "path": self.health_path}
            document.places["clusters", 0, "health", "path"] = Place(where="--health-path")
