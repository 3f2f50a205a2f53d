"""What fails on the way, and `destroy`: with a cloud's refusals, a killed engine, Ctrl-C, protection and any order.

After each of them `up` again ends well, or `destroy` alone leaves nothing in either cloud. Refusals and delays are
injected into the stand-in plugins. Not proven: that the real clouds refuse with these words.

The tests are one story and run in their order.
"""

from __future__ import annotations

import json
import re

import pytest

from lab.engine.result import Operation
from lab.lab import Lab
from tests.engine.disorder import delays
from tests.engine.interrupted import wait_until_creating

INSTANCE = "aws:ec2/instance:Instance"
COMMAND = "command:local:Command"
IPSEC = "oci:Core/ipsec:Ipsec"
MANAGEMENT = "oci:Core/ipsecConnectionTunnelManagement:IpsecConnectionTunnelManagement"
PARAMETER = "aws:ssm/parameter:Parameter"

NO_CAPACITY = "creating EC2 Instance: InsufficientInstanceCapacity: no t3.small in us-east-1a at the moment"


def destroy_in_disorder(lab: Lab, seed: int, longest: float) -> None:
    """Every type is deleted later, by a random time of its own: at the first try, and nothing is left."""
    lab.inject(*delays(seed, "delete", longest))
    destroyed = lab.project.destroy().check()
    lab.inject()
    assert {one.op for one in destroyed.operations()} == {"delete"}
    assert "resources" not in lab.project.export()["deployment"]
    assert lab.leftovers() == {}


def test_destroy_after_a_failed_up_leaves_nothing(lab: Lab) -> None:
    lab.inject({"type": INSTANCE, "operation": "create", "error": NO_CAPACITY})
    up = lab.project.up()
    assert not up.ok
    assert up.failures() == [Operation("create", INSTANCE, "host-instance")]
    assert NO_CAPACITY in up.text
    assert "Traceback" not in up.text
    destroy_in_disorder(lab, seed=1, longest=1.5)


@pytest.mark.parametrize(
    ("kind", "name", "error"),
    [
        (
            COMMAND,
            "oci-tunnel-1-ready",
            'exit status 1: running "./commands/run wait-for-tunnels": not ready after 1200 s',
        ),
        (MANAGEMENT, "oci-tunnel-2", "409-IncorrectState: the tunnel is PROVISIONING"),
        (PARAMETER, "host-tunnel-2-key", "creating SSM Parameter: AccessDeniedException: not authorized"),
    ],
)
def test_up_stops_at_what_a_cloud_refuses_and_says_so(lab: Lab, kind: str, name: str, error: str) -> None:
    lab.configure(disposable=False)
    lab.inject({"type": kind, "operation": "create", "name": name, "error": error})
    up = lab.project.up()
    assert not up.ok
    assert up.failures() == [Operation("create", kind, name)]
    assert error in up.text
    assert "Traceback" not in up.text
    assert INSTANCE not in {one.type for one in up.operations()}


def test_killed_engine_leaves_a_lock_and_the_next_up_ends_well(lab: Lab) -> None:
    lab.inject({"type": INSTANCE, "operation": "create", "delay": 600})
    running = lab.project.start("up", "--yes", "--skip-preview", "--stack", "dev")
    wait_until_creating(lab.project.folder, "host-instance")
    running.kill()
    running.wait()
    lab.inject()
    locked = lab.project.up()
    assert not locked.ok
    assert "the stack is currently locked" in locked.text
    lab.project.run("cancel", "--yes", "--stack", "dev").check()
    up = lab.project.up().check()
    assert "Attempting to deploy or update resources with 1 pending operations" in up.text
    assert [one.name for one in up.operations() if one.op == "create"] == ["host-instance", "proof-tunnels-up"]
    assert lab.project.outputs()["tunnelStates"] == {"tunnel-1": "UP", "tunnel-2": "UP"}


def test_a_refresh_forgets_what_was_pending_and_nothing_changes(lab: Lab) -> None:
    assert len(lab.project.export()["deployment"]["pending_operations"]) == 1
    lab.project.refresh("--clear-pending-creates").check()
    assert "pending_operations" not in lab.project.export()["deployment"]
    lab.project.preview("--expect-no-changes").check()


def test_protected_stack_is_destroyed_on_purpose_only(lab: Lab) -> None:
    """With the preview that a user gets: `--skip-preview` would delete what is not protected before it is refused."""
    refused = lab.project.run("destroy", "--yes", "--stack", "dev")
    assert not refused.ok
    assert re.search(r'resource "urn:\S+::oci-connection" cannot be deleted\s+because it is protected', refused.text)
    lab.project.preview("--expect-no-changes").check()
    lab.project.run("state", "unprotect", "--all", "--yes", "--stack", "dev").check()
    destroy_in_disorder(lab, seed=2, longest=0.5)


def test_interrupted_up_notes_what_it_has_made(lab: Lab) -> None:
    lab.configure(disposable=True)
    lab.inject({"type": IPSEC, "operation": "create", "delay": 600})
    running = lab.project.start("up", "--yes", "--skip-preview", "--stack", "dev")
    wait_until_creating(lab.project.folder, "oci-connection")
    running.interrupt()
    interrupted = running.wait(60)
    assert not interrupted.ok
    assert MANAGEMENT not in {one.type for one in interrupted.operations()}
    lab.inject()
    kinds = {resource["type"] for resource in lab.project.export()["deployment"]["resources"]}
    assert IPSEC in kinds
    destroy_in_disorder(lab, seed=3, longest=0.5)


def test_amazon_never_refused_an_order(lab: Lab) -> None:
    """
    No guard was ever hit, such as an address before its gateway, or a group still in use: what depends is declared,
    not tried again. The one exception is the provider's own: since the refresh the address's state knows of its
    association, so that the address's delete ends it once more.
    """
    calls = [json.loads(line) for line in (lab.clouds.folder / "aws-calls.jsonl").read_text().splitlines()]
    assert {call["status"] for call in calls if call["operation"] == "AssociateAddress"} == {200}
    assert {call["operation"] for call in calls if call["status"] >= 400} <= {"DisassociateAddress"}
