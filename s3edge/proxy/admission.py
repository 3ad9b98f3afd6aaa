"""Admission: a request that falls under limits starts now, waits for its turn, or is shed before it costs storage.

A request falls under the limits of the whole edge, then under those of its tenant, in each case also under those of its
client's address and of its bucket, and under the rate that the runaway guard holds its tenant or address to. It starts
when all of them have room. Else it waits in the line of the first that has none, and who ends makes room.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from math import inf
from typing import Final

from s3edge.config.qos import Bandwidth, Limits, RequestRates, ScopedLimits
from s3edge.errors import SLOW_DOWN, Overloaded
from s3edge.events import Cause, RequestShed
from s3edge.proxy.client import ClientConnection
from s3edge.proxy.connections import count_in, count_out, found_late, full
from s3edge.proxy.progress import Progress
from s3edge.proxy.refusals import Refusals
from s3edge.proxy.ticket import Ticket, TooLateError
from s3edge.qos.account import Account, VirtualTime
from s3edge.qos.activity import Source
from s3edge.qos.limiter import CONNECTIONS, Limiter, ScopeKind
from s3edge.qos.line import Entry, Line, Reply
from s3edge.qos.scope import Scope
from s3edge.s3.operation import KINDS
from s3edge.transport.wheel import Wheel

EDGE: Final = "edge"
"""The name of the limits of the whole edge."""


class Admission:
    """Admits the requests of one worker; `part` is what it has of each limit until the ledger says how much.

    `is_edge_limited` tells that all requests fall under limits, and not only those whose policy says some. `hits` says
    how often who waited or was shed by what: by policy, kind of scope, limit, and `waited` or `shed`.
    """

    def __init__(self, limits: ScopedLimits, fine: Wheel, part: float = 1.0) -> None:
        self._part = part
        self._now = fine.now
        self._edge = Scope(EDGE, limits, part)
        self._scopes: dict[tuple[str, str], Scope] = {}  # (policy that says the limits, tenant)
        self._held: dict[Source, Limiter] = {}  # by what the guard holds a tenant or a client address to
        self._lines: dict[Limiter, Line] = {}
        self._due: dict[Limiter, float] = {}  # when time alone may let somebody start who waits there, or end a wait
        self._tickets: dict[Ticket, None] = {}  # of all who wait, in the order in which they came
        self._time = VirtualTime()
        self._accounts: dict[str, Account] = {}
        self._refusals = Refusals(fine.now)
        self._timer = fine.timer(self._tick)
        self.hits: defaultdict[tuple[str, ...], int] = defaultdict(int)
        self.is_edge_limited = self._limits_all()

    @property
    def waiting(self) -> int:
        """Requests that wait to start."""
        return sum(len(line) for line in self._lines.values())

    def concerns(self, progress: Progress) -> bool:
        """Whether the request falls under any limits."""
        return self.is_edge_limited or progress.plan.limits is not None

    def enter(self, progress: Progress, now: float) -> bool:
        """Whether the request has started; else it has to `wait`, perhaps since its connection is one too many."""
        kind = KINDS[progress.request.operation]
        if not self.is_edge_limited:  # most often there are only the limits of the tenant
            scope = self._scope(progress)
            if scope is not None and scope.alone is not None:
                (own,) = scope.alone
                if scope.counts_connections and own not in progress.client.counted_by and self._full(progress):
                    return False
                progress.limiters = scope.alone
                progress.is_admitted = is_admitted = own.enter(kind, now)
                return is_admitted
        if self._full(progress) is not None:
            return False
        limiters = progress.limiters = self._limiters(progress, now)
        for limiter in limiters:
            if limiter.waiting or limiter.delay(kind, now):
                return False
        for limiter in limiters:
            limiter.take(kind, now)
        progress.is_admitted = True
        return True

    async def refuse(self, progress: Progress) -> None:
        """The request is shed, here or before the nodes. A client that does not mind that is to be told so late."""
        self.leave(progress)
        await self._refusals.hold_back(progress.tenant, progress.client.address)

    async def hold_back(self, client: ClientConnection) -> None:
        """The same, for a connection that is one too many."""
        limiter = full(client, self._edge.limiters(client.address, "", self._now()))
        if limiter is not None:
            self._hit(limiter, CONNECTIONS, "shed")
        await self._refusals.hold_back("", client.address)

    def leave(self, progress: Progress) -> None:
        """The request is over, which makes room for others."""
        if not progress.is_admitted:
            return
        progress.is_admitted = False
        if progress.status == 403:
            self._refund_tenant(progress)
        limiters = progress.limiters
        for limiter in limiters:
            limiter.inflight -= 1
        for limiter in limiters:
            if limiter.waiting:
                self._serve(limiter)

    def connect(self, client: ClientConnection) -> bool:
        """A client has connected: whether it may stay."""
        limiters = tuple(self._edge.limiters(client.address, "", self._now()))
        if full(client, limiters) is not None:
            return False
        count_in(client, limiters)
        return True

    async def connect_late(self, client: ClientConnection) -> bool:
        """Whether a client may stay that there was no room for: other workers lend what they do not need."""
        return self._part < 1.0 and await found_late(lambda: client.is_lost or self.connect(client))

    def hold(
        self, source: Source, rate: float | None, bandwidth: float | None, running: Iterable[Progress] = ()
    ) -> None:
        """Hold a source to a rate of requests and of bytes sent per second; to None: let it go.

        `running` are all requests of the source; those that have started wait no more, but fall under the hold.
        """
        now = self._now()
        if rate is None and bandwidth is None:
            held = self._held.pop(source, None)
            if held is not None:
                held.change(Limits(), now)
        else:
            # Not checked: the guard's figures may be less than what an operator may sensibly write.
            limits = Limits.model_construct(
                requests=RequestRates.model_construct(all=rate), bandwidth=Bandwidth.model_construct(sent=bandwidth)
            )
            if source in self._held:
                self._held[source].change(limits, now)
            else:
                self._held[source] = Limiter(limits, part=self._part, name=f"held/{source}", kind=ScopeKind.GUARD)
        self.is_edge_limited = self._limits_all()
        for progress in running:
            self._move(progress, now)
        self.serve()

    def change(
        self, limits: ScopedLimits, policies: Mapping[str, ScopedLimits], clients: Collection[ClientConnection]
    ) -> None:
        """Take other limits of the edge, and of the policies that say any; `clients` are all that are connected.

        Their requests, whose plans are new already, fall under them. One that has started waits for none of them any
        more; one that waits starts, or waits again, in the order in which they came.
        """
        now = self._now()
        self._edge.change(limits, now)
        for key, scope in list(self._scopes.items()):
            scope.change(policies.get(key[0], ScopedLimits()), now)
            if key[0] not in policies:
                del self._scopes[key]
        self.is_edge_limited = self._limits_all()
        for client in clients:
            count_in(client, self._edge.limiters(client.address, "", now))
            if client.progress is not None:
                self._move(client.progress, now)
        self._line_up_anew(now)

    def limiters(self) -> Iterator[tuple[str, Limiter]]:
        """All limiters at work, by names that are the same in every worker."""
        yield from self._edge.all_limiters()
        for scope in self._scopes.values():
            yield from scope.all_limiters()
        for limiter in self._held.values():
            yield limiter.name, limiter

    def serve(self) -> None:
        """Something has changed: let those start who may."""
        for limiter in list(self._lines):
            self._serve(limiter)

    def close(self) -> None:
        """Admit nobody any more who waits."""
        self._timer.drop()

    def _limits_all(self) -> bool:
        edge = self._edge
        return edge.own is not None or edge.clients is not None or edge.buckets is not None or bool(self._held)

    def _limiters(self, progress: Progress, now: float) -> tuple[Limiter, ...]:
        """What the request falls under, the widest first."""
        client, bucket = progress.client, progress.request.bucket
        found: list[Limiter] = []
        if self.is_edge_limited:
            found += self._edge.limiters(client.address, bucket, now)
            if self._held:
                found += [self._held[each] for each in progress.sources if each in self._held]
        scope = self._scope(progress)
        if scope is not None:
            found += scope.limiters(client.address, bucket, now)
        return tuple(found)

    def _scope(self, progress: Progress) -> Scope | None:
        plan = progress.plan
        if plan.limits is None:
            return None
        key = (plan.limits_of, progress.tenant)
        scope = self._scopes.get(key)
        if scope is None:
            name = f"{plan.limits_of}/{progress.tenant}"
            scope = self._scopes[key] = Scope(name, plan.limits, self._part, plan.limits_of)
        return scope

    def _full(self, progress: Progress) -> Limiter | None:
        """The limit that its connection is one too many for, if any. It is a tenant's from its first request on."""
        scope, client = self._scope(progress), progress.client
        if scope is None or not scope.counts_connections:
            return None
        limiters = tuple(scope.limiters(client.address, "", self._now()))
        found = full(client, limiters)
        if found is None:
            count_in(client, limiters)
        return found

    async def _wait_for_connection(self, progress: Progress) -> None:
        """As `connect_late`. Raises `Overloaded`, which ends the connection."""
        found = self._full(progress)
        if found is None or (self._part < 1.0 and await found_late(lambda: self._full(progress) is None)):
            return
        error = self._shed(progress, found, "too many connections are open", CONNECTIONS)
        error.ends_connection = True
        raise error

    def _limiters_anew(self, progress: Progress, now: float) -> tuple[Limiter, ...]:
        """As `_limiters`, for one that is here already: its connection counts, and is no longer one too many."""
        scope, client = self._scope(progress), progress.client
        if scope is not None and scope.counts_connections:
            count_in(client, scope.limiters(client.address, "", now))
        return self._limiters(progress, now)

    def _move(self, progress: Progress, now: float) -> None:
        if progress.limiters and not progress.is_admitted:
            return  # it waits, or was refused
        limiters = self._limiters_anew(progress, now) if self.concerns(progress) else ()
        for limiter in limiters:
            limiter.inflight += 1
        for limiter in progress.limiters:
            limiter.leave()
        progress.limiters = limiters
        progress.is_admitted = bool(limiters)

    def _account(self, progress: Progress) -> Account:
        account = self._accounts.get(progress.tenant)
        if account is None:
            account = self._accounts[progress.tenant] = Account(self._time)
        account.weight = progress.plan.weight
        return account

    async def wait(self, progress: Progress) -> None:
        """Wait until the request may start. Raises `Overloaded` where its queue is full, or the wait too long."""
        if not progress.limiters:
            await self._wait_for_connection(progress)
            if progress.is_admitted or self.enter(progress, self._now()):
                return
        queue, now = progress.plan.queue, self._now()
        kind = KINDS[progress.request.operation]
        ticket = Ticket(self._account(progress), progress, kind, now + queue.wait)
        blocks = (limiter for limiter in progress.limiters if limiter.waiting or limiter.delay(kind, now))
        blocking = next(blocks, progress.limiters[0])  # time may have gone on since it was found that one does
        is_full = len(blocking.waiting) >= queue.length
        if not (queue.wait and queue.length) or (is_full and not self._displaces(ticket, blocking)):
            raise self._shed(progress, blocking, f"{len(blocking.waiting)} requests wait already")
        self._hit(blocking, blocking.blocks(kind, now), "waited")
        self._stand(ticket, blocking, now)
        self._tickets[ticket] = None
        try:
            await ticket.turn
        except TooLateError as late:
            raise self._shed(progress, ticket.limiter or blocking, str(late)) from None
        finally:
            del self._tickets[ticket]
            if ticket.is_waiting and ticket.line is not None:
                ticket.line.remove(ticket)

    def _stand(self, ticket: Ticket, limiter: Limiter, now: float) -> None:
        line = self._lines.get(limiter)
        if line is None:
            line = self._lines[limiter] = limiter.waiting = Line(sheds=False)
        ticket.line, ticket.limiter = line, limiter
        line.add(ticket, now)
        self._due[limiter] = now
        if self._timer.due == inf:
            self._timer.set(0.0)

    def _line_up_anew(self, now: float) -> None:
        waiting = [ticket for ticket in self._tickets if ticket.is_waiting]
        for ticket in waiting:
            assert ticket.line is not None
            ticket.line.remove(ticket)
        for limiter in self._lines:
            limiter.waiting = ()
        self._lines.clear()
        self._due.clear()
        for ticket in waiting:
            progress = ticket.progress
            ticket.account, ticket.priority = self._account(progress), progress.plan.priority
            progress.limiters = self._limiters_anew(progress, now)
            for limiter in progress.limiters:
                if limiter.waiting or limiter.delay(ticket.kind, now):
                    self._stand(ticket, limiter, now)
                    break
            else:
                ticket.start(now)

    def _displaces(self, ticket: Ticket, limiter: Limiter) -> bool:
        """Whether the ticket gets the place of one that waits in a full line."""
        line = self._lines.get(limiter)
        displaced = None if line is None else line.displace(ticket)
        if displaced is None:
            return False
        assert isinstance(displaced, Ticket)
        displaced.refuse("requests of a higher priority, or of tenants with fewer of them, wait")
        return True

    def _serve(self, limiter: Limiter) -> None:
        """Let those start who wait for `limiter`, as far as there is room."""
        line, now = self._lines.get(limiter), self._now()
        if line is None:
            return
        for entry in line.overdue(now):
            assert isinstance(entry, Ticket)
            entry.refuse("it has waited for as long as its policy allows")
        moved: list[tuple[Ticket, Limiter]] = []
        soonest = inf

        def offer(entry: Entry) -> Reply:
            nonlocal soonest
            assert isinstance(entry, Ticket)
            if entry.turn.done():
                return Reply.TAKEN  # who waited for it leaves in this very moment
            delay = limiter.delay(entry.kind, now)
            if delay:
                soonest = min(soonest, delay)
                return Reply.NONE if delay == inf else Reply.NOT_THIS
            for other in entry.progress.limiters:
                if other is not limiter and other.delay(entry.kind, now):
                    moved.append((entry, other))
                    return Reply.TAKEN
            entry.start(now)
            return Reply.TAKEN

        line.serve(now, offer)
        for ticket, other in moved:
            self._stand(ticket, other, now)
        if len(line):
            self._due[limiter] = min(now + soonest, line.first_deadline)
        else:
            del self._lines[limiter], self._due[limiter]
            limiter.waiting = ()

    def _tick(self) -> None:
        """Time has made room, or has run out for some who wait; who ends makes room, too."""
        now = self._now()
        for limiter in [limiter for limiter, due in self._due.items() if due <= now]:
            self._serve(limiter)
        if self._lines:
            self._timer.set(0.0)

    def _hit(self, limiter: Limiter, limit: str, event: str) -> None:
        """A limit has had no room for somebody; the empty one has, behind others for whom there is none."""
        self.hits[limiter.policy, limiter.kind, limit or "turn", event] += 1

    def _shed(self, progress: Progress, limiter: Limiter, reason: str, limit: str = "") -> Overloaded:
        progress.shed_at = self._limited_by(progress, limiter)
        cause = Cause.GUARD if limiter.kind is ScopeKind.GUARD else Cause.LIMIT
        limit = limit or limiter.blocks(KINDS[progress.request.operation], self._now())
        reason += f" ({limit} of {limiter.name})" if limit else f" ({limiter.name})"
        self._hit(limiter, limit, "shed")
        progress.note(RequestShed("", progress.subject, progress.tenant, cause, reason))
        return Overloaded(f"More is asked for than is allowed: {reason}.", code=SLOW_DOWN)

    def _limited_by(self, progress: Progress, limiter: Limiter) -> tuple[Source, ...]:
        """Whose limit it is: a limit of the whole edge is that of whoever meets it."""
        tenant, client = progress.sources
        if limiter.kind is ScopeKind.CLIENT or limiter is self._held.get(client):
            return (client,)
        is_of_edge = not limiter.policy and limiter.kind is not ScopeKind.GUARD
        return (tenant, client) if is_of_edge else (tenant,)

    def _refund_tenant(self, progress: Progress) -> None:
        """A node has refused the request: it was perhaps not the tenant's, and counts for its client's address only."""
        for limiter in progress.limiters:
            if limiter.policy and limiter.kind is not ScopeKind.CLIENT:
                limiter.refund(KINDS[progress.request.operation])
                count_out(progress.client, limiter)
