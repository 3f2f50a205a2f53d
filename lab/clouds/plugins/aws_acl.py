"""AWS network ACLs: the ACL, its rules, its association with a subnet."""

from __future__ import annotations

import zlib
from typing import Any

from lab.clouds.plugins.aws_checks import all_of, cidr, one_of
from lab.clouds.plugins.aws_client import (
    NO_ASSOCIATION,
    arn,
    client,
    filters,
    given,
    read_tags,
    remove,
    retag,
    tag_specification,
    unless,
    with_default_tags,
)
from lab.clouds.plugins.table import Call, ProviderError, Resource
from lab.clouds.plugins.values import Values

_NO_ACL = "InvalidNetworkAclID.NotFound"
# moto tells of a missing ACL with the code of a route table.
_NO_SUCH_ACL = (_NO_ACL, "InvalidRouteTableID.NotFound")
# https://www.iana.org/assignments/protocol-numbers; -1 is Amazon's word for all.
_PROTOCOLS = {"all": "-1", "icmp": "1", "tcp": "6", "udp": "17", "esp": "50", "ah": "51"}
_ICMP = "1"


def _find_acl(ec2: Any, identifier: str) -> Any:
    found = unless(_NO_SUCH_ACL, lambda: ec2.describe_network_acls(NetworkAclIds=[identifier]))
    return found["NetworkAcls"][0] if found else None


def _create_acl(call: Call, inputs: Values) -> tuple[str, Values]:
    made = client(call, "ec2", inputs).create_network_acl(
        **given(VpcId=inputs["vpcId"], TagSpecifications=tag_specification("network-acl", inputs.get("tags")))
    )
    identifier: str = made["NetworkAcl"]["NetworkAclId"]
    return identifier, _read_acl(call, identifier, inputs) or {}


def _read_acl(call: Call, identifier: str, state: Values) -> Values | None:
    ec2 = client(call, "ec2", state)
    acl = _find_acl(ec2, identifier)
    if acl is None:
        return None
    return {
        "arn": arn(call, "ec2", f"network-acl/{identifier}", state),
        "ownerId": acl["OwnerId"],
        "vpcId": acl["VpcId"],
        "region": ec2.meta.region_name,
        **read_tags(call, acl.get("Tags")),
    }


def _update_acl(call: Call, identifier: str, state: Values, inputs: Values) -> Values:
    retag(client(call, "ec2", inputs), identifier, state, inputs)
    return _read_acl(call, identifier, inputs) or {}


def _delete_acl(call: Call, identifier: str, state: Values) -> None:
    ec2 = client(call, "ec2", state)
    acl = _find_acl(ec2, identifier)
    if acl is None:
        return
    for association in acl["Associations"]:
        _revert(ec2, association, acl["VpcId"])
    remove(call, _NO_ACL, lambda: ec2.delete_network_acl(NetworkAclId=identifier))


def _revert(ec2: Any, association: Any, vpc_id: str) -> None:
    """Puts a subnet under its VPC's default ACL: a subnet is never without one, unless it is gone."""
    [default] = ec2.describe_network_acls(Filters=filters(vpc_id=vpc_id, default="true"))["NetworkAcls"]
    unless(
        [NO_ASSOCIATION],
        lambda: ec2.replace_network_acl_association(
            AssociationId=association["NetworkAclAssociationId"], NetworkAclId=default["NetworkAclId"]
        ),
    )


def _number(protocol: str) -> str:
    return _PROTOCOLS.get(protocol, protocol)


def _create_rule(call: Call, inputs: Values) -> tuple[str, Values]:
    protocol, egress = _number(inputs["protocol"]), inputs.get("egress", False)
    icmp = {"Type": inputs.get("icmpType", -1), "Code": inputs.get("icmpCode", -1)}
    client(call, "ec2", inputs).create_network_acl_entry(
        **given(
            NetworkAclId=inputs["networkAclId"],
            RuleNumber=inputs["ruleNumber"],
            Protocol=protocol,
            RuleAction=inputs["ruleAction"],
            CidrBlock=inputs.get("cidrBlock"),
            PortRange={"From": inputs.get("fromPort", 0), "To": inputs.get("toPort", 0)},
            IcmpTypeCode=icmp if protocol == _ICMP else None,
        ),
        Egress=egress,
    )
    text = f"{inputs['networkAclId']}-{inputs['ruleNumber']}-{str(egress).lower()}-{inputs['protocol']}-"
    identifier = f"nacl-{zlib.crc32(text.encode())}"
    return identifier, _read_rule(call, identifier, inputs) or {}


def _read_rule(call: Call, _identifier: str, state: Values) -> Values | None:
    ec2 = client(call, "ec2", state)
    acl = _find_acl(ec2, state["networkAclId"])
    place = (state["ruleNumber"], state.get("egress", False))
    entries = [e for e in (acl or {}).get("Entries", ()) if (e["RuleNumber"], e["Egress"]) == place]
    if not entries:
        return None
    [entry] = entries
    same = _number(state["protocol"]) == entry["Protocol"]
    ports, icmp = entry.get("PortRange", {}), entry.get("IcmpTypeCode", {})
    return {
        "networkAclId": state["networkAclId"],
        "ruleNumber": entry["RuleNumber"],
        "egress": entry["Egress"],
        # The API knows numbers only; the program's word for the same is no drift.
        "protocol": state["protocol"] if same else entry["Protocol"],
        "ruleAction": entry["RuleAction"],
        "cidrBlock": entry.get("CidrBlock"),
        "fromPort": ports.get("From"),
        "toPort": ports.get("To"),
        "icmpType": icmp.get("Type"),
        "icmpCode": icmp.get("Code"),
        "region": ec2.meta.region_name,
    }


def _delete_rule(call: Call, _identifier: str, state: Values) -> None:
    unless(
        ["InvalidNetworkAclEntry.NotFound", *_NO_SUCH_ACL],
        lambda: client(call, "ec2", state).delete_network_acl_entry(
            NetworkAclId=state["networkAclId"],
            RuleNumber=state["ruleNumber"],
            Egress=state.get("egress", False),
        ),
    )


def _find_association(ec2: Any, subnet_id: str) -> Any:
    """The subnet's association, with its VPC, or None."""
    acls = ec2.describe_network_acls(Filters=filters(association__subnet_id=subnet_id))["NetworkAcls"]
    for acl in acls:
        for association in acl["Associations"]:
            if association["SubnetId"] == subnet_id:
                return association | {"VpcId": acl["VpcId"]}
    return None


def _create_association(call: Call, inputs: Values) -> tuple[str, Values]:
    ec2 = client(call, "ec2", inputs)
    current = _find_association(ec2, inputs["subnetId"])
    if current is None:
        raise ProviderError(f"reading EC2 Network ACL association of subnet {inputs['subnetId']}: not found")
    made = ec2.replace_network_acl_association(
        AssociationId=current["NetworkAclAssociationId"], NetworkAclId=inputs["networkAclId"]
    )
    identifier: str = made["NewAssociationId"]
    return identifier, _read_association(call, identifier, inputs) or {}


def _read_association(call: Call, identifier: str, state: Values) -> Values | None:
    ec2 = client(call, "ec2", state)
    found = _find_association(ec2, state["subnetId"])
    if found is None or found["NetworkAclAssociationId"] != identifier:
        return None
    return {
        "networkAclId": found["NetworkAclId"],
        "subnetId": found["SubnetId"],
        "region": ec2.meta.region_name,
    }


def _delete_association(call: Call, identifier: str, state: Values) -> None:
    ec2 = client(call, "ec2", state)
    found = _find_association(ec2, state["subnetId"])
    if found is not None and found["NetworkAclAssociationId"] == identifier:
        _revert(ec2, found, found["VpcId"])


_RULE = frozenset(
    {
        "networkAclId",
        "protocol",
        "ruleAction",
        "ruleNumber",
        "cidrBlock",
        "egress",
        "fromPort",
        "toPort",
        "icmpType",
        "icmpCode",
        "region",
    }
)

RESOURCES = {
    "aws:ec2/networkAcl:NetworkAcl": Resource(
        inputs=frozenset({"vpcId", "region", "tags"}),
        required=frozenset({"vpcId"}),
        force_new=frozenset({"vpcId", "region"}),
        computed=frozenset({"arn", "ownerId", "tagsAll"}),
        defaults=with_default_tags,
        create=_create_acl,
        read=_read_acl,
        update=_update_acl,
        delete=_delete_acl,
    ),
    "aws:ec2/networkAclRule:NetworkAclRule": Resource(
        inputs=_RULE,
        required=frozenset({"networkAclId", "protocol", "ruleAction", "ruleNumber"}),
        check=all_of(cidr("cidrBlock"), one_of("ruleAction", ("allow", "deny"))),
        create=_create_rule,
        read=_read_rule,
        delete=_delete_rule,
    ),
    "aws:ec2/networkAclAssociation:NetworkAclAssociation": Resource(
        inputs=frozenset({"networkAclId", "subnetId", "region"}),
        required=frozenset({"networkAclId", "subnetId"}),
        create=_create_association,
        read=_read_association,
        delete=_delete_association,
    ),
}
