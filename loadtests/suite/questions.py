"""The questions that load tests answer, each a module of its name, with the lengths of its short and its long form.

The short form of all takes at most a quarter of an hour on two cores. It shows that everything runs and that no request
is lost; figures that need length are not judged by it (`Finding.least_seconds`). `results/` holds the long form.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Form:
    """Arguments for the module, and about how many seconds it then takes on two cores, for the progress bar."""

    arguments: str
    seconds: float


@dataclass(frozen=True)
class Question:
    """What the module `name` asks. Its answer is NAME.md and NAME.json unless `answer` names it."""

    name: str
    asked: str
    short: Form
    full: Form
    answer: str = ""

    @property
    def file(self) -> str:
        """The name of its answer's files, without suffix."""
        return self.answer or self.name


QUESTIONS = (
    Question(
        "bench",
        "What does a request cost, compared with HAProxy and nginx?",
        short=Form(
            "--rounds 1 --seconds 1 --cases get-4k get-64k get-1m get-8m put-64m tls-4k --proxies s3edge haproxy nginx",
            25,
        ),
        full=Form("--rounds 3 --seconds 3", 420),
    ),
    Question(
        "workers",
        "What does a second worker cost?",
        short=Form("--rounds 1 --seconds 1", 8),
        full=Form("", 115),
    ),
    Question(
        "scale",
        "What changes with more workers, connections, nodes and tenants?",
        short=Form("--seconds 1 --runs workers", 60),
        full=Form("", 900),
    ),
    Question(
        "idle",
        "What do 10,000 idle clients cost?",
        short=Form("--rounds 1 --seconds 2", 12),
        full=Form("", 60),
    ),
    Question(
        "log_cost",
        "What does the access log cost?",
        short=Form("--seconds 1 --runs get-4k", 14),
        full=Form("--seconds 2", 130),
    ),
    Question(
        "qos_cost",
        "What do tenants, limits that are never reached, and capacities cost?",
        short=Form("--seconds 1 --runs get-4k", 20),
        full=Form("--seconds 2", 220),
    ),
    Question(
        "many_tenants",
        "What do 1,000 tenants with limits cost?",
        short=Form("--seconds 1", 14),
        full=Form("--seconds 2", 75),
    ),
    Question(
        "scrape",
        "What does a scrape with 1,000 tenants and 64 nodes cost, and what do clients feel?",
        short=Form("--seconds 4", 35),
        full=Form("", 260),
    ),
    Question(
        "viewers",
        "What do three viewers of the live view cost, and what do they get of 10,000 flows?",
        short=Form("--rounds 1 --seconds 2 --flows 2000", 35),
        full=Form("", 240),
    ),
    Question(
        "page",
        "What does the page make of 10,000 flows, in a real browser?",
        short=Form("--seconds 5 --flows 2000", 25),
        full=Form("", 60),
    ),
    Question(
        "soak",
        "Does anything leak, or fail, in half an hour of all kinds of work and failures?",
        short=Form("--minutes 0.5", 85),
        full=Form("", 1900),
    ),
    Question(
        "killed_nodes",
        "Nodes are killed, one every 2 s",
        short=Form("--seconds 10 --proxies s3edge haproxy", 25),
        full=Form("", 260),
    ),
    Question(
        "frozen_node",
        "A node is frozen for 5 s",
        short=Form("--seconds 6 --proxies s3edge haproxy", 30),
        full=Form("", 180),
    ),
    Question(
        "slow_backend",
        "One of 11 nodes answers later than clients wait (Linkerd's test)",
        short=Form("--seconds 10 --proxies s3edge haproxy", 24),
        full=Form("--seconds 30", 140),
    ),
    Question(
        "fast_errors",
        "A node answers 500 at once",
        short=Form("--seconds 6 --proxies s3edge haproxy", 15),
        full=Form("", 95),
    ),
    Question(
        "throttled_nodes",
        "Nodes take 400 requests/s each and answer SlowDown above that",
        short=Form("--seconds 6 --proxies s3edge haproxy", 15),
        full=Form("--seconds 30", 140),
    ),
    Question(
        "silent_nodes",
        "A node never answers, or drops SYNs",
        short=Form("--seconds 5 --proxies s3edge", 13),
        full=Form("--seconds 15", 200),
    ),
    Question(
        "disagreeing_nodes",
        "Nodes disagree about an object, and die",
        short=Form("--seconds 6 --proxies s3edge haproxy", 15),
        full=Form("--seconds 15", 85),
    ),
    Question(
        "uneven_nodes",
        "One node is four times slower",
        short=Form("--seconds 5", 20),
        full=Form("", 100),
    ),
    Question(
        "ceph_failover",
        "Gateways of a Ceph cluster are killed under boto3",
        short=Form("--seconds 8 --proxies s3edge haproxy", 35),
        full=Form("", 290),
    ),
    Question(
        "checkpoints",
        "Checkpoints are written while gateways are killed",
        short=Form("--seconds 10 --proxies s3edge", 35),
        full=Form("", 540),
    ),
    Question(
        "epoch",
        "An epoch of PyTorch's DataLoader while nodes are killed or frozen, one every 5 s",
        short=Form("--seconds 10 --readers boto3 --faults killed --proxies s3edge haproxy", 80),
        full=Form("", 1500),
    ),
    Question(
        "rag_and_training",
        "What does a RAG service feel of a training job, on a normal day?",
        short=Form("--seconds 6 --runs haproxy-expert s3edge-stated", 40),
        full=Form("", 540),
    ),
    Question(
        "runaway",
        "400 connections of one tenant pull 8 MiB objects, another tenant reads 16 KiB",
        short=Form("--seconds 5 --runs s3edge-cap s3edge-adaptive", 40),
        full=Form("--seconds 20", 250),
    ),
    Question(
        "fair_shares",
        "Do tenants share by weight, and equal ones equally?",
        short=Form("--seconds 5 --runs s3edge", 20),
        full=Form("", 200),
    ),
    Question(
        "exact_limits",
        "Do limits hold for the sum over 1, 2 and 4 workers, and when one is killed?",
        short=Form("--seconds 12 --runs '2 workers' '2 workers, one killed'", 30),
        full=Form("", 145),
    ),
    Question(
        "live_reload",
        "Does a reload lose a request, and when is a new limit effective?",
        short=Form("--seconds 5", 37),
        full=Form("", 65),
    ),
    Question(
        "edges",
        "Several s3edge in front of the same nodes: what is lost if one dies?",
        short=Form("--seconds 8 --runs balancer-kill balancer-drain", 25),
        full=Form("", 170),
    ),
    Question(
        "system_limits",
        "What do limits of the operating system do: pipes, the queue of new connections, descriptors?",
        short=Form("--seconds 1", 30),
        full=Form("", 60),
    ),
    Question(
        "matrix",
        "Which S3 clients do what, direct and through s3edge?",
        short=Form("--clients boto3", 25),
        full=Form("", 360),
        answer="clients",
    ),
)
