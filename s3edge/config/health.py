"""How the health of a cluster's nodes is judged: by probes, and by what their live traffic shows."""

import re
from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator, SecretStr, field_serializer, model_validator

from s3edge.config.fault import Refused
from s3edge.config.part import Part
from s3edge.config.units import Seconds, SecondsOrZero, Share, matching, number, one_of, whole_number

# One round of probes a second finds a dead node in about three; a probe costs a node well under a millisecond.
PROBE_INTERVAL = 1.0
PROBE_TIMEOUT = 1.0
# HAProxy's `rise 2 fall 3`: one lost packet takes no node away, one lucky answer brings none back.
PROBE_RISE = 2
PROBE_FALL = 3
# A deep probe writes to disks, so it comes less often; a node whose disks fail it is found within half a minute.
DEEP_INTERVAL = 10.0
DEEP_TIMEOUT = 5.0

# Envoy's `consecutive_5xx`: five failures in a row are no accident on a node that else serves.
EJECT_FAILURES = 5
# Beyond the median of its peers, which any fault of the requests themselves raises, too.
EJECT_ERROR_RATE = 0.2
# Times the median of its peers. Balancing copes with less; a node this slow only adds to the tail.
EJECT_SLOWNESS = 10.0
# A process that was restarted is back in about a second. Each further ejection lasts twice as long.
EJECT_TIME = 1.0
EJECT_LONGEST = 60.0
# Half of a cluster must carry its load; if more than that fails, the cause is seldom the nodes.
EJECT_AT_MOST = 0.5
# A node that comes back has cold caches: it is given its full share over this time (HAProxy's `slowstart`).
SLOW_START = 5.0


class Preset(StrEnum):
    """What a probe asks a node: a vendor's own health path, any S3 answer, one HTTP path, or a TCP connection."""

    MINIO = "minio"
    CEPH = "ceph"
    OBJECTSCALE = "objectscale"
    SCALITY = "scality"
    S3 = "s3"
    HTTP = "http"
    TCP = "tcp"


class WhenNoneIsUp(StrEnum):
    """What becomes of requests when probes and ejections leave no node of a cluster."""

    REFUSE = "refuse"
    USE_ALL = "use_all"


PresetName = Annotated[Preset, BeforeValidator(one_of(Preset))]
PATH_ALLOWED = "a path that begins with / and has no spaces, such as /healthz"
ProbePath = Annotated[str, BeforeValidator(matching(re.compile(r"/[!-~]{0,1023}"), PATH_ALLOWED))]
BUCKET_ALLOWED = "the name of a bucket that exists: 3 to 63 lower-case letters, digits, dots and dashes"
BucketName = Annotated[str, BeforeValidator(matching(re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"), BUCKET_ALLOWED))]
REGION_ALLOWED = "the name of a region, such as us-east-1"
Region = Annotated[str, BeforeValidator(matching(re.compile(r"[a-z0-9-]{1,64}"), REGION_ALLOWED))]
ACCESS_KEY_ALLOWED = "an access key of 1 to 128 letters, digits and signs"
AccessKey = Annotated[str, BeforeValidator(matching(re.compile(r"[!-~]{1,128}"), ACCESS_KEY_ALLOWED))]
# More agreeing probes than this would take longer than an operator waits.
Threshold = Annotated[int, BeforeValidator(whole_number(1, 100))]


def parse_secret(value: object) -> str:
    """A secret that no message shows, not even one that refuses it."""
    if not isinstance(value, str) or not value:
        raise Refused("a secret as text, best as ${NAME} from the environment", found="a secret that is no text")
    return value


Slowness = Annotated[float, BeforeValidator(number(2, 1000))]


class DeepProbe(Part):
    """A canary object that is written, read and deleted at each node, with keys that may do so in `bucket`."""

    bucket: BucketName
    access_key: AccessKey
    secret_key: Annotated[SecretStr, BeforeValidator(parse_secret)]
    region: Region = "us-east-1"
    interval: Seconds = DEEP_INTERVAL
    timeout: Seconds = DEEP_TIMEOUT

    @field_serializer("secret_key", when_used="json")
    def _secret(self, value: SecretStr) -> str:
        return value.get_secret_value()  # a configuration in JSON goes from the supervisor to its workers only


class Health(Part):
    """How nodes are probed: `fall` failed probes in a row take a node away, `rise` good ones give it back.

    A node that comes back is given its full share over `slow_start` seconds.
    """

    preset: PresetName = Preset.S3
    path: ProbePath | None = None
    interval: Seconds = PROBE_INTERVAL
    timeout: Seconds = PROBE_TIMEOUT
    rise: Threshold = PROBE_RISE
    fall: Threshold = PROBE_FALL
    deep: DeepProbe | None = None
    slow_start: SecondsOrZero = SLOW_START
    when_none_is_up: Annotated[WhenNoneIsUp, BeforeValidator(one_of(WhenNoneIsUp))] = WhenNoneIsUp.REFUSE

    @model_validator(mode="after")
    def _path_belongs_to_http(self) -> "Health":
        if self.preset is Preset.HTTP and self.path is None:
            raise Refused("preset http with the path to ask for, such as /healthz", found="preset http without a path")
        if self.preset is not Preset.HTTP and self.path is not None:
            raise Refused("a path with preset http only", found=f"a path with preset {self.preset}")
        return self


class Ejection(Part):
    """When live traffic takes a node away, for how long, and how many of a cluster's nodes at most.

    `failures` in a row; an `error_rate` so much above the median of its peers; a time to first byte of `slowness` times
    the median of its peers. The first ejection lasts `time` seconds, each further one twice as long, up to `longest`.
    Beyond `at_most` of the cluster's nodes, further outliers stay in use.
    """

    failures: Threshold = EJECT_FAILURES
    error_rate: Share = EJECT_ERROR_RATE
    slowness: Slowness = EJECT_SLOWNESS
    time: Seconds = EJECT_TIME
    longest: Seconds = EJECT_LONGEST
    at_most: Share = EJECT_AT_MOST

    @model_validator(mode="after")
    def _longest_is_longest(self) -> "Ejection":
        if self.longest < self.time:
            raise Refused("a longest ejection that is at least the first one", found="longest below time")
        return self
