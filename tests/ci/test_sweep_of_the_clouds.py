"""The sweep against the stand-in clouds, after the real engine has made what there is to sweep.

The tests are one story and run in their order. Not proven: how long the real clouds take to let go of things.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.ci.desk import Desk

MINUTES = ("--minutes", "2")


def vpc(desk: Desk, **tags: str) -> str:
    """Somebody's VPC, with tags of its own."""
    given = [{"Key": key.replace("_", "-"), "Value": value} for key, value in tags.items()]
    specified = [{"ResourceType": "vpc", "Tags": given}] if given else []
    return str(desk.ec2.create_vpc(CidrBlock="10.9.0.0/16", TagSpecifications=specified)["Vpc"]["VpcId"])


@pytest.fixture(scope="module")
def foreign(desk: Desk) -> dict[str, list[str]]:
    """What is in the clouds beside test environments: no tag, another stack's tags, another project's."""
    vpc(desk)
    vpc(desk, managed_by="pulumi", project="aws-oci-libreswan", stack="dev")
    vpc(desk, managed_by="pulumi", project="another", stack="pr-8")
    return desk.lab.leftovers()


@pytest.fixture(scope="module", autouse=True)
def impatient(desk: Desk) -> None:
    """Oracle's 409 is retried for seconds and not for minutes: nobody takes away meanwhile what is in use."""
    retries = desk.lab.project.directory / "oci-retries.json"
    retries.unlink()
    retries.write_text(json.dumps({"409": {"retry_max_duration": 4}}))


def test_a_test_environment_whose_state_is_lost(desk: Desk, foreign: dict[str, list[str]]) -> None:
    desk.lab.configure(proof=False, alarms=True, alarmEmail="network@example.com")
    desk.check("environment", "up", "8")
    desk.lab.project.run("stack", "rm", "--yes", "--force", "--stack", "pr-8").check()
    assert desk.lab.leftovers().keys() >= {*foreign, "subnets", "parameters", "topics", "ipsecconnection", "alarm"}


def test_is_listed_when_its_pull_request_is_closed_and_not_before(desk: Desk) -> None:
    before = desk.lab.leftovers()
    assert desk.check("sweep").stdout == ""
    assert desk.check("sweep", "--yes", *MINUTES).stdout == "nothing is left\n"
    desk.github.closed = {8}
    listed = desk.check("sweep").stdout.splitlines()
    assert all(line.startswith("pr-8: ") and line.endswith(" would be deleted") for line in listed)
    for kind in ("VPC", "instance", "role", "parameter", "topic", "alarm", "IPSec connection", "CPE", "subscription"):
        assert any(line.startswith(f"pr-8: {kind} ") for line in listed), kind
    assert desk.lab.leftovers() == before


def test_and_then_swept_with_all_that_is_in_it(desk: Desk, foreign: dict[str, list[str]]) -> None:
    swept = desk.check("sweep", "--yes", *MINUTES)
    assert swept.stdout.endswith("nothing is left\n")
    assert desk.lab.leftovers() == foreign


IN_FLIGHT = ("aws:ec2/subnet:Subnet", "oci:Core/drgAttachment:DrgAttachment")


def test_what_a_killed_engine_was_making_holds_what_it_is_in(desk: Desk, tmp_path: Path) -> None:
    """In both clouds, and what the one refuses does not hide what the other does."""
    marks = {kind: tmp_path / kind.rsplit(":", 1)[1] for kind in IN_FLIGHT}
    # No CPE, so no connection either: what that holds would keep the address, and with it the VPC, from being tried.
    no_cpe = {"type": "oci:Core/cpe:Cpe", "operation": "create", "delay": 3600}
    desk.lab.inject(no_cpe, *(hold(kind, mark) for kind, mark in marks.items()))
    job = desk.start("environment", "up", "8")
    deadline = time.monotonic() + 120
    while not all(mark.exists() for mark in marks.values()):
        assert job.poll() is None, "the job has ended"
        assert time.monotonic() < deadline, "nothing was made"
        time.sleep(0.1)
    kill(job)
    desk.lab.inject()
    refused = desk.run("environment", "down", "8")
    assert refused.returncode != 0
    assert {kind for kind in IN_FLIGHT if f"{kind}::" not in refused.stderr} == set()
    assert "DependencyViolation" in refused.stderr
    assert "409-Conflict" in refused.stderr
    left = desk.lab.leftovers()
    assert json.loads(marks["aws:ec2/subnet:Subnet"].read_text())["id"] in left["subnets"]
    assert json.loads(marks["oci:Core/drgAttachment:DrgAttachment"].read_text())["id"] in left["drgattachment"]


def hold(kind: str, mark: Path) -> dict[str, object]:
    """The engine does not hear that the cloud has made one of these; the mark gets its id."""
    return {"type": kind, "operation": "created", "delay": 3600, "mark": str(mark)}


def test_the_sweep_takes_both_away(desk: Desk, foreign: dict[str, list[str]]) -> None:
    said = desk.check("sweep", "--yes", *MINUTES).stdout
    assert "pr-8: its stack could not be destroyed; what carries its tags is deleted nevertheless\n" in said
    assert said.endswith("nothing is left\npr-8: its stack is destroyed once more\n")
    assert desk.lab.leftovers() == foreign
    assert "there is none" in desk.check("environment", "down", "8").stderr


def test_a_stack_that_is_still_there_is_destroyed_first(desk: Desk, foreign: dict[str, list[str]]) -> None:
    desk.check("environment", "up", "8")
    swept = desk.check("sweep", "--yes", *MINUTES)
    assert swept.stdout == "pr-8: its stack is still there, and is destroyed\nnothing is left\n"
    assert desk.lab.leftovers() == foreign


def kill(job: subprocess.Popen[str]) -> None:
    """The job with all it has started, at once: as a runner that is switched off."""
    for group in sessions_of(job.pid):
        with suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)
    job.wait(30)


def sessions_of(parent: int) -> set[int]:
    """The process groups of a process and of all that it has started; some may end while they are looked for."""
    tree, groups = [parent], set()
    while tree:
        process = tree.pop()
        with suppress(FileNotFoundError, ProcessLookupError):
            groups.add(os.getpgid(process))
            for task in Path(f"/proc/{process}/task").iterdir():
                tree += [int(child) for child in (task / "children").read_text().split()]
    return groups
