"""What the configuration says of requests: whose they are, and what the policies decide for them."""

from dataclasses import dataclass, replace

from s3edge.config.model import Config
from s3edge.proxy.identity import Identity
from s3edge.proxy.progress import Progress
from s3edge.qos.tenants import Tenants
from s3edge.routing.table import Table


@dataclass(slots=True)
class Rules:
    """The rules of one worker, replaced as a whole when the configuration changes.

    `hosts` are the base names of virtual-host addressing.
    """

    hosts: tuple[bytes, ...]
    identity: Identity
    table: Table

    @classmethod
    def of(cls, config: Config) -> "Rules":
        """Those of a checked configuration."""
        clusters = tuple(cluster.name for cluster in config.clusters)
        hosts = tuple(host.encode() for host in config.listen.hosts)
        return cls(hosts, Identity(Tenants(config.tenants)), Table(config.policies, clusters))

    def replan(self, progress: Progress) -> None:
        """Decide anew for a request that began by other rules: whose it is, how much is too much, who goes first.

        One that nodes are asked for already stays on its way: its clusters and what is done about failures.
        """
        request = progress.request
        progress.tenant = self.identity.tenant(progress.client, progress.head)
        plan = self.table.plan(progress.tenant, request.operation, request.bucket, request.raw_key)
        if progress.is_under_way:
            plan = replace(
                progress.plan,
                priority=plan.priority,
                weight=plan.weight,
                limits=plan.limits,
                limits_of=plan.limits_of,
                guard=plan.guard,
                guard_of=plan.guard_of,
            )
        progress.plan = plan
