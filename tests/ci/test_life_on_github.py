"""The jobs of the workflows against the stand-in clouds, with the real engine: from the first preview to the sweep.

The tests are one story and run in their order. No packet flows; GitHub is a pretended one.
"""

from __future__ import annotations

import json
import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from oci.core.models import CreateVcnDetails

from commands import oci_sign_in
from components.labels import Tags
from lab.clouds.cluster import REGION
from lab.clouds.oci.tunnels import TUNNEL
from lab.lab import COMPARTMENT, Lab
from tests.ci.pretend_github import PretendGitHub
from tests.engine.leaks import found_in

GOLDEN = Path(__file__).parent / "golden" / "preview.md"
PROJECT = "aws-oci-libreswan"
IPSEC = "oci:Core/ipsec:Ipsec"
BOTH_UP = {"tunnel-1": "UP", "tunnel-2": "UP"}


@dataclass(frozen=True)
class Desk:
    """Where a job works: the project's folder, an engine on PATH, and GitHub."""

    lab: Lab
    github: PretendGitHub

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """`ci/run …` as a workflow's step runs it."""
        folder = self.lab.project.directory
        environment = {
            name: value for name, value in self.lab.project.environment.items() if not name.startswith("GITHUB_")
        }
        # The language host that the lab builds takes the first python on PATH, and there are no plugins to fetch.
        environment["PATH"] = f"{folder / '.venv' / 'bin'}:{environment['PATH']}"
        environment["PULUMI_OPTION_SKIP_PLUGIN_PRE_INSTALL"] = "true"
        return subprocess.run(
            [folder / "ci" / "run", *arguments],
            cwd=folder,
            env={**environment, **self.github.environment, **variables},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def check(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        done = self.run(*arguments, **variables)
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    @property
    def comment(self) -> str:
        """The one comment on pull request 5."""
        [found] = [one for one in self.github.comments if one["number"] == 5]
        return str(found["body"])

    @property
    def keys(self) -> list[str]:
        """The tunnels' keys as Oracle has them."""
        store = self.lab.clouds.oci.store
        with store.lock:
            return [str(tunnel.private["shared secret"]) for tunnel in store.of(TUNNEL)]

    @property
    def ec2(self) -> Any:
        return self.lab.clouds.aws.client("ec2", REGION)

    @property
    def oci(self) -> Any:
        """Oracle's client, with the sign-in of the stack."""
        text = self.lab.project.run("config", "--json", "--stack", "dev").check().text
        config = json.loads(text[text.index("{") :])
        settings = {key[4:]: one["value"] for key, one in config.items() if key.startswith("oci:")}
        return oci_sign_in.virtual_network_client(settings, self.lab.clouds.environment)


@pytest.fixture(scope="module")
def desk(lab: Lab, github: PretendGitHub) -> Desk:
    return Desk(lab, github)


def without_ids(text: str) -> str:
    """What is another one in each run: ids, addresses, times."""
    for pattern, word in (
        (r"ocid1\.\w+\.[\w-]+\.[\w.-]*\w", "OCID"),
        (r"\b(ami|i|eni|eipalloc|subnet|sg|vpc)-[0-9a-f]{8,17}\b", r"\1-ID"),
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
    desk.lab.configure(proof=False)
    desk.check("environment", "up", "7")
    desk.lab.configure(proof=None)
    assert vpcs_of(desk, "pr-7") == before
    resources = desk.lab.project.run("stack", "export", "--stack", "pr-7").check().text
    assert "TunnelCheck" not in resources


def test_one_more_than_the_cap_is_refused(desk: Desk) -> None:
    refused = desk.run("environment", "up", "9", "--cap", "1")
    assert refused.returncode == 1
    assert "error: pr-9 is refused: there are 1 test environments (pr-7), and at most 1 are allowed" in refused.stderr


def test_a_new_checkout_destroys_a_test_environment(desk: Desk) -> None:
    """Its stack file is not in the repository: a job that destroys has none. The engine was killed in between."""
    lab = desk.lab
    before = lab.leftovers()
    lab.project.run("stack", "init", "pr-8", "--no-select").check()
    lab.project.run("config", "cp", "--stack", "dev", "--dest", "pr-8").check()
    lab.project.run("config", "set", "disposable", "true", "--stack", "pr-8").check()
    lab.inject({"type": IPSEC, "operation": "create", "delay": 600})
    running = lab.project.start("up", "--yes", "--skip-preview", "--stack", "pr-8", "--skip-plugin-pre-install")
    wait_until_creating(lab, "pr-8", "oci-connection")
    running.kill()
    running.wait()
    lab.inject()
    (lab.project.directory / "Pulumi.pr-8.yaml").unlink()
    done = desk.check("environment", "down", "8")
    assert "::oci-connection was being made when an `up` was killed: the sweep looks for it" in done.stderr
    assert lab.leftovers() == before
    assert "there is none" in desk.check("environment", "down", "8").stderr


def test_the_sweep_removes_what_is_left_of_closed_pull_requests_and_nothing_else(desk: Desk) -> None:
    lab = desk.lab
    lab.project.run("stack", "rm", "--force", "--yes", "--stack", "pr-7").check()
    # What a cloud went on making when the engine was killed, and nobody has noted.
    orphan = desk.oci.create_vcn(vcn_details("pr-8")).data.id
    ours = {"dev": PROJECT, "pr-9": PROJECT, "pr-7": "another-project"}
    foreign = [desk.oci.create_vcn(vcn_details(stack, project)).data.id for stack, project in ours.items()]
    foreign += [vpc(desk, stack, project) for stack, project in ours.items()]
    desk.github.closed = {7, 8}

    listed = desk.check("sweep")
    assert f"pr-8: VCN {orphan} would be deleted" in listed.stdout
    assert {line.split(":")[0] for line in listed.stdout.splitlines()} == {"pr-7", "pr-8"}
    there = lab.leftovers()
    assert orphan in there["vcn"], "dry"

    swept = desk.check("sweep", "--yes", "--minutes", "2")
    assert swept.stdout.endswith("nothing is left\n")
    left = {identifier for identifiers in lab.leftovers().values() for identifier in identifiers}
    assert orphan not in left
    assert set(foreign) <= left
    assert vpcs_of(desk, "pr-7") == foreign[-1:], "only that of another project"
    for place, identifier in enumerate(foreign):
        desk.oci.delete_vcn(identifier) if place < len(ours) else desk.ec2.delete_vpc(VpcId=identifier)
    assert desk.run("drift", "dev").returncode == 3, "as before: dev has lost its one rule and nothing else"
    assert desk.github.issues[0]["body"].count("| 🟢 create |") == 1


def test_destroy_leaves_nothing(desk: Desk) -> None:
    destroyed = desk.lab.project.destroy().check()
    assert {one.op for one in destroyed.operations()} == {"delete"}
    assert desk.lab.leftovers() == {}


def vpcs_of(desk: Desk, stack: str) -> list[str]:
    found = desk.ec2.describe_vpcs(Filters=[{"Name": "tag:stack", "Values": [stack]}])["Vpcs"]
    return [str(one["VpcId"]) for one in found]


def vcn_details(stack: str, project: str = PROJECT) -> Any:
    tags = Tags(project=project, stack=stack, given={}).common
    return CreateVcnDetails(
        compartment_id=COMPARTMENT, cidr_blocks=["172.30.0.0/16"], display_name="oci-vcn", freeform_tags=tags
    )


def vpc(desk: Desk, stack: str, project: str) -> str:
    tags = Tags(project=project, stack=stack, given={}).aws("aws-vpc")
    specification = {"ResourceType": "vpc", "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
    made = desk.ec2.create_vpc(CidrBlock="10.30.0.0/16", TagSpecifications=[specification])
    return str(made["Vpc"]["VpcId"])


def wait_until_creating(lab: Lab, stack: str, name: str) -> None:
    """Until the engine has noted in its state that it creates the resource."""
    state = lab.project.folder / "state" / ".pulumi" / "stacks" / PROJECT / f"{stack}.json"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        deployment = json.loads(state.read_text() or "{}").get("checkpoint", {}).get("latest", {})
        pending = deployment.get("pending_operations", [])
        if any(one["type"] == "creating" and one["resource"]["urn"].endswith(f"::{name}") for one in pending):
            return
        time.sleep(0.1)
    raise AssertionError(f"{name} was not being created within a minute")
