"""What cannot work is refused by `pulumi preview` itself: each family of refusals once, in the words a user reads.

Faults that are told together are tested together. The tables of all messages are in tests/pure and tests/program; what
the clouds refuse at `up` is not shown here.
"""

from __future__ import annotations

import base64
import json
import random
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.clouds.cluster import REGION
from lab.clouds.oci.credentials import network_client
from lab.engine.project import REPOSITORY, Project
from lab.engine.result import Result
from lab.lab import Lab
from lab.stack import open_project
from tests.engine.given_networks import (
    GivenVcn,
    GivenVpc,
    make_connection,
    make_drg,
    make_vcn,
    make_vpc,
)

# 41 letters, digits and a hyphen, which Oracle refuses; and one that both ends would take.
BAD_KEY = "not-a-good-key-0123456789abcdefghijklmnop"
GOOD_KEY = "agoodkey0123456789abcdefghijklmnopqrstuvw"
# What the engine adds to any program that ends with an error.
FROM_THE_ENGINE = ("an unhandled error occurred: program exited with non-zero exit code: 1", "preview failed")
ALL_MODES = (
    "ApiKey, InstancePrincipal, InstancePrincipalWithCerts, SecurityToken, ResourcePrincipal, "
    "OKEWorkloadIdentity, WorkloadIdentityFederation"
)


@pytest.fixture(autouse=True)
def as_it_was(lab: Lab) -> Iterator[None]:
    """Each test changes a stack file that previews well, and the record of what was registered is empty."""
    stack_file = lab.project.stack_file
    text = stack_file.read_text()
    lab.forget()
    yield
    stack_file.write_text(text)
    lab.clouds.aws.behaviour.withdrawn.clear()


def configure_providers(lab: Lab, **keys: str) -> None:
    """Sets keys of the providers, as in `oci__auth`."""
    stack: dict[str, Any] = yaml.safe_load(lab.project.stack_file.read_text())
    stack["config"] |= {key.replace("__", ":"): value for key, value in keys.items()}
    lab.project.stack_file.write_text(yaml.safe_dump(stack, sort_keys=False))


def refused(lab: Lab, project: Project | None = None) -> list[str]:
    """Previews, and gives the lines that a user is told; nothing may have been made of what was refused."""
    preview = (project or lab.project).preview()
    assert preview.exit_code != 0
    registered = {one.type for one in preview.operations()} - {"pulumi:pulumi:Stack"}
    assert registered <= {"pulumi:providers:aws", "pulumi:providers:oci"}
    assert lab.registered() == []
    return told(preview)


def told(preview: Result) -> list[str]:
    """The lines of the one error, which are in the text that a user sees as well."""
    for noise in ("Traceback", "RunError", ".py"):
        assert noise not in preview.text
    [error] = [message for message in preview.messages("error") if message not in FROM_THE_ENGINE]
    lines = [line.strip() for line in error.splitlines()]
    for line in lines:
        assert line in preview.text
    return lines


def test_settings_that_are_wrong_by_themselves(lab: Lab) -> None:
    lab.project.config_set("tunnel1PreSharedKey", BAD_KEY, secret=True).check()
    lab.configure(
        vpcCidr=["10.0.0.0/16"],
        vcnCidrs=["172.16.0.1/16"],
        tunnel1InsideCidr="169.254.169.0/30",
        tunnel2InsideCidr="169.254.12.0/30",
        tunnel2PreSharedKey=GOOD_KEY,
        cryptoProfile="blowfish",
        hostOs="beos",
        instanceType="t3",
        interfaceKind="gre",
        ikeVersion=3,
    )
    preview = lab.project.preview()
    assert preview.exit_code != 0
    assert told(preview) == [
        "vpcCidr: no such key; did you mean vpcCidrs?",
        "tunnel2PreSharedKey: it is in plain text; set it with `pulumi config set --secret tunnel2PreSharedKey`",
        "vcnCidrs[0]: '172.16.0.1/16' is refused: has host bits set; write 172.16.0.0/16",
        "ikeVersion: 3 is refused: Input should be 1 or 2",
        "cryptoProfile: 'blowfish' is refused: one of aes256gcm-group20, aes256gcm-group19, aes256gcm-group14, "
        "aes128gcm-group19, aes256cbc-group14, guide",
        "interfaceKind: 'gre' is refused: Input should be 'vti' or 'xfrm'",
        "tunnel1InsideCidr: '169.254.169.0/30' is refused: Amazon's metadata and time services are in 169.254.169.0/24",
        "tunnel2InsideCidr: '169.254.12.0/30' is refused: Oracle reserves 169.254.10-19.x, 169.254.100-109.x and "
        "169.254.192-201.x",
        "tunnel1PreSharedKey: the value is refused: a pre-shared key is 32 to 64 letters and digits",
        "hostOs: 'beos' is refused: one of debian-13, debian-12, ubuntu-24.04, amazon-linux-2023, oracle-linux-9, "
        "rhel-9",
        "instanceType: 't3' is refused: not an EC2 instance type such as t3.small or t4g.small",
    ]
    assert BAD_KEY not in preview.text
    assert GOOD_KEY not in preview.text
    assert lab.registered() == []


def test_settings_that_do_not_go_together(lab: Lab) -> None:
    lab.configure(
        vpcCidrs=["10.0.0.0/16", "192.0.2.0/24", *(f"10.{n}.0.0/16" for n in range(1, 10))],
        vpcId="vpc-0123456789abcdef0",
        hostSubnetCidr=None,
        clientSubnetCidrs=["10.99.0.0/24"],
        vcnCidrs=["10.9.0.0/17"],
        vcnSubnetCidrs=["172.16.0.0/24"],
        ikeVersion=1,
        cryptoProfile="aes256gcm-group20",
        hostOs="debian-12",
        interfaceKind="xfrm",
    )
    outside = "it is outside RFC 1918 (10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16)"
    blocks = "10.0.0.0/16, 192.0.2.0/24, " + ", ".join(f"10.{n}.0.0/16" for n in range(1, 10))
    assert refused(lab) == [
        "vpcCidrs, vpcId: both are set: set vpcCidrs to create one, or vpcId to use a given one",
        "hostSubnetCidr, hostSubnetId: neither is set: set hostSubnetCidr to create one, or hostSubnetId to use a "
        "given one",
        f"clientSubnetCidrs: 10.99.0.0/24 is refused: it lies in none of vpcCidrs ({blocks})",
        "vcnSubnetCidrs: 172.16.0.0/24 is refused: it lies in none of vcnCidrs (10.9.0.0/17)",
        f"vpcCidrs: 192.0.2.0/24 is refused: {outside}; set allowPublicCidrs to true if you own it and mean it",
        "vpcCidrs: 11 CIDRs are refused: each is a static route, and an IPSec connection takes at most 10",
        "vcnCidrs: 10.9.0.0/17 is refused: it overlaps 10.9.0.0/16 of vpcCidrs, so packets to it cannot be told apart",
        "cryptoProfile: 'aes256gcm-group20' is refused: with IKEv1 Libreswan knows groups 5 and 14 only; choose "
        "aes256gcm-group14, or ikeVersion 2",
        "interfaceKind: 'xfrm' is refused: debian-12 has Libreswan 4.10, which does not come back on such an interface "
        "after a crash; choose vti, or debian-13",
    ]


def test_public_networks_are_allowed_on_purpose(lab: Lab) -> None:
    lab.configure(vpcCidrs=["10.0.0.0/16", "192.0.2.0/24"], allowPublicCidrs=True)
    assert lab.project.preview().check().messages("error") == []


def test_compartment_is_the_only_setting_that_is_required(lab: Lab) -> None:
    """In the engine's own words, before the program runs."""
    lab.configure(compartmentId=None)
    preview = lab.project.preview()
    assert preview.exit_code != 0
    assert preview.text == (
        "error: validating stack config: Stack 'dev' is missing configuration value 'compartmentId'\n"
    )


def test_user_data_that_ec2_would_not_take(lab: Lab, tmp_path: Path) -> None:
    """No settings reach the limit, so here the project's own files have grown."""
    checkout = tmp_path / "checkout"
    for folder in ("components", "commands", "host", "templates"):
        shutil.copytree(REPOSITORY / folder, checkout / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("__main__.py", "Pulumi.yaml", "oci-retries.json"):
        shutil.copy(REPOSITORY / name, checkout)
    (checkout / ".venv").symlink_to((REPOSITORY / ".venv").resolve())
    shutil.copy(lab.project.stack_file, checkout)
    noise = base64.b64encode(random.Random(1).randbytes(6_144)).decode()
    boot = checkout / "host" / "boot"
    boot.write_text(f"{boot.read_text()}# {noise}\n")
    project = open_project(tmp_path / "stack", lab.clouds.environment, checkout)
    shutil.copytree(lab.project.folder / "state", project.folder / "state", dirs_exist_ok=True)
    project.attach({name: plugin.port for name, plugin in lab.clouds.plugins.items()})
    [line] = refused(lab, project)
    size = re.fullmatch(
        r"user-data: (\d+) bytes at worst after gzip are refused: EC2 takes 16384; "
        r"give fewer CIDRs or leave out options of the host",
        line,
    )
    assert size is not None
    assert 16_384 < int(size[1]) < 24_000


def test_provider_settings_that_do_not_exist(lab: Lab) -> None:
    configure_providers(lab, aws__foo="bar")
    assert refused(lab) == ["aws:foo: the aws provider has no such setting"]


def test_ways_to_sign_in_that_the_commands_do_not_have(lab: Lab) -> None:
    """The providers would take both; the wait for the tunnels and their proof would not, minutes later."""
    configure_providers(lab, oci__auth="Kerberos", aws__sharedConfigFiles='["~/elsewhere"]')
    assert refused(lab) == [
        f"oci:auth: 'Kerberos' is refused: it must be one of {ALL_MODES}",
        "aws:sharedConfigFiles is refused: the proof of the tunnels cannot use it; use aws:profile, aws:assumeRoles or "
        "the AWS_… variables of the environment",
    ]


def test_a_security_token_that_would_not_last(lab: Lab) -> None:
    home = Path(lab.project.environment["HOME"]) / ".oci"
    home.mkdir()
    (home / "config").write_text("[session]\nsecurity_token_file=~/.oci/token\nkey_file=~/.oci/key.pem\n")
    (home / "key.pem").write_text("not needed to read the token")
    claims = base64.urlsafe_b64encode(json.dumps({"exp": time.time() + 29 * 60 + 30}).encode()).decode().rstrip("=")
    (home / "token").write_text(f"e30.{claims}.signature")
    configure_providers(lab, oci__auth="SecurityToken", oci__configFileProfile="session")
    assert refused(lab) == [
        "oci:auth: 'SecurityToken' is refused: the token of profile 'session' has 29 min left, and an update may need "
        "30 min; renew it with `oci session refresh --profile session`"
    ]


def test_an_image_that_is_not_there(lab: Lab) -> None:
    lab.configure(imageId="ami-0123456789abcdef0")
    [line] = refused(lab)
    assert line.startswith("imageId: 'ami-0123456789abcdef0' is refused: the region has no such image (")


def test_an_image_of_another_architecture(lab: Lab) -> None:
    image = lab.clouds.aws.publish_image(REGION, "debian-13", "arm64")
    lab.configure(imageId=image)
    assert refused(lab) == [f"imageId: '{image}' is refused: it is for arm64, and t3.small is x86_64"]


def zones(lab: Lab) -> list[str]:
    offers = lab.clouds.aws.client("ec2", REGION).describe_instance_type_offerings(
        LocationType="availability-zone", Filters=[{"Name": "instance-type", "Values": ["t3.small"]}]
    )["InstanceTypeOfferings"]
    return sorted(offer["Location"] for offer in offers)


def test_a_type_that_the_zone_does_not_offer(lab: Lab) -> None:
    first, *others = zones(lab)
    lab.clouds.aws.withdraw("t3.small", first)
    lab.configure(availabilityZone=first)
    assert refused(lab) == [
        f"availabilityZone: '{first}' is refused: t3.small is offered in {', '.join(others)}",
    ]


def test_a_type_that_no_zone_offers(lab: Lab) -> None:
    for zone in zones(lab):
        lab.clouds.aws.withdraw("t3.small", zone)
    assert refused(lab) == ["instanceType: 't3.small' is refused: no zone of the region offers it"]


@pytest.fixture(scope="module")
def vpc(lab: Lab) -> GivenVpc:
    return make_vpc(lab.clouds)


@pytest.fixture(scope="module")
def vcn(lab: Lab) -> GivenVcn:
    return make_vcn(lab.clouds)


def test_a_vpc_that_is_not_there(lab: Lab) -> None:
    lab.configure(vpcCidrs=None, vpcId="vpc-0123456789abcdef0")
    [line] = refused(lab)
    assert line.startswith("vpcId: 'vpc-0123456789abcdef0' is refused: ")
    assert "no matching EC2 VPC found" in line


def test_a_route_table_of_another_vpc(lab: Lab, vpc: GivenVpc) -> None:
    ec2 = lab.clouds.aws.client("ec2", REGION)
    elsewhere = ec2.create_vpc(CidrBlock="10.30.0.0/16")["Vpc"]["VpcId"]
    table = ec2.create_route_table(VpcId=elsewhere)["RouteTable"]["RouteTableId"]
    lab.configure(
        vpcCidrs=None,
        vpcId=vpc.id,
        hostSubnetCidr=None,
        hostSubnetId=vpc.host_subnet,
        clientSubnetCidrs=None,
        routeTableIds=[table],
    )
    [line] = refused(lab)
    assert line.startswith(f"routeTableIds: '{table}' is refused: {vpc.id} has no such route table (")


def test_given_networks_that_cannot_work(lab: Lab, vpc: GivenVpc, vcn: GivenVcn) -> None:
    """All at once: no internet, routes in the way, another DRG, taken addresses, networks that overlap."""
    ec2, network = lab.clouds.aws.client("ec2", REGION), network_client(lab.clouds.oci.endpoint)
    ec2.create_route(
        RouteTableId=vpc.host_table, DestinationCidrBlock="172.20.0.0/16", NetworkInterfaceId=vpc.appliance
    )
    rules = network.get_route_table(vcn.table).data.route_rules
    [rule] = [one for one in rules if one.destination == "10.20.0.0/24"]
    rule.destination = "10.20.0.0/16"
    network.update_route_table(vcn.table, {"routeRules": rules})
    network.add_vcn_cidr(vcn.id, {"cidrBlock": "10.21.128.0/17"})
    other_drg = make_drg(network)
    make_connection(network, other_drg, "169.254.22.0/30")
    offered = zones(lab)
    lab.clouds.aws.withdraw("t3.small", f"{REGION}b")
    lab.configure(
        vpcCidrs=None,
        vpcId=vpc.id,
        hostSubnetCidr=None,
        hostSubnetId=vpc.client_subnet,
        clientSubnetCidrs=["10.99.0.0/24"],
        routeTableIds=[vpc.host_table],
        networkAclId=vpc.acl,
        vcnCidrs=None,
        vcnId=vcn.id,
        vcnSubnetCidrs=["172.99.0.0/24"],
        vcnRouteTableIds=[vcn.table, vcn.group.replace("networksecuritygroup", "routetable")],
        vcnSecurityListIds=[vcn.group.replace("networksecuritygroup", "securitylist")],
        drgId=other_drg,
    )
    no_table = vcn.group.replace("networksecuritygroup", "routetable")
    no_list = vcn.group.replace("networksecuritygroup", "securitylist")
    filters = [{"Name": "vpc-id", "Values": [vpc.id]}, {"Name": "default", "Values": ["true"]}]
    default_acl = ec2.describe_network_acls(Filters=filters)["NetworkAcls"][0]["NetworkAclId"]
    others = ", ".join(zone for zone in offered if zone != f"{REGION}b")
    assert refused(lab) == [
        "vcnCidrs: 10.21.128.0/17 is refused: it overlaps 10.21.0.0/16 of vpcCidrs, so packets to it cannot be told "
        "apart",
        f"hostSubnetId: '{vpc.client_subnet}' is refused: it is in {REGION}b, which does not offer t3.small; "
        f"{others} do",
        f"hostSubnetId: '{vpc.client_subnet}' is refused: its route table has no route 0.0.0.0/0 to an internet "
        "gateway, which the tunnels and the packages need",
        f"clientSubnetCidrs: 10.99.0.0/24 is refused: it lies in none of the CIDRs of {vpc.id}",
        f"networkAclId: '{vpc.acl}' is refused: {vpc.client_subnet} is under {default_acl}, so rules of another ACL "
        "would let nothing in",
        f"routeTableIds: '{vpc.host_table}' is refused: it has a route to 172.20.0.0/16 already, and not by this stack",
        "tunnel2InsideCidr: 169.254.22.0/30 is refused: another connection of the DRG has 169.254.22.0/30 inside a "
        "tunnel",
        f"vcnId: '{vcn.id}' is refused: it is attached to {vcn.drg}, and a VCN attaches to one DRG only; set drgId to "
        f"that and drgAttachmentId to {vcn.attachment}",
        f"vcnSubnetCidrs: 172.99.0.0/24 is refused: it lies in none of the CIDRs of {vcn.id}",
        f"vcnRouteTableIds: '{vcn.table}' is refused: it has a rule for 10.20.0.0/16 already, and not by this stack",
        f"vcnRouteTableIds: '{no_table}' is refused: {vcn.id} has no such route table",
        f"vcnSecurityListIds: '{no_list}' is refused: {vcn.id} has no such security list",
    ]
