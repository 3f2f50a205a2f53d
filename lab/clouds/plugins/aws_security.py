"""AWS security groups: the group and its single rules."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lab.clouds.plugins.aws_checks import (
    all_of,
    at_most,
    between,
    cidr,
    exactly_one,
    security_group_name,
)
from lab.clouds.plugins.aws_client import (
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
from lab.clouds.plugins.table import Call, Resource
from lab.clouds.plugins.values import Values

_NO_GROUP = "InvalidGroup.NotFound"
_NO_RULE = ("InvalidSecurityGroupRuleId.NotFound", "InvalidPermission.NotFound")
SOURCES = ("cidrIpv4", "cidrIpv6", "prefixListId", "referencedSecurityGroupId")


def _find_group(ec2: Any, identifier: str) -> Any:
    found = unless([_NO_GROUP], lambda: ec2.describe_security_groups(GroupIds=[identifier]))
    return found["SecurityGroups"][0] if found else None


def _create_group(call: Call, inputs: Values) -> tuple[str, Values]:
    ec2 = client(call, "ec2", inputs)
    made = ec2.create_security_group(
        **given(
            GroupName=inputs["name"],
            Description=inputs.get("description", "Managed by Pulumi"),
            VpcId=inputs.get("vpcId"),
            TagSpecifications=tag_specification("security-group", inputs.get("tags")),
        )
    )
    identifier: str = made["GroupId"]
    # AWS lets everything out of a new group; the provider takes that rule away, so that only declared rules are.
    if egress := _find_group(ec2, identifier)["IpPermissionsEgress"]:
        ec2.revoke_security_group_egress(GroupId=identifier, IpPermissions=egress)
    return identifier, _read_group(call, identifier, inputs) or {}


def _read_group(call: Call, identifier: str, state: Values) -> Values | None:
    ec2 = client(call, "ec2", state)
    group = _find_group(ec2, identifier)
    if group is None:
        return None
    return {
        "arn": arn(call, "ec2", f"security-group/{identifier}", state),
        "description": group["Description"],
        "name": group["GroupName"],
        "ownerId": group["OwnerId"],
        "vpcId": group.get("VpcId"),
        "region": ec2.meta.region_name,
        **read_tags(call, group.get("Tags")),
    }


def _update_group(call: Call, identifier: str, state: Values, inputs: Values) -> Values:
    retag(client(call, "ec2", inputs), identifier, state, inputs)
    return _read_group(call, identifier, inputs) or {}


def _delete_group(call: Call, identifier: str, state: Values) -> None:
    ec2 = client(call, "ec2", state)
    remove(call, _NO_GROUP, lambda: ec2.delete_security_group(GroupId=identifier))


class _Rule:
    """Ingress and egress rules differ in two calls only."""

    def __init__(self, direction: str) -> None:
        self._egress = direction == "egress"
        self._direction = direction

    def create(self, call: Call, inputs: Values) -> tuple[str, Values]:
        ec2 = client(call, "ec2", inputs)
        made = getattr(ec2, f"authorize_security_group_{self._direction}")(
            **given(
                GroupId=inputs["securityGroupId"],
                IpPermissions=[_permission(inputs)],
                TagSpecifications=tag_specification("security-group-rule", inputs.get("tags")),
            )
        )
        identifier: str = made["SecurityGroupRules"][0]["SecurityGroupRuleId"]
        return identifier, self.read(call, identifier, inputs) or {}

    def read(self, call: Call, identifier: str, state: Values) -> Values | None:
        ec2 = client(call, "ec2", state)
        wanted = filters(security_group_rule_id=identifier)
        found = unless(
            _NO_RULE,
            lambda: ec2.describe_security_group_rules(Filters=wanted),
        )
        rules = found["SecurityGroupRules"] if found else []
        if not rules or rules[0]["IsEgress"] is not self._egress:
            return None
        [rule] = rules
        # For "all protocols" the API says ports -1 where none were given.
        ports = {} if rule["IpProtocol"] == "-1" else rule
        return {
            "arn": arn(call, "ec2", f"security-group-rule/{identifier}", state),
            "cidrIpv4": rule.get("CidrIpv4") or None,
            "cidrIpv6": rule.get("CidrIpv6") or None,
            "prefixListId": rule.get("PrefixListId") or None,
            "referencedSecurityGroupId": rule.get("ReferencedGroupInfo", {}).get("GroupId"),
            "description": rule.get("Description") or None,
            "fromPort": _port(ports.get("FromPort"), state.get("fromPort")),
            "toPort": _port(ports.get("ToPort"), state.get("toPort")),
            "ipProtocol": rule["IpProtocol"],
            "securityGroupId": rule["GroupId"],
            "securityGroupRuleId": identifier,
            "region": ec2.meta.region_name,
            **read_tags(call, rule.get("Tags")),
        }

    def update(self, call: Call, identifier: str, state: Values, inputs: Values) -> Values:
        ec2 = client(call, "ec2", inputs)
        ec2.modify_security_group_rules(
            GroupId=inputs["securityGroupId"],
            SecurityGroupRules=[
                {"SecurityGroupRuleId": identifier, "SecurityGroupRule": _modified(inputs)},
            ],
        )
        retag(ec2, identifier, state, inputs)
        return self.read(call, identifier, inputs) or {}

    def delete(self, call: Call, identifier: str, state: Values) -> None:
        ec2 = client(call, "ec2", state)
        unless(
            [*_NO_RULE, _NO_GROUP],
            lambda: getattr(ec2, f"revoke_security_group_{self._direction}")(
                GroupId=state["securityGroupId"], SecurityGroupRuleIds=[identifier]
            ),
        )


def _port(told: int | None, known: int | None) -> int | None:
    # A protocol without ports has them as -1 or not at all, which is the same.
    return known if told in (None, -1) and known in (None, -1) else told


def _permission(inputs: Values) -> dict[str, Any]:
    said = {"Description": inputs["description"]} if "description" in inputs else {}
    permission: dict[str, Any] = {"IpProtocol": inputs["ipProtocol"]}
    for key, name in (("fromPort", "FromPort"), ("toPort", "ToPort")):
        if key in inputs:
            permission[name] = inputs[key]
    for key, ranges, field in (
        ("cidrIpv4", "IpRanges", "CidrIp"),
        ("cidrIpv6", "Ipv6Ranges", "CidrIpv6"),
        ("prefixListId", "PrefixListIds", "PrefixListId"),
        ("referencedSecurityGroupId", "UserIdGroupPairs", "GroupId"),
    ):
        if key in inputs:
            permission[ranges] = [{field: inputs[key], **said}]
    return permission


def _modified(inputs: Values) -> dict[str, Any]:
    names = {
        "ipProtocol": "IpProtocol",
        "fromPort": "FromPort",
        "toPort": "ToPort",
        "cidrIpv4": "CidrIpv4",
        "cidrIpv6": "CidrIpv6",
        "prefixListId": "PrefixListId",
        "referencedSecurityGroupId": "ReferencedGroupId",
        "description": "Description",
    }
    # Without ports it means all of them, which is -1; moto wants to hear it.
    ports = {"FromPort": -1, "ToPort": -1}
    return ports | {name: inputs[key] for key, name in names.items() if key in inputs}


def _source_changed(old: Values, new: Values) -> Iterable[str]:
    """AWS changes a rule's source, but not the kind of its source."""
    kinds = [[key for key in SOURCES if key in inputs] for inputs in (old, new)]
    return SOURCES if kinds[0] != kinds[1] else ()


def _rule(direction: str) -> Resource:
    rule = _Rule(direction)
    return Resource(
        inputs=frozenset(
            {
                "securityGroupId",
                "ipProtocol",
                "fromPort",
                "toPort",
                "description",
                "tags",
                "region",
                *SOURCES,
            }
        ),
        required=frozenset({"securityGroupId", "ipProtocol"}),
        force_new=frozenset({"securityGroupId", "region"}),
        replaces_when=_source_changed,
        computed=frozenset({"arn", "securityGroupRuleId", "tagsAll"}),
        defaults=with_default_tags,
        check=all_of(
            exactly_one(*SOURCES),
            cidr("cidrIpv4"),
            between("fromPort", -1, 65_535),
            between("toPort", -1, 65_535),
        ),
        create=rule.create,
        read=rule.read,
        update=rule.update,
        delete=rule.delete,
    )


RESOURCES = {
    "aws:ec2/securityGroup:SecurityGroup": Resource(
        inputs=frozenset({"description", "name", "vpcId", "region", "tags"}),
        force_new=frozenset({"description", "name", "vpcId", "region"}),
        computed=frozenset({"arn", "ownerId", "tagsAll"}),
        auto_name="name",
        defaults=with_default_tags,
        check=all_of(security_group_name("name"), at_most("description", 255)),
        create=_create_group,
        read=_read_group,
        update=_update_group,
        delete=_delete_group,
    ),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": _rule("ingress"),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": _rule("egress"),
}
