"""What EC2 refuses about security groups and network ACLs, and moto takes."""

from __future__ import annotations

import re

from lab.clouds.aws.guards.refusal import Guard, Refusal, Request, different_networks, has_dependencies

# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html
_GROUP_TEXT = re.compile(r"[a-zA-Z0-9 ._\-:/()#,@\[\]+=&;{}!$*]{1,255}")
_ALLOWED = "are strings less than 256 characters from the following set:  a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*"

# https://docs.aws.amazon.com/vpc/latest/userguide/nacl-rules.html
HIGHEST_RULE_NUMBER = 32766
HIGHEST_PORT = 65535


def group_text(request: Request) -> None:
    name, description = request.text("GroupName"), request.text("Description")
    if name.lower().startswith("sg-"):
        raise Refusal(
            "InvalidParameterValue",
            f"Invalid value '{name}' for groupName. Group names may not be in the format sg-*.",
        )
    if not _GROUP_TEXT.fullmatch(name):
        raise Refusal("InvalidParameterValue", f"Invalid security group name '{name}'. Valid names {_ALLOWED}")
    if not _GROUP_TEXT.fullmatch(description):
        raise Refusal("InvalidParameterValue", f"Invalid security group description. Valid descriptions {_ALLOWED}")


def rule_description(request: Request) -> None:
    for permission in request.params.get("IpPermissions") or []:
        for kind in ("IpRanges", "Ipv6Ranges", "UserIdGroupPairs", "PrefixListIds"):
            for source in permission.get(kind) or []:
                if (text := source.get("Description")) and not _GROUP_TEXT.fullmatch(text):
                    raise Refusal("InvalidParameterValue", f"Invalid rule description. Valid descriptions {_ALLOWED}")


def rule_ports(request: Request) -> None:
    for permission in request.params.get("IpPermissions") or []:
        if permission.get("IpProtocol") in ("tcp", "udp", "6", "17"):
            for port in (permission.get("FromPort"), permission.get("ToPort")):
                if port is None or not 0 <= int(port) <= HIGHEST_PORT:
                    raise Refusal("InvalidParameterValue", f"TCP/UDP port ({port}) out of range")


def group_default(request: Request) -> None:
    group = request.backend.get_security_group_from_id(request.text("GroupId"))
    if group is not None and group.name == "default":
        raise Refusal(
            "CannotDelete",
            f'the specified group: "{group.id}" name: "default" cannot be deleted by a user',
        )


def group_in_use(request: Request) -> None:
    group_id, backend = request.text("GroupId"), request.backend
    held = any(group_id in {group.id for group in eni.group_set} for eni in backend.enis.values())
    named = any(
        rule.source_group.get("GroupId") == group_id
        for groups in backend.groups.values()
        for group in groups.values()
        if group.id != group_id
        for rule in (*group.ingress_rules, *group.egress_rules)
    )
    if held or named:
        raise Refusal("DependencyViolation", f"resource {group_id} has a dependent object")


def acl_default(request: Request) -> None:
    acl = request.backend.network_acls.get(request.text("NetworkAclId"))
    if acl is not None and acl.default:
        raise Refusal("InvalidParameterValue", f"cannot delete default network ACL {acl.id}")


def acl_in_use(request: Request) -> None:
    acl = request.backend.network_acls.get(request.text("NetworkAclId"))
    if acl is not None and acl.associations:
        raise has_dependencies("networkAcl", acl.id)


def acl_association_unknown(request: Request) -> None:
    association_id, acl_id = request.text("AssociationId"), request.text("NetworkAclId")
    target = request.backend.network_acls.get(acl_id)
    if target is None:
        raise Refusal("InvalidNetworkAclID.NotFound", f"The networkAcl ID '{acl_id}' does not exist")
    for acl in request.backend.network_acls.values():
        if association_id in acl._associations:
            if acl.vpc_id != target.vpc_id:
                subnet_id = acl._associations[association_id].subnet_id
                raise different_networks(f"network ACL {acl_id}", f"subnet {subnet_id}")
            return
    raise Refusal("InvalidAssociationID.NotFound", f"The association ID '{association_id}' does not exist")


def acl_rule_number(request: Request) -> None:
    number = int(request.params.get("RuleNumber") or 0)
    if not 1 <= number <= HIGHEST_RULE_NUMBER:
        raise Refusal("InvalidParameterValue", f"The specified rule number must not be {number}")


def acl_entry_unknown(request: Request) -> None:
    acl = request.backend.network_acls.get(request.text("NetworkAclId"))
    wanted = (request.params.get("RuleNumber"), request.params.get("Egress"))
    if acl is not None and wanted not in [(entry.rule_number, entry.egress) for entry in acl.entries]:
        raise Refusal("InvalidNetworkAclEntry.NotFound", "The specified network ACL entry does not exist.")


GUARDS: dict[str, tuple[Guard, ...]] = {
    "CreateSecurityGroup": (group_text,),
    "AuthorizeSecurityGroupIngress": (rule_description, rule_ports),
    "AuthorizeSecurityGroupEgress": (rule_description, rule_ports),
    "DeleteSecurityGroup": (group_default, group_in_use),
    "DeleteNetworkAcl": (acl_default, acl_in_use),
    "ReplaceNetworkAclAssociation": (acl_association_unknown,),
    "CreateNetworkAclEntry": (acl_rule_number,),
    "DeleteNetworkAclEntry": (acl_rule_number, acl_entry_unknown),
    "ReplaceNetworkAclEntry": (acl_rule_number, acl_entry_unknown),
}
