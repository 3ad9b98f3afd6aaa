"""What `s3edge explain` prints, and that it can be written into a policy file as it is."""

from io import StringIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from s3edge.config.model import Config
from s3edge.config.policy import SECTIONS, Policy
from s3edge.config.qos import Guard, ScopedLimits
from s3edge.config.reading import read_document
from s3edge.config.resilience import Failover, Hedge, Queue, Resume
from s3edge.explain import Question, explain, section_text
from s3edge.s3.operation import Operation

CONFIG = Config.model_validate(
    {
        "clusters": [{"name": "minio", "nodes": ["http://a"]}],
        "tenants": [
            {"name": "rag", "access_keys": ["AKRAG"]},
            {"name": "training", "access_keys": ["AKTRAIN"], "networks": ["10.8.0.0/16"]},
        ],
        "policies": [
            {"policy": "interactive", "match": {"tenants": ["rag"]}, "priority": "interactive"},
            {"policy": "tmp", "match": {"classes": ["write", "list"], "prefixes": ["tmp/"]}, "weight": 0.5},
            {
                "policy": "training",
                "match": {"tenants": ["training"], "buckets": ["*"]},
                "limits": {"bandwidth": {"sent": "200MiB/s"}, "per_client": {"requests": {"list": "30/m"}}},
            },
        ],
    }
)
EVERYTHING: dict[str, Any] = {
    "route": ["minio", "cold"],
    "priority": "background",
    "weight": 0.25,
    "limits": {
        "requests": {"all": "500/s", "list": "30/m", "write": "7/h"},
        "bandwidth": {"received": "1.5GB/s", "sent": "200MiB/s"},
        "connections": 256,
        "burst": "1500ms",
        "per_client": {"concurrency": 7},
        "per_bucket": {"bandwidth": "1MiB/s"},
    },
    "guard": {"mode": "off", "connections": "90/m", "repeats": "99.5%", "bandwidth": "1GiB/s"},
    "balance": "consistent_hash",
    "failover": {"attempts": 2, "patience": "250ms", "buffer": "64KiB"},
    "hedge": {"quantile": "99.9%", "budget": "2.5%"},
    "resume": False,
    "queue": {"length": 0, "wait": 0},
}


def explained(**asked: Any) -> list[str]:
    """The printed lines that are not empty, with single blanks."""
    nothing = {"bucket": "", "key": "", "access_key": None, "address": "10.8.1.2"}
    out = StringIO()
    explain(CONFIG, Question(**{"operation": Operation.GetObject, **nothing, **asked}), Console(file=out, width=200))
    lines = (" ".join(line.split()) for line in out.getvalue().splitlines())
    return [line for line in lines if line.strip("─")]


def test_it_prints_request_tenant_sections_and_policies() -> None:
    lines = explained(bucket="datasets", key="train/1")
    assert lines[:7] == [
        'request GetObject (read), bucket "datasets", key "train/1"',
        "tenant training: no access key is claimed, and 10.8.1.2 is in 10.8.0.0/16 of training",
        "section value decided by",
        "route [minio] (default)",
        "priority normal (default)",
        "weight 1 (default)",
        "limits {bandwidth: {sent: 200MiB/s}, burst: 250ms, per_client: {requests: {list: 30/m}, burst: 250ms}} "
        "training",
    ]
    assert lines[-4:] == [
        "policies, in their order",
        'interactive does not match: tenants: found "training", wanted "rag"',
        'tmp does not match: classes: found "read", wanted "write" or "list"; prefixes: found "train/1", wanted "tmp/"',
        "training matches",
    ]


def test_a_claimed_key_comes_before_the_address() -> None:
    lines = explained(access_key="AKRAG")
    assert lines[:2] == ["request GetObject (read)", "tenant rag: rag has the access key AKRAG"]
    assert lines[4].split() == ["priority", "interactive", "interactive"]


def test_what_a_request_lacks_is_found_as_nothing() -> None:
    lines = explained(operation=Operation.ListBuckets)
    assert lines[-2:] == [
        'tmp does not match: prefixes: found nothing, wanted "tmp/"',
        'training does not match: buckets: found nothing, wanted "*"',
    ]


def test_a_key_that_is_no_text_is_printed_with_escapes() -> None:
    assert explained(bucket="[b]", key="k\udcff")[0] == r'request GetObject (read), bucket "[b]", key "k\udcff"'


def test_without_policies_all_is_default() -> None:
    out = StringIO()
    question = Question(Operation.PutObject, "b", "k", None, "127.0.0.1")
    explain(CONFIG.model_copy(update={"policies": ()}), question, Console(file=out, width=120))
    assert out.getvalue().count("(default)") == len(SECTIONS)
    assert "policies" not in out.getvalue()


@pytest.mark.parametrize(
    "value, text",
    [
        (None, "none"),
        (("minio", "cold"), "[minio, cold]"),
        (0.25, "0.25"),
        (Failover(), "{attempts: 3, budget: 20%, deadline: 1m, patience: 500ms, buffer: 1MiB}"),
        (Hedge(quantile=0.999), "{quantile: 99.9%, budget: 5%}"),
        (Resume(times=0), "{times: 0, stall: 1s}"),
        (Queue(wait=0.0), "{length: 256, wait: 0s}"),
        (
            Guard(),
            "{mode: enforce, factor: 10, baseline: 10m, requests: 50/s, bandwidth: 100MiB/s, errors: 20/s, "
            "lists: 20/s, connections: 20/s, repeats: 90%, hold: 30s, least: 5/s}",
        ),
        (ScopedLimits(), "{burst: 250ms}"),
        (
            ScopedLimits.model_validate({"requests": "90/m", "connections": 9, "per_bucket": {"bandwidth": 1000}}),
            "{requests: {all: 90/m}, connections: 9, burst: 250ms, "
            "per_bucket: {bandwidth: {received: 1000B/s, sent: 1000B/s}, burst: 250ms}}",
        ),
    ],
)
def test_a_section_is_written_with_its_units(value: object, text: str) -> None:
    assert section_text(value) == text


def test_a_section_can_be_written_into_a_policy_file_as_it_is_printed() -> None:
    assert set(EVERYTHING) == set(SECTIONS)
    policy = Policy.model_validate({"policy": "p", **EVERYTHING})
    printed = "".join(f"{section}: {section_text(getattr(policy, section))}\n" for section in SECTIONS)
    assert Policy.model_validate(read_document(f"policy: p\n{printed}", "p.yaml", {}).data) == policy


@given(st.floats(1 / 3600, 1e6), st.integers(1000, 1 << 40))
def test_a_rate_is_printed_as_it_is_read(requests: float, sent: int) -> None:
    limits = ScopedLimits.model_validate({"requests": requests, "bandwidth": {"sent": sent}})
    text = section_text(limits)
    again = ScopedLimits.model_validate(read_document(text, "p.yaml", {}).data)
    assert again.requests.all == pytest.approx(requests, rel=1e-5)
    assert again.bandwidth.sent == sent
