"""What each tenant has had of a cluster: by that, and by the tenants' weights, it is decided who is next."""

from typing import Final

from s3edge.qos.account import Account, VirtualTime
from s3edge.transport.pacing import Link

# What a request costs its tenant beside the bytes that it moves, in bytes: a node finds and opens an object in the time
# in which a disk reads so much. Without it, requests without a body would be free.
REQUEST_COST: Final = 16 * 1024
# What a request is charged when it gets its place, before it is known what it moves: what its tenant's requests usually
# do, but no more than this, which small bodies have and large ones soon wait for.
MOST_PREPAID: Final = 64 * 1024
# How much the last request says of what the next one will move.
_LEARNED: Final = 0.1


class Tab:
    """What one tenant has had of a cluster, and what its requests usually cost, in bytes."""

    __slots__ = ("account", "usual")

    def __init__(self, time: VirtualTime) -> None:
        self.account = Account(time)
        self.usual = float(REQUEST_COST)


class Tabs:
    """The tabs of a cluster's tenants. `link` is the cluster's bandwidth, if that is limited: then it charges them.

    `is_contended` tells that somebody waits: what is taken while nobody does is taken from nobody.
    """

    def __init__(self) -> None:
        self.is_contended = False
        self.link: Link | None = None
        self._time = VirtualTime()
        self._tabs: dict[str, Tab] = {}

    def tab(self, tenant: str) -> Tab:
        """What a tenant has had."""
        tab = self._tabs.get(tenant)
        if tab is None:
            tab = self._tabs[tenant] = Tab(self._time)
        return tab

    def settle(self, tenant: str, size: int, prepaid: float, now: float) -> None:
        """A request of a tenant has ended, and moved `size` bytes of body, which a link has charged if there is one."""
        tab = self.tab(tenant)
        cost = size + REQUEST_COST
        tab.usual += (cost - tab.usual) * _LEARNED
        if self.link is None:
            tab.account.charge(cost - prepaid)
        elif prepaid:
            self.link.charge(tab.account, -prepaid, now)

    def prepay(self, tab: Tab, now: float) -> float:
        """A request gets a place for which it waited: what it is charged before its body is, in bytes."""
        prepaid = min(tab.usual, MOST_PREPAID)
        if self.link is None:
            tab.account.charge(prepaid)
        else:
            self.link.charge(tab.account, prepaid, now)
        return prepaid
