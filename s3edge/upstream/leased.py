"""What a node, or a cluster as a whole, can take, as limits that several workers hold together."""

from collections.abc import Callable, Mapping
from typing import Final

from s3edge.qos.bucket import Bucket
from s3edge.qos.limiter import CONCURRENCY, LEAST_PART
from s3edge.upstream.places import Places

BANDWIDTH: Final = "bandwidth"


class LeasedCapacity:
    """One capacity; `dimensions` are what all workers together may take of it (see `fleet.leases.Leased`).

    `inflight` tells how many attempts are under way; who wants more asks for `places`. `set_most` takes how many there
    may be from now on. `bucket` is the bandwidth.
    """

    __slots__ = ("_asked", "_bucket", "_inflight", "_places", "_set_most", "dimensions")

    def __init__(
        self,
        inflight: Callable[[], int],
        places: Places,
        set_most: Callable[[int], None],
        most: int | None,
        bucket: Bucket | None,
    ) -> None:
        whole = {CONCURRENCY: most, BANDWIDTH: None if bucket is None else bucket.rate}
        self.dimensions: Mapping[str, float] = {name: each for name, each in whole.items() if each is not None}
        self._inflight = inflight
        self._places = places
        self._asked = places.asked  # as of the last call of `demand`
        self._set_most = set_most
        self._bucket = bucket

    def demand(self, dimension: str) -> tuple[float, bool]:
        """What was taken of the bandwidth since the last call, or is under way; and whether that was too little."""
        bucket = self._bucket
        if dimension == CONCURRENCY or bucket is None:
            # Who may not wait was refused at once, and would never get anything if that did not count.
            asked, self._asked = self._asked, self._places.asked
            return self._inflight(), len(self._places) > 0 or self._asked > asked
        used, is_wanted = bucket.taken, bucket.is_wanted
        bucket.taken, bucket.is_wanted = 0.0, False
        return used, is_wanted

    def lease(self, dimension: str, amount: float, now: float) -> None:
        """This worker may take `amount` from now on."""
        if dimension == CONCURRENCY:
            # A lease that was granted before the capacity changed may be more than there is now.
            self._set_most(int(min(amount, self.dimensions[CONCURRENCY])))
        elif self._bucket is not None:
            whole = self.dimensions[BANDWIDTH]
            self._bucket.change(min(max(amount, whole * LEAST_PART), whole), self._bucket.burst, now)
