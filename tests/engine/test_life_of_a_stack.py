"""The `dev` stack from nothing to nothing, by the real engine: up, preview, updates, replacements, destroy.

The tests are one story and run in their order. What stands in for both clouds is checked elsewhere; no packet flows.
"""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

from moto.iam.models import iam_backends

from lab import rights
from lab.clouds.aws.images import ACCOUNT
from lab.clouds.aws.rights import rights_of
from lab.clouds.cluster import DEPLOYER
from lab.engine.project import REPOSITORY
from lab.engine.result import Result
from lab.lab import USER, Lab
from lab.stack import open_project

CALLERS = {"aws": DEPLOYER, "oci": USER}
INSTANCE = "aws:ec2/instance:Instance"
STASH = "pulumi:index:Stash"
COMMAND = "command:local:Command"
MANAGEMENT = "oci:Core/ipsecConnectionTunnelManagement:IpsecConnectionTunnelManagement"
PARAMETER = "aws:ssm/parameter:Parameter"
ROUTE = "aws:ec2/route:Route"


def replaced(result: Result) -> list[tuple[str, str]]:
    return sorted((one.type, one.name) for one in result.operations() if one.op == "replace")


def others(result: Result) -> list[tuple[str, str, str]]:
    """Every step that is no part of a replacement."""
    replacing = {"replace", "create-replacement", "delete-replaced", "read"}
    return sorted((one.op, one.type, one.name) for one in result.operations() if one.op not in replacing)


def order(result: Result, name: str) -> list[str]:
    return [one.op for one in result.operations() if one.name == name and one.op != "replace"]


HOST_AND_PROOF = [(INSTANCE, "host-instance"), (COMMAND, "proof-tunnels-up")]


def instance(lab: Lab) -> dict[str, object]:
    ec2 = lab.clouds.aws.client("ec2", "us-east-1")
    [reservation] = ec2.describe_instances(Filters=[{"Name": "instance-state-name", "Values": ["running"]}])[
        "Reservations"
    ]
    described: dict[str, object] = reservation["Instances"][0]
    return described


def test_preview_of_an_empty_stack(lab: Lab) -> None:
    preview = lab.project.preview().check()
    assert {one.op for one in preview.operations()} == {"create"}
    assert preview.messages("error") == []
    registered = {(one["type"], one["name"]): one["inputs"] for one in lab.registered()}
    for number in (1, 2):
        assert registered[PARAMETER, f"host-tunnel-{number}-key"]["value"] in ("[unknown]", "[secret]")
        assert registered[MANAGEMENT, f"oci-tunnel-{number}"]["tunnelId"] == "[unknown]"
        rule = registered["aws:ec2/networkAclRule:NetworkAclRule", f"host-tunnel-{number}-in-udp"]
        assert rule["cidrBlock"] == "[unknown]"
    assert registered[INSTANCE, "host-instance"]["userDataBase64"] == "[unknown]"


def test_up_ends_with_both_tunnels_up(lab: Lab) -> None:
    up = lab.project.up().check()
    assert {one.op for one in up.operations()} == {"create"}
    outputs = lab.project.outputs()
    assert outputs["tunnelStates"] == {"tunnel-1": "UP", "tunnel-2": "UP"}
    assert sorted(outputs) == [
        "connectionId",
        "cpeAddress",
        "drgId",
        "headends",
        "instanceId",
        "lookCloser",
        "networkInterfaceId",
        "readme",
        "tunnelIds",
        "tunnelStates",
        "vcnId",
    ]
    assert list(outputs["tunnelIds"].values()) == sorted(outputs["tunnelIds"].values())


def test_the_hosts_role_may_read_its_two_keys_and_no_other_parameter(lab: Lab) -> None:
    parameters = "arn:aws:ssm:us-east-1:123456789012:parameter"
    own = [f"{parameters}/libreswan/aws-oci-libreswan/dev/tunnel-{number}/pre-shared-key" for number in (1, 2)]
    others = [f"{parameters}/ours/database", own[0].replace("/dev/", "/prod/"), own[0].replace("tunnel-1", "tunnel-3")]
    iam = iam_backends[ACCOUNT]["aws"]
    [role] = iam.roles.values()
    given = rights_of(iam, role)
    assert [arn for arn in (*own, *others) if given.refusal("ssm:GetParameter", arn) is None] == own
    assert given.refusal("ssmmessages:OpenDataChannel", "*") is None


def test_nothing_changes_in_a_second_preview(lab: Lab) -> None:
    lab.project.preview("--expect-no-changes").check()


def test_nothing_changes_after_a_refresh(lab: Lab) -> None:
    lab.project.preview("--refresh", "--expect-no-changes").check()


def test_nothing_changes_from_another_checkout(lab: Lab, tmp_path: Path) -> None:
    """A colleague's machine: another path, the same state."""
    checkout = tmp_path / "elsewhere"
    checkout.mkdir()
    for item in REPOSITORY.iterdir():
        if item.is_dir() and not item.is_symlink() and not item.name.startswith("."):
            shutil.copytree(item, checkout / item.name, ignore=shutil.ignore_patterns("__pycache__"))
        elif item.is_file():
            shutil.copy(item, checkout)
    (checkout / ".venv").symlink_to((REPOSITORY / ".venv").resolve())
    shutil.copy(lab.project.stack_file, checkout)
    project = open_project(tmp_path / "stack", lab.clouds.environment, checkout)
    shutil.copytree(lab.project.folder / "state", project.folder / "state", dirs_exist_ok=True)
    project.attach({name: plugin.port for name, plugin in lab.clouds.plugins.items()})
    project.preview("--expect-no-changes").check()


def test_change_of_user_data_replaces_the_host_and_its_proof(lab: Lab) -> None:
    lab.configure(pathMtu=1400)
    preview = lab.project.preview("--diff").check()
    assert "1438 => 1338" in preview.text, "a reviewer reads the change of the host's files"
    assert "~ userDataBase64" not in preview.text, "and not that of the compressed form"
    up = lab.project.up().check()
    assert replaced(up) == HOST_AND_PROOF
    assert others(up) == [("update", STASH, "host-user-data")]
    assert order(up, "host-instance") == ["delete-replaced", "create-replacement"]
    assert lab.project.outputs()["tunnelStates"] == {"tunnel-1": "UP", "tunnel-2": "UP"}


def test_newer_image_changes_nothing_also_when_the_host_is_replaced(lab: Lab) -> None:
    before = instance(lab)["ImageId"]
    newer = lab.clouds.aws.publish_image("us-east-1", "debian-13", "x86_64")
    assert newer != before
    lab.project.preview("--expect-no-changes").check()
    lab.configure(pathMtu=1500)
    assert replaced(lab.project.up().check()) == HOST_AND_PROOF
    assert instance(lab)["ImageId"] == before


def test_image_revision_moves_to_the_newest_image(lab: Lab) -> None:
    before = instance(lab)["ImageId"]
    lab.configure(imageRevision=2)
    up = lab.project.up().check()
    assert replaced(up) == sorted([*HOST_AND_PROOF, (STASH, "host-image")])
    assert others(up) == []
    assert instance(lab)["ImageId"] != before


def test_another_os_replaces_the_host_its_image_and_its_proof(lab: Lab) -> None:
    lab.configure(hostOs="debian-12")
    up = lab.project.up().check()
    assert replaced(up) == sorted([*HOST_AND_PROOF, (STASH, "host-image")])
    assert others(up) == [("update", STASH, "host-user-data")]
    assert order(up, "host-instance") == ["delete-replaced", "create-replacement"]


def test_another_tag_reaches_everything_and_replaces_nothing(lab: Lab) -> None:
    lab.configure(tags={"cost-centre": "4711"})
    up = lab.project.up().check()
    assert {one.op for one in up.operations()} == {"update"}
    tagged = [
        tags
        for resource in lab.project.export()["deployment"]["resources"]
        for key in ("tags", "freeformTags")
        if (tags := resource.get("inputs", {}).get(key))
    ]
    assert len(tagged) == len(up.operations())
    assert {tags["cost-centre"] for tags in tagged} == {"4711"}


def test_another_vcn_cidr_replaces_nothing_but_the_host(lab: Lab) -> None:
    lab.configure(vcnCidrs=["172.16.0.0/16", "172.20.0.0/16"])
    assert replaced(lab.project.preview().check()) == HOST_AND_PROOF
    up = lab.project.up().check()
    assert replaced(up) == HOST_AND_PROOF
    assert others(up) == [
        ("create", ROUTE, "aws-clients-to-172-20-0-0-16"),
        ("create", ROUTE, "aws-host-to-172-20-0-0-16"),
        ("update", "oci:Core/vcn:Vcn", "oci-vcn"),
        ("update", STASH, "host-user-data"),
    ]


def test_another_vpc_cidr_replaces_nothing(lab: Lab) -> None:
    lab.configure(vpcCidrs=["10.0.0.0/16", "10.9.0.0/16"])
    assert replaced(lab.project.preview().check()) == []
    up = lab.project.up().check()
    assert replaced(up) == []
    assert {one.op for one in up.operations()} == {"create", "update"}
    assert ("update", "oci:Core/ipsec:Ipsec", "oci-connection") in others(up)
    assert lab.project.outputs()["tunnelStates"] == {"tunnel-1": "UP", "tunnel-2": "UP"}


def test_withdrawn_image_is_refused_at_preview(lab: Lab) -> None:
    """The host is deleted before it is replaced: a replacement that cannot start would leave no VPN."""
    lab.clouds.aws.withdraw_image("us-east-1", str(instance(lab)["ImageId"]))
    lab.clouds.aws.publish_image("us-east-1", "debian-12", "x86_64")
    preview = lab.project.preview()
    assert not preview.ok
    assert "has been withdrawn, so the host could not be replaced: raise imageRevision" in preview.text
    assert "Traceback" not in preview.text
    lab.configure(imageRevision=3)
    lab.project.up().check()


def test_replaced_connection_takes_both_managements_keys_and_host_along(lab: Lab) -> None:
    before = lab.project.outputs()
    urn = next(
        resource["urn"]
        for resource in lab.project.export()["deployment"]["resources"]
        if resource["type"] == "oci:Core/ipsec:Ipsec"
    )
    up = lab.project.up("--replace", urn).check()
    types = Counter(kind for kind, _ in replaced(up))
    assert types[MANAGEMENT] == 2
    assert types[INSTANCE] == 1
    after = lab.project.outputs()
    assert after["headends"] != before["headends"]
    assert after["cpeAddress"] == before["cpeAddress"]
    assert after["tunnelStates"] == {"tunnel-1": "UP", "tunnel-2": "UP"}


def test_destroy_leaves_nothing_at_the_first_try(lab: Lab) -> None:
    destroyed = lab.project.destroy().check()
    assert {one.op for one in destroyed.operations()} == {"delete"}
    assert lab.leftovers() == {}


def test_rights_of_all_calls_so_far_are_documented(lab: Lab) -> None:
    documented = (REPOSITORY / "docs" / "rights.md").read_text()
    calls = {cloud: rights.calls_of(lab.clouds.folder, cloud, caller) for cloud, caller in CALLERS.items()}
    assert len(calls["aws"]) > 100
    assert len(calls["oci"]) > 100
    missing = {f'"{action}"' for action in rights.aws_actions(calls["aws"])}
    missing |= {statement.rpartition(" in ")[0] for statement in rights.oci_statements(calls["oci"])}
    assert {right for right in missing if right not in documented} == set()
