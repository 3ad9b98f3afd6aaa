"""At which pace the bodies of a request may move: under the limits that it falls under, over the links of its nodes."""

from collections.abc import Iterable, Iterator

from s3edge.proxy.progress import Progress
from s3edge.proxy.upload import Upload
from s3edge.qos.account import Account, VirtualTime
from s3edge.qos.bucket import Bucket
from s3edge.transport.pacing import Flow, Link, Pacer
from s3edge.transport.transfer import Transfer
from s3edge.upstream.standing import Standing
from s3edge.upstream.tabs import Tabs


class Pacing:
    """Paces the bodies of one worker's requests."""

    def __init__(self, pacer: Pacer) -> None:
        self._pacer = pacer
        self._nobody = Account(VirtualTime())  # for those who share no link with anyone

    def answer(self, progress: Progress, standing: Standing) -> Flow | None:
        """What paces the body of an answer that comes from a node; None if nothing does."""
        caps, link, flow = tuple(_sent(progress)), standing.link, progress.flow
        if flow is None and not caps and link is None:
            return None
        account = self._account(progress, standing.tabs)
        self._give_back(progress, account, link)
        if flow is None:
            flow = progress.flow = self._pacer.flow(account, progress.plan.priority, caps, link)
        else:  # it goes on from another node, or by other limits
            flow.change(account, progress.plan.priority, caps, link)
        return flow

    def upload(self, progress: Progress, upload: Upload, tabs: Tabs) -> None:
        """Pace the body of a request, to whichever node of a cluster it goes; or charge it, if it is all here."""
        caps, link = tuple(_received(progress)), tabs.link
        if not caps and link is None:
            return
        account = self._account(progress, tabs)
        if upload.is_here:
            self._charge(account, caps, link, upload.moved, progress.started)
        else:
            # It has nothing yet: who waits for a place, and may never get one, must not put the link in debt.
            upload.flow = Flow(self._pacer, account, progress.plan.priority, caps, link)

    def charge(self, progress: Progress, standing: Standing, size: int, now: float) -> None:
        """The body of an answer was so small that it has been written at once: `size` bytes."""
        if standing.link is None:
            for limiter in progress.limiters:
                if limiter.sent is not None:
                    limiter.sent.take(size, now)
            return
        account = self._account(progress, standing.tabs)
        self._give_back(progress, account, standing.link)
        self._charge(account, _sent(progress), standing.link, size, now)

    def change(self, progress: Progress) -> None:
        """Other limits hold for a request that is under way, or its policy says another priority or weight."""
        upload, attempt, body = progress.upload, progress.attempt, progress.client.outflow
        if upload is not None and not upload.is_sent:
            self._change_upload(progress, upload, progress.track.first.tabs)
        if attempt is not None and isinstance(body, Transfer):
            body.flow = self.answer(progress, attempt.standing)

    def _change_upload(self, progress: Progress, upload: Upload, tabs: Tabs) -> None:
        caps, link, priority = tuple(_received(progress)), tabs.link, progress.plan.priority
        account = self._account(progress, tabs)
        if upload.flow is not None:
            upload.flow.change(account, priority, caps, link)
        elif caps or link is not None:
            upload.pace(Flow(self._pacer, account, priority, caps, link))

    def _account(self, progress: Progress, tabs: Tabs) -> Account:
        if tabs.link is None:
            return self._nobody
        account = tabs.tab(progress.tenant).account
        account.weight = progress.plan.weight
        return account

    def _give_back(self, progress: Progress, account: Account, link: Link | None) -> None:
        """What was charged for the place is charged for the body now."""
        if progress.prepaid and link is not None:
            link.root.charge(account, -progress.prepaid, progress.started)
            progress.prepaid = 0.0

    def _charge(self, account: Account, caps: Iterable[Bucket], link: Link | None, size: int, now: float) -> None:
        for cap in caps:
            cap.take(size, now)
        if link is not None:
            link.charge(account, size, now)


def _sent(progress: Progress) -> Iterator[Bucket]:
    """The limits of bytes to the client."""
    for limiter in progress.limiters:
        if limiter.sent is not None:
            yield limiter.sent


def _received(progress: Progress) -> Iterator[Bucket]:
    """The limits of bytes from the client."""
    for limiter in progress.limiters:
        if limiter.received is not None:
            yield limiter.received
