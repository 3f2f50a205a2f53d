"""A set-up that was made by hand is taken over as docs/operate.md says, up to the preview: nothing would be replaced.

The real engine imports address, CPE and connection through the stand-in plugins. Not proven: that the real plugins read
these three back so that nothing has to be replaced, and the `up` that follows.

The tests are one story and run in their order.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from oci.core import models

from lab.clouds.cluster import REGION
from lab.clouds.oci.credentials import network_client
from lab.lab import COMPARTMENT, Lab
from tests.engine.given_networks import VPC_CIDRS, make_vcn, make_vpc, settings_of, until

PREFIX = "urn:pulumi:dev::aws-oci-libreswan::"
AWS, OCI = f"{PREFIX}pulumi:providers:aws::aws", f"{PREFIX}pulumi:providers:oci::oci"
AWS_SIDE = f"{PREFIX}aws-oci-libreswan:aws:AwsSide::aws"
OCI_SIDE = f"{PREFIX}aws-oci-libreswan:oci:OciSide::oci"


@dataclass(frozen=True)
class ByHand:
    """What somebody made without the program, as Oracle's guide says."""

    allocation: str
    cpe: str
    connection: str


@pytest.fixture(scope="module")
def by_hand(lab: Lab) -> ByHand:
    vpc, vcn = make_vpc(lab.clouds), make_vcn(lab.clouds)
    lab.configure(**settings_of(vpc, vcn), disposable=False)
    ec2 = lab.clouds.aws.client("ec2", REGION)
    address = ec2.allocate_address(Domain="vpc")
    interface = ec2.create_network_interface(SubnetId=vpc.host_subnet)["NetworkInterface"]["NetworkInterfaceId"]
    ec2.associate_address(AllocationId=address["AllocationId"], NetworkInterfaceId=interface)
    client = network_client(lab.clouds.oci.endpoint)
    cpe = client.create_cpe(
        models.CreateCpeDetails(compartment_id=COMPARTMENT, ip_address=address["PublicIp"], display_name="by hand")
    ).data
    connection = client.create_ip_sec_connection(
        models.CreateIPSecConnectionDetails(
            compartment_id=COMPARTMENT, cpe_id=cpe.id, drg_id=vcn.drg, static_routes=[VPC_CIDRS[0]]
        )
    ).data
    until(lambda: client.get_ip_sec_connection(connection.id).data.lifecycle_state == "AVAILABLE")
    return ByHand(
        allocation=address["AllocationId"],
        cpe=cpe.id,
        connection=connection.id,
    )


def test_components_and_providers_come_first_and_make_nothing(lab: Lab, by_hand: ByHand) -> None:
    before = lab.leftovers()
    lab.project.up("--target", AWS, "--target", OCI, "--target", AWS_SIDE, "--target", OCI_SIDE).check()
    assert lab.leftovers() == before


def test_import_reads_the_three(lab: Lab, by_hand: ByHand) -> None:
    flags = ("--yes", "--skip-plugin-pre-install", "--generate-code=false", "--stack", "dev")
    aws = ("--parent", f"side={AWS_SIDE}", "--provider", f"aws={AWS}")
    oci = ("--parent", f"side={OCI_SIDE}", "--provider", f"oci={OCI}")
    for kind, name, found, *more in (
        ("aws:ec2/eip:Eip", "aws-address", by_hand.allocation, *aws, "--properties", "domain"),
        ("oci:Core/cpe:Cpe", "oci-cpe", by_hand.cpe, *oci),
        ("oci:Core/ipsec:Ipsec", "oci-connection", by_hand.connection, *oci),
    ):
        lab.project.run("import", kind, name, found, *more, *flags).check()


def test_preview_replaces_none_of_them(lab: Lab, by_hand: ByHand) -> None:
    operations = lab.project.preview().check().operations()
    assert {one.op for one in operations} == {"create", "update"}
    assert {one.name for one in operations if one.op == "update" and one.type != "pulumi:pulumi:Stack"} == {
        "aws-address",
        "oci-cpe",
        "oci-connection",
    }
