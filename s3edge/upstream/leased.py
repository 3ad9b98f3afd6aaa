"""What a node, or a cluster as a whole, can take, as limits that several workers hold together."""

from collections.abc import Callable, Mapping
from typing import Final

from s3edge.qos.bucket import Bucket
from s3edge.qos.limiter import CONCURRENCY, LEAST_PART

BANDWIDTH: Final = "bandwidth"


class LeasedCapacity:
    """One capacity; `dimensions` are what all workers together may take of it (see `fleet.leases.Leased`).

    `inflight` tells how many attempts are under way, `is_wanted` whether somebody waits for more; `set_most` takes how
    many there may be from now on. `bucket` is the bandwidth.
    """

    __slots__ = ("_bucket", "_inflight", "_is_wanted", "_set_most", "dimensions")

    def __init__(
        self,
        inflight: Callable[[], int],
        is_wanted: Callable[[], bool],
        set_most: Callable[[int], None],
        most: int | None,
        bucket: Bucket | None,
    ) -> None:
        whole = {CONCURRENCY: most, BANDWIDTH: None if bucket is None else bucket.rate}
        self.dimensions: Mapping[str, float] = {name: each for name, each in whole.items() if each is not None}
        self._inflight = inflight
        self._is_wanted = is_wanted
        self._set_most = set_most
        self._bucket = bucket

    def demand(self, dimension: str) -> tuple[float, bool]:
        """What was taken of the bandwidth since the last call, or is under way; and whether that was too little."""
        bucket = self._bucket
        if dimension == CONCURRENCY or bucket is None:
            return self._inflight(), self._is_wanted()
        used, is_wanted = bucket.taken, bucket.is_wanted
        bucket.taken, bucket.is_wanted = 0.0, False
        return used, is_wanted

    def lease(self, dimension: str, amount: float, now: float) -> None:
        """This worker may take `amount` from now on."""
        if dimension == CONCURRENCY:
            self._set_most(int(amount))
        elif self._bucket is not None:
            self._bucket.change(max(amount, self.dimensions[BANDWIDTH] * LEAST_PART), self._bucket.burst, now)
