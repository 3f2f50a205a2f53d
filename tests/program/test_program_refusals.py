"""What the program refuses, through __main__.py: a readable error, and how little has been registered by then.

Does not prove every message (tests/pure has the tables) nor how the engine shows them (tests/engine does).
"""

from __future__ import annotations

from typing import Any

import pulumi
import pytest

from commands import oci_sign_in
from lab.clouds.plugins.values import Values
from tests.program.pretend_clouds import (
    ACL,
    ATTACHMENT,
    GATEWAY,
    GIVEN,
    NETWORK_COMPARTMENT,
    SUBNET,
    TABLES,
    VCN,
    VCN_GROUP,
    VCN_LIST,
    VCN_TABLES,
    VPC,
    answer_with,
    record,
    route,
)
from tests.program.recording import RefusedError

PROVIDERS = [("pulumi:providers:aws", "aws"), ("pulumi:providers:oci", "oci")]
OTHER_DRG = "ocid1.drg.oc1.iad.another"


def refusal(config: dict[str, object], **arguments: Any) -> RefusedError:
    with pytest.raises(RefusedError) as refused:
        record(config, **arguments)
    assert type(refused.value.cause) is pulumi.RunError
    return refused.value


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            {"vpcCidrs": ["10.0.0.1/16"], "hostSubnetCidr": "10.0.0.0/24"},
            "vpcCidrs[0]: '10.0.0.1/16' is refused: has host bits set; write 10.0.0.0/16",
        ),
        ({"vpcCidr": ["10.0.0.0/16"]}, "vpcCidr: no such key; did you mean vpcCidrs?"),
        (
            {"compartmentId": None},
            "compartmentId: it is required; set it with `pulumi config set compartmentId …`",
        ),
        ({"aws:regoin": "us-east-1"}, "aws:regoin: the aws provider has no such setting"),
        ({"oci:opts": "x"}, "oci:opts: the oci provider has no such setting"),
        ({"oci:auth": "Kerberos"}, oci_sign_in.refusal({"auth": "Kerberos"}, {})),
        (
            {"aws:endpoints": '[{"ec2": "https://example.com"}]'},
            "aws:endpoints is refused: the proof of the tunnels cannot use it; use aws:profile, aws:assumeRoles or the "
            "AWS_… variables of the environment",
        ),
        (
            {"aws:ignoreTags": "{not JSON"},
            "aws:ignoreTags: a list or map is written as JSON: Expecting property name enclosed in double quotes",
        ),
    ],
)
def test_faults_of_the_settings_come_before_any_resource(config: dict[str, object], message: str) -> None:
    refused = refusal(config)
    assert str(refused) == message
    assert refused.recording.resources == []
    assert refused.recording.invokes == []


def test_without_the_proof_no_command_signs_in_to_aws() -> None:
    config = {"aws:sharedConfigFiles": '["elsewhere"]'}
    assert record({**config, "proof": False}, preview=True).pairs() == record({"proof": False}, preview=True).pairs()


def test_every_fault_is_told_at_once() -> None:
    refused = refusal({"proofTimeoutMinutes": 0, "hostOs": "beos", "tags": "x"})
    assert [line.split(":")[0] for line in str(refused).splitlines()] == ["tags", "proofTimeoutMinutes", "hostOs"]


def test_a_refused_key_is_never_printed() -> None:
    refused = refusal({"tunnel1PreSharedKey": "too-short-and-dashed"}, secret=("tunnel1PreSharedKey",))
    assert str(refused) == "tunnel1PreSharedKey: the value is refused: a pre-shared key is 32 to 64 letters and digits"


NOT_FOUND = LookupError("nothing found\nand more that nobody needs")

Case = tuple[dict[str, object], dict[str, Values | LookupError], str]
LOOK_UPS: dict[str, Case] = {
    "no zone offers the type": (
        {"instanceType": "x9.huge"},
        {"getInstanceTypeOfferings": {"locations": []}},
        "instanceType: 'x9.huge' is refused: no zone of the region offers it",
    ),
    "the zone does not offer it": (
        {"availabilityZone": "us-east-1e"},
        {},
        "availabilityZone: 'us-east-1e' is refused: t3.small is offered in us-east-1a, us-east-1b",
    ),
    "no image": (
        {"hostOs": "debian-12"},
        {"getParameter": NOT_FOUND},
        "hostOs: 'debian-12' is refused: this region has no image by '/aws/service/debian/release/12/latest/amd64' "
        "(invoke of aws:ssm/getParameter:getParameter failed: nothing found); give one with imageId",
    ),
    "no such own image": (
        {"imageId": "ami-0123456789abcdef0"},
        {"getAmi": NOT_FOUND},
        "imageId: 'ami-0123456789abcdef0' is refused: the region has no such image "
        "(invoke of aws:ec2/getAmi:getAmi failed: nothing found)",
    ),
    "own image of another architecture": (
        {"imageId": "ami-0123456789abcdef0", "instanceType": "t4g.small"},
        {},
        "imageId: 'ami-0123456789abcdef0' is refused: it is for x86_64, and t4g.small is arm64",
    ),
    "no such VPC": (
        {**GIVEN},
        {"getVpc": NOT_FOUND},
        f"vpcId: '{VPC}' is refused: invoke of aws:ec2/getVpc:getVpc failed: nothing found",
    ),
    "no such subnet": (
        {**GIVEN},
        {"getSubnet": NOT_FOUND},
        f"hostSubnetId: '{SUBNET}' is refused: invoke of aws:ec2/getSubnet:getSubnet failed: nothing found",
    ),
    "no internet route": (
        {**GIVEN},
        {"getRouteTable": {"routes": [route("0.0.0.0/0", gateway="vgw-1")]}},
        f"hostSubnetId: '{SUBNET}' is refused: its route table has no route 0.0.0.0/0 to an internet gateway, "
        "which the tunnels and the packages need",
    ),
    "another network ACL": (
        {**GIVEN},
        {"getNetworkAcls": {"ids": ["acl-0f0f0f0f0f0f0f0f0"]}},
        f"networkAclId: '{ACL}' is refused: {SUBNET} is under acl-0f0f0f0f0f0f0f0f0, so rules of another ACL would let "
        "nothing in",
    ),
    "a route to the VCN already": (
        {**GIVEN, "routeTableIds": [TABLES[0]]},
        {"getRouteTable": {"routes": [route("0.0.0.0/0", gateway=GATEWAY), route("172.16.0.0/16", interface="eni-1")]}},
        f"routeTableIds: '{TABLES[0]}' is refused: it has a route to 172.16.0.0/16 already, and not by this stack",
    ),
    "no internet gateway": (
        {**GIVEN, "hostSubnetId": None, "networkAclId": None, "hostSubnetCidr": "10.0.9.0/24"},
        {"getInternetGateway": NOT_FOUND},
        f"vpcId: '{VPC}' is refused: no internet gateway is attached to it, and the host needs one",
    ),
    "no such VCN": (
        {**GIVEN},
        {"getVcn": NOT_FOUND},
        f"vcnId: '{VCN}' is refused: invoke of oci:Core/getVcn:getVcn failed: nothing found",
    ),
    "the VCN is on another DRG": (
        {**GIVEN},
        {
            "getDrgAttachments": {
                "drgAttachments": [{"id": ATTACHMENT, "drgId": OTHER_DRG, "state": "ATTACHED", "freeformTags": {}}]
            }
        },
        f"vcnId: '{VCN}' is refused: it is attached to {OTHER_DRG}, and a VCN attaches to one DRG only; set drgId to "
        f"that and drgAttachmentId to {ATTACHMENT}",
    ),
    "a rule to the VPC already": (
        {**GIVEN, "vcnRouteTableIds": [VCN_TABLES[0]]},
        {
            "getRouteTables": {
                "routeTables": [
                    {
                        "id": VCN_TABLES[0],
                        "routeRules": [{"destination": "10.0.0.0/16", "description": "somebody's"}],
                    }
                ]
            }
        },
        f"vcnRouteTableIds: '{VCN_TABLES[0]}' is refused: it has a rule for 10.0.0.0/16 already, and not by this stack",
    ),
    "no such security list": (
        {**GIVEN},
        {"getSecurityLists": {"securityLists": []}},
        f"vcnSecurityListIds: '{VCN_LIST}' is refused: {VCN} has no such security list",
    ),
    "no such security group": (
        {**GIVEN},
        {"getNetworkSecurityGroup": NOT_FOUND},
        f"vcnNetworkSecurityGroupIds: '{VCN_GROUP}' is refused: invoke of "
        "oci:Core/getNetworkSecurityGroup:getNetworkSecurityGroup failed: nothing found",
    ),
    "given networks that overlap": (
        {**GIVEN},
        {"getVcn": {"compartmentId": NETWORK_COMPARTMENT, "cidrBlocks": ["10.0.128.0/17"], "dnsLabel": ""}},
        "vcnCidrs: 10.0.128.0/17 is refused: it overlaps 10.0.0.0/16 of vpcCidrs, so packets to it "
        "cannot be told apart",
    ),
    "another connection's inside network": (
        {**GIVEN},
        {
            "getIpsecConnections": {"connections": [{"id": "other", "freeformTags": {}}]},
            "getIpsecConnectionTunnels": {
                "ipSecConnectionTunnels": [
                    {"id": "t", "vpnIp": "", "bgpSessionInfos": [{"oracleInterfaceIp": "169.254.22.1/30"}]}
                ]
            },
        },
        "tunnel2InsideCidr: 169.254.22.0/30 is refused: another connection of the DRG has 169.254.22.0/30 "
        "inside a tunnel",
    ),
}


@pytest.mark.parametrize("case", LOOK_UPS)
def test_what_cannot_work_is_refused_before_any_network(case: str) -> None:
    config, answers, message = LOOK_UPS[case]
    for preview in (True, False):
        refused = refusal(config, answer=answer_with(**answers), preview=preview)
        assert str(refused).splitlines() == [message]
        assert refused.recording.pairs() == PROVIDERS


def test_an_own_route_rule_and_attachment_are_no_fault() -> None:
    """A second preview finds what the first `up` made."""
    own_tags = {"project": "aws-oci-libreswan", "stack": "dev"}
    own_attachment = {"id": "ocid1.drgattachment.own", "drgId": "ocid1.drg.own", "state": "ATTACHED"}
    again = record(
        {**GIVEN, "drgId": None, "drgAttachmentId": None},
        preview=True,
        answer=answer_with(
            getNetworkInterfaces={"ids": ["eni-own"]},
            getRouteTable={
                "routes": [route("0.0.0.0/0", gateway=GATEWAY), route("172.16.0.0/16", interface="eni-own")]
            },
            getDrgAttachments={"drgAttachments": [{**own_attachment, "freeformTags": own_tags}]},
            getRouteTables={
                "routeTables": [
                    {
                        "id": table,
                        "routeRules": [
                            {
                                "destination": "10.0.0.0/16",
                                "description": "managed by pulumi: aws-oci-libreswan/dev",
                            }
                        ],
                    }
                    for table in VCN_TABLES
                ]
            },
        ),
    )
    assert ("oci:Core/drgAttachment:DrgAttachment", "oci-attachment") in again.pairs()


def test_a_subnet_without_a_table_of_its_own_uses_the_main_one() -> None:
    def answer(token: str, args: Values) -> Values:
        if token.endswith(":getRouteTable") and "subnetId" in args:
            raise NOT_FOUND
        return answer_with()(token, args)

    asked = [
        i.args for i in record({**GIVEN, "routeTableIds": None}, answer=answer).invokes if "RouteTable:" in i.token
    ]
    assert asked == [
        {"subnetId": SUBNET},
        {
            "filters": [
                {"name": "vpc-id", "values": [VPC]},
                {"name": "association.main", "values": ["true"]},
            ]
        },
    ]


def test_a_withdrawn_image_is_refused_before_the_host_is_lost() -> None:
    """Not in a first preview: the held image is unknown, and nothing is lost."""
    answer = answer_with(getAmi=NOT_FOUND)
    assert record({}, answer=answer, preview=True).pairs() == record({}, preview=True).pairs()
    assert str(refusal({}, answer=answer)) == (
        "the image that this stack's host was made of has been withdrawn, so the host could not be replaced: "
        "raise imageRevision to move to the newest one"
    )


def test_a_held_zone_that_does_not_offer_the_type_any_more_is_refused() -> None:
    config = {**GIVEN, "instanceType": "t3.small"}
    subnet = {"id": SUBNET, "vpcId": VPC, "cidrBlock": "10.0.0.0/24", "availabilityZone": "us-east-1f"}
    assert str(refusal(config, answer=answer_with(getSubnet=subnet))) == (
        f"hostSubnetId: '{SUBNET}' is refused: it is in us-east-1f, which does not offer t3.small; "
        "us-east-1a, us-east-1b do"
    )
