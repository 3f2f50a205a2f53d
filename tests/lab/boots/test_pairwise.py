"""Each other kind of stack that docs/proven.md lists: `up` with its proof, both tunnels, packets both ways, re-keys.

And what the host sends to CloudWatch, which is for a stand-in here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from lab.clouds.cluster import REGION
from lab.lab import Lab
from lab.machines import Machines
from lab.pairwise import OTHERS, Stack
from tests.engine.given_networks import make_vcn, make_vpc, settings_of
from tests.lab.asking import all_pass, assert_measured, fabric, wait_for_console, wait_until

pytestmark = pytest.mark.long


@pytest.fixture(params=OTHERS, ids=lambda stack: stack.name)
def stack(request: pytest.FixtureRequest) -> Stack:
    chosen: Stack = request.param
    return chosen


@pytest.fixture
def lab(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    started = Lab.start(tmp_path_factory.mktemp("lab"), machines=Machines(flavour=stack.image, systems=(stack.os,)))
    try:
        if stack.networks == "given":
            started.configure(**settings_of(make_vpc(started.clouds), make_vcn(started.clouds)))
        started.configure(**stack.settings, cloudWatchLogDays=1)
        yield started
    finally:
        started.stop()


def test_up_proves_it_and_packets_cross(lab: Lab, stack: Stack) -> None:
    up = lab.project.up()
    assert up.ok, up.text
    assert lab.project.outputs()["tunnelStates"] == {"tunnel-1": "UP", "tunnel-2": "UP"}
    wait_for_console(lab, r"step packages: ok")
    assert_measured(lab, all_pass())
    wait_until(lambda: in_use_by_metric(lab) == {"tunnel-1": 1, "tunnel-2": 1}, "both tunnels' metrics", 150.0)
    assert any("tunnel-keeper: tunnel-1: carries traffic" in line for line in log(lab))
    lab.project.preview("--expect-no-changes").check()
    lab.project.destroy().check()
    assert fabric(lab).hosts.machine is None, "the instance's machine has ended with it"


def log(lab: Lab) -> list[str]:
    """What CloudWatch has of this host."""
    logs, outputs = lab.clouds.aws.client("logs", REGION), lab.project.outputs()
    where = {"logGroupName": outputs["logGroup"], "logStreamName": outputs["instanceId"]}
    if not logs.describe_log_streams(logGroupName=outputs["logGroup"])["logStreams"]:
        return []
    return [event["message"] for event in logs.get_log_events(**where, startFromHead=True)["events"]]


def in_use_by_metric(lab: Lab) -> dict[str, int]:
    """The last value of the metric InUse of each tunnel, in the embedded metric format."""
    metrics = [json.loads(line) for line in log(lab) if line.startswith("{")]
    return {one["Tunnel"]: one["InUse"][-1] for one in metrics if one.get("InUse")}
