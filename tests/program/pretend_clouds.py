"""What both clouds answer in the recorded runs: one made-up account with given networks in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from lab.clouds.plugins.values import Secret, Values
from tests.program.recording import Answer, Recording, dev_config, run

ELASTIC_IP = "203.0.113.7"
PRIVATE_IP = "10.0.0.10"
HEADENDS = {"ocid1.ipsectunnel.oc1.iad.one": "198.51.100.11", "ocid1.ipsectunnel.oc1.iad.two": "198.51.100.22"}
ORACLES_KEYS = {
    "oci-tunnel-1": "OraclesOwnKeyOfTunnelOne0123456789abcdefghij",
    "oci-tunnel-2": "OraclesOwnKeyOfTunnelTwo0123456789abcdefghij",
}
IMAGE = "ami-0123456789abcdef0"

VPC, SUBNET = "vpc-0a0a0a0a0a0a0a0a0", "subnet-0b0b0b0b0b0b0b0b0"
TABLES = ("rtb-0c0c0c0c0c0c0c0c1", "rtb-0c0c0c0c0c0c0c0c2")
ACL, GATEWAY = "acl-0d0d0d0d0d0d0d0d0", "igw-0e0e0e0e0e0e0e0e0"
VCN, DRG = "ocid1.vcn.oc1.iad.given", "ocid1.drg.oc1.iad.given"
ATTACHMENT = "ocid1.drgattachment.oc1.iad.given"
VCN_TABLES = ("ocid1.routetable.oc1.iad.first", "ocid1.routetable.oc1.iad.second")
VCN_LIST = "ocid1.securitylist.oc1.iad.given"
VCN_GROUP = "ocid1.networksecuritygroup.oc1.iad.given"
# The given VCN lies in another compartment than the one that the OCI side is made in.
NETWORK_COMPARTMENT = "ocid1.compartment.oc1..networks"

_LISTINGS = {"getDrgAttachments": "drgAttachments", "getIpsecConnections": "connections"}

GIVEN: Mapping[str, object] = {
    "vpcCidrs": None,
    "vpcId": VPC,
    "hostSubnetCidr": None,
    "hostSubnetId": SUBNET,
    "clientSubnetCidrs": None,
    "routeTableIds": list(TABLES),
    "networkAclId": ACL,
    "networkAclFirstRule": 2000,
    "vcnCidrs": None,
    "vcnId": VCN,
    "vcnSubnetCidrs": None,
    "vcnRouteTableIds": list(VCN_TABLES),
    "vcnSecurityListIds": [VCN_LIST],
    "vcnNetworkSecurityGroupIds": [VCN_GROUP],
    "vcnIngress": ["icmp", "tcp/22"],
    "drgId": DRG,
    "drgAttachmentId": ATTACHMENT,
}


def default_answers() -> dict[str, Values]:
    """Result of each look-up by the last part of its token."""
    return {
        "getInstanceTypeOfferings": {"locations": ["us-east-1b", "us-east-1a"]},
        "getParameter": {"insecureValue": IMAGE, "value": IMAGE},
        "getAmi": {"id": IMAGE, "architecture": "x86_64"},
        "getRegion": {"region": "us-east-1", "name": "us-east-1"},
        "getCpeDeviceShapes": {
            "cpeDeviceShapes": [
                {"cpeDeviceShapeId": "shape-cisco", "cpeDeviceInfos": [{"vendor": "Cisco"}]},
                {"cpeDeviceShapeId": "shape-libreswan", "cpeDeviceInfos": [{"vendor": "Libreswan"}]},
            ]
        },
        "getIpsecConnectionTunnels": {"ipSecConnectionTunnels": tunnels(HEADENDS)},
        "getVpc": {"id": VPC, "cidrBlockAssociations": [{"cidrBlock": "10.0.0.0/16"}]},
        "getSubnet": {
            "id": SUBNET,
            "vpcId": VPC,
            "cidrBlock": "10.0.0.0/24",
            "availabilityZone": "us-east-1b",
        },
        "getRouteTable": {"routes": [route("0.0.0.0/0", gateway=GATEWAY)]},
        "getInternetGateway": {"internetGatewayId": GATEWAY},
        "getNetworkInterfaces": {"ids": []},
        "getNetworkAcls": {"ids": [ACL]},
        "getVcn": {"compartmentId": NETWORK_COMPARTMENT, "cidrBlocks": ["172.16.0.0/16"], "dnsLabel": "given"},
        "getDrgAttachments": {
            "drgAttachments": [{"id": ATTACHMENT, "drgId": DRG, "state": "ATTACHED", "freeformTags": {}}]
        },
        "getRouteTables": {"routeTables": [{"id": table, "routeRules": []} for table in VCN_TABLES]},
        "getSecurityLists": {"securityLists": [{"id": VCN_LIST}]},
        "getNetworkSecurityGroup": {"vcnId": VCN},
        "getIpsecConnections": {"connections": []},
    }


def tunnels(headends: Mapping[str, str]) -> list[dict[str, Any]]:
    # As Oracle's API: the keys come along, unmarked.
    return [
        {"id": tunnel, "vpnIp": address, "sharedSecret": "never-used", "bgpSessionInfos": []}
        for tunnel, address in headends.items()
    ]


def route(destination: str, *, gateway: str = "", interface: str = "") -> dict[str, str]:
    return {"cidrBlock": destination, "gatewayId": gateway, "networkInterfaceId": interface}


def answer_with(**changes: Values | LookupError) -> Answer:
    """The default answers, some of them changed; a LookupError is one that fails."""
    answers: dict[str, Values | LookupError] = {**default_answers(), **changes}

    def answer(token: str, args: Values) -> Values:
        name = token.rsplit(":", 1)[1]
        found = answers[name]
        if isinstance(found, LookupError):
            raise found
        # Oracle lists a compartment at a time; the given networks are in another one than the stack.
        if name in _LISTINGS and args["compartmentId"] != NETWORK_COMPARTMENT:
            return {"id": "look-up", _LISTINGS[name]: []}
        return {"id": "look-up", **found}

    return answer


def compute(type_token: str, name: str, inputs: Values) -> Values:
    """What the provider adds to a new resource's inputs, with the secret marks that the real one gives."""
    match type_token:
        case "aws:ec2/eip:Eip":
            return {"publicIp": ELASTIC_IP, "allocationId": f"eipalloc/{name}"}
        case "aws:ec2/networkInterface:NetworkInterface":
            return {"privateIp": PRIVATE_IP}
        case "oci:Core/ipsecConnectionTunnelManagement:IpsecConnectionTunnelManagement":
            return {
                "status": "DOWN",
                "sharedSecret": inputs.get("sharedSecret") or Secret(ORACLES_KEYS[name]),
            }
        case "pulumi:index:Stash":
            return {"output": inputs["input"]}
        case "command:local:Command":
            # Secret as a whole, for its standard input is.
            states = [{"id": t, "vpnIp": a, "status": "UP"} for t, a in sorted(HEADENDS.items())]
            return {"stdout": Secret(json.dumps(states))}
        case "oci:Ons/notificationTopic:NotificationTopic":
            return {"topicId": "ocid1.onstopic.oc1.iad.made"}
        case "aws:sns/topic:Topic":
            return {"arn": "arn:aws:sns:us-east-1:123456789012:watching-1234567"}
        case "aws:cloudwatch/logGroup:LogGroup":
            return {"arn": f"arn:aws:logs:us-east-1:123456789012:log-group:{inputs['name']}"}
        case "aws:ssm/parameter:Parameter":
            return {"arn": f"arn:aws:ssm:us-east-1:123456789012:parameter{inputs['name']}", "version": 1}
        case _ if type_token.startswith("aws:iam/"):
            return {"name": f"{name}-1234567", "arn": f"arn:aws:iam::123456789012:{name}"}
        case _:
            return {}


def record(
    config: Mapping[str, object] | None = None,
    *,
    answer: Answer | None = None,
    preview: bool = False,
    secret: tuple[str, ...] = (),
    environment: Mapping[str, str] | None = None,
) -> Recording:
    """One run with `dev`'s configuration and these changes to it."""
    return run(
        dev_config(**(config or {})),
        answer or answer_with(),
        compute,
        preview=preview,
        secret=secret,
        environment=environment,
    )
