"""The memory that a worker reads into: one buffer for all connections, since only one reads at a time."""

from typing import Final

# A head with a body of 64 KiB fits one read. More would be copied in vain, since larger bodies go on by splice.
HEAD_ROOM: Final = 72 * 1024
# A read of a body that is relayed: large enough to be worth its turn of the loop, a quarter of what a flow may hold.
BODY_ROOM: Final = 256 * 1024


class Inbox:
    """A buffer for heads and one for bodies.

    Who passes a part of `body` on without a copy calls `renew_body` when the receiver keeps it.
    """

    __slots__ = ("body", "head")

    def __init__(self) -> None:
        self.head = memoryview(bytearray(HEAD_ROOM))
        self.body = memoryview(bytearray(BODY_ROOM))

    def renew_body(self) -> None:
        """Leave the present body buffer to whoever still needs it."""
        self.body = memoryview(bytearray(BODY_ROOM))
