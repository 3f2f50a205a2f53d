"""The jobs of the workflows against the stand-in clouds, with the real engine: from the first preview to the end.

The tests are one story and run in their order. No packet flows; GitHub is a pretended one.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.ci.desk import Desk
from tests.engine.leaks import found_in

GOLDEN = Path(__file__).parent / "golden" / "preview.md"
BOTH_UP = {"tunnel-1": "UP", "tunnel-2": "UP"}


def without_ids(text: str) -> str:
    """What is another one in each run: ids, addresses, times."""
    for pattern, word in (
        (r"ocid1\.\w+\.[\w-]+\.[\w.-]*\w", "OCID"),
        (r"\b(ami|i|eni|eipalloc|rtb|subnet|sg|vpc)-[0-9a-f]{8,17}\b", r"\1-ID"),
        (r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "UUID"),
        (r"\b(host-|proof-tunnels-up)[0-9a-f]{7,8}\b", r"\1RANDOM"),
        (r"\b(198\.51\.100|192\.0\.2|203\.0\.113)\.\d+\b", "ADDRESS"),
        (r"[0-9a-f]{40,}", "DIGEST"),
        (r"[A-Za-z0-9+/]{64,}=*", "BASE64"),
    ):
        text = re.sub(pattern, word, text)
    return text


def test_first_preview_is_a_comment(desk: Desk) -> None:
    desk.check("preview", "dev", "--pull-request", "5", COMMIT="1234567890")
    assert re.search(r"^### Preview of `dev` at 1234567: \d\d to create$", desk.comment, re.MULTILINE)
    assert "| 🟢 create | `host-instance` | `aws:ec2/instance:Instance` |  |" in desk.comment


def test_deploy_ends_with_both_tunnels_up_and_a_summary(desk: Desk, tmp_path: Path) -> None:
    desk.check("deploy", "dev", GITHUB_STEP_SUMMARY=str(tmp_path / "summary"))
    assert desk.lab.project.outputs()["tunnelStates"] == BOTH_UP
    assert re.match(r"### `pulumi up` of `dev`: \d\d to create\n\n\| \|", (tmp_path / "summary").read_text())


def test_preview_of_a_change_is_the_same_comment_and_a_reviewer_can_read_it(desk: Desk) -> None:
    desk.lab.configure(pathMtu=1400)
    desk.check("preview", "dev", "--pull-request", "5", COMMIT="abcdef0123")
    assert "1438 => 1338" in desk.comment, "the change of the host's files"
    assert without_ids(desk.comment) == GOLDEN.read_text()


def test_no_key_is_in_any_comment(desk: Desk) -> None:
    assert len(desk.keys) == 2
    assert found_in(desk.comment.encode(), desk.keys) == []
    # The control.
    assert found_in(f"{desk.comment}{desk.keys[0]}".encode(), desk.keys) == desk.keys[:1]


def test_refused_preview_fails_and_says_so_in_the_comment(desk: Desk) -> None:
    desk.lab.configure(pathMtu=1)
    refused = desk.run("preview", "dev", "--pull-request", "5")
    assert refused.returncode != 0
    assert "### Preview of `dev`: it fails\n" in desk.comment
    assert "pathMtu: '1' is refused" in desk.comment


def test_deploy_of_an_update(desk: Desk) -> None:
    desk.lab.configure(pathMtu=1400)
    done = desk.check("deploy", "dev")
    assert "| 🟠 replace | `host-instance` |" in done.stdout
    assert desk.lab.project.outputs()["tunnelStates"] == BOTH_UP


def test_a_stack_that_nobody_touched_has_not_drifted(desk: Desk) -> None:
    desk.check("drift", "dev")
    assert desk.github.issues == []


def test_a_rule_taken_away_behind_pulumis_back_is_found(desk: Desk) -> None:
    [rule] = [
        resource
        for resource in desk.lab.project.export()["deployment"]["resources"]
        if resource["urn"].endswith("::host-tunnel-1-in-udp-4500")
    ]
    desk.ec2.revoke_security_group_ingress(GroupId=rule["inputs"]["securityGroupId"], SecurityGroupRuleIds=[rule["id"]])
    assert desk.run("drift", "dev").returncode == 3
    [issue] = desk.github.issues
    assert (issue["title"], issue["labels"]) == ("Drift: dev", ["drift"])
    assert "host-tunnel-1-in-udp-4500" in issue["body"].split("<details>")[0]
    assert found_in(issue["body"].encode(), desk.keys) == []


def test_a_test_environment_is_a_disposable_stack_of_its_own(desk: Desk) -> None:
    desk.check("environment", "up", "7")
    state = desk.lab.project.run("stack", "output", "tunnelStates", "--stack", "pr-7").check().text
    assert json.loads(state[state.index("{") :]) == BOTH_UP
    assert len(vpcs_of(desk, "pr-7")) == 1


def test_the_next_commit_updates_it_from_a_new_checkout(desk: Desk) -> None:
    """Its stack file is in no repository: each job writes it anew from that of dev."""
    before = vpcs_of(desk, "pr-7")
    (desk.lab.project.directory / "Pulumi.pr-7.yaml").unlink()
    desk.lab.configure(proof=False, alarms=True, alarmEmail="network@example.com")
    desk.check("environment", "up", "7")
    desk.lab.configure(proof=None, alarms=None, alarmEmail=None)
    assert vpcs_of(desk, "pr-7") == before
    resources = desk.lab.project.run("stack", "export", "--stack", "pr-7").check().text
    assert "TunnelCheck" not in resources


def test_one_more_than_the_cap_is_refused(desk: Desk) -> None:
    refused = desk.run("environment", "up", "9", "--cap", "1")
    assert refused.returncode == 1
    assert "error: pr-9 is refused: there are 1 test environments (pr-7), and at most 1 are allowed" in refused.stderr


def test_a_new_checkout_destroys_a_test_environment(desk: Desk) -> None:
    """Its stack file is in no repository: a job that destroys has none."""
    (desk.lab.project.directory / "Pulumi.pr-7.yaml").unlink()
    desk.check("environment", "down", "7")
    assert vpcs_of(desk, "pr-7") == []
    assert "there is none" in desk.check("environment", "down", "7").stderr


def test_destroy_leaves_nothing(desk: Desk) -> None:
    destroyed = desk.lab.project.destroy().check()
    assert {one.op for one in destroyed.operations()} == {"delete"}
    assert desk.lab.leftovers() == {}


def vpcs_of(desk: Desk, stack: str) -> list[str]:
    found = desk.ec2.describe_vpcs(Filters=[{"Name": "tag:stack", "Values": [stack]}])["Vpcs"]
    return [str(one["VpcId"]) for one in found]
