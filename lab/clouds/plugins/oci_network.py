"""The stand-in's VCN, subnet, route table, security list, rule of a network security group, DRG and attachment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lab.clouds.plugins import oci_shapes as shapes
from lab.clouds.plugins.oci_client import CORE, Api
from lab.clouds.plugins.table import EMPTY, Call, InitFailedError, ProviderError, Resource
from lab.clouds.plugins.values import Values

TAGS = frozenset({"definedTags", "freeformTags"})
NAMED = TAGS | {"displayName"}
_STATE = frozenset({"state", "timeCreated"})

Body = Callable[[Values], Values]
Outputs = Callable[[Api, Values], Values]


@dataclass(frozen=True, kw_only=True)
class Described:
    """A resource type with the usual five calls, and what is particular about it."""

    path: str
    """Its collection, e.g. `subnets`."""
    service: str = CORE
    identity: str = "id"
    """The attribute that is its OCID."""
    fixed: frozenset[str]
    """Inputs that only a create sends."""
    mutable: frozenset[str]
    """Inputs that an update sends too."""
    required: frozenset[str]
    force_new: frozenset[str]
    computed: frozenset[str] = _STATE
    """Pure outputs; inputs that are not given are computed as well."""
    unordered: frozenset[str] = EMPTY
    ready: str = "AVAILABLE"
    """State that a create waits for; empty: none."""
    ended: str = "TERMINATED"
    """State that a delete waits for; empty: none."""
    auto_name: str | None = None
    update_answers: bool = True
    """False where the answer to an update is not the resource, which is then read again."""
    to_api: Body = lambda sent: sent
    update_to_api: Body | None = None
    """Where an update takes another form than a create."""
    from_api: Outputs = lambda api, outputs: outputs
    before_update: Callable[[Api, str, Values, Values], None] = lambda api, identifier, old, new: None


def resource(described: Described) -> Resource:
    """The table entry of a described type."""
    inputs = described.fixed | described.mutable

    def outputs(api: Api, found: Values) -> Values:
        ignored = api.call.config.get("ignoreDefinedTags") or ()
        return described.from_api(api, shapes.properties(found, ignored))

    def settled(api: Api, found: Values) -> Values:
        path = f"{described.path}/{found[described.identity]}"
        if described.ready and found.get("lifecycleState") != described.ready:
            return api.wait(path, (described.ready,), lambda: api.find(path)) or found
        return found

    def create(call: Call, given: Values) -> tuple[str, Values]:
        api = Api(call, described.service)
        made = api.post(described.path, described.to_api(shapes.body(given, inputs)))
        try:
            return str(made[described.identity]), outputs(api, settled(api, made))
        except ProviderError as late:
            raise InitFailedError(str(made[described.identity]), shapes.properties(made), str(late)) from None

    def read(call: Call, identifier: str, _state: Values) -> Values | None:
        api = Api(call, described.service)
        found = api.find(f"{described.path}/{identifier}")
        if found is None or (described.ended and found.get("lifecycleState") == described.ended):
            return None
        return outputs(api, found)

    def update(call: Call, identifier: str, old: Values, given: Values) -> Values:
        api = Api(call, described.service)
        if old.get("compartmentId") != given.get("compartmentId") and "compartmentId" in described.fixed & given.keys():
            raise ProviderError("the stand-in oci plugin cannot move a resource to another compartment")
        described.before_update(api, identifier, old, given)
        in_api_form = described.update_to_api or described.to_api
        sent = in_api_form(shapes.body(given, described.mutable))
        path = f"{described.path}/{identifier}"
        answer = api.put(path, sent)
        return outputs(api, settled(api, answer if described.update_answers else api.get(path)))

    def delete(call: Call, identifier: str, _state: Values) -> None:
        Api(call, described.service).remove(f"{described.path}/{identifier}", described.ended or None)

    return Resource(
        inputs=inputs,
        required=described.required,
        force_new=described.force_new,
        computed=described.computed | inputs - described.required,
        unordered=described.unordered,
        auto_name=described.auto_name,
        create=create,
        read=read,
        update=update,
        delete=delete,
    )


def _edit_blocks(api: Api, identifier: str, old: Values, new: Values) -> None:
    """One change of a VCN's blocks at a time, as the real provider has it."""
    before: list[str] = old.get("cidrBlocks", [])
    after: list[str] = new.get("cidrBlocks", before)
    if before == after:
        return
    path = f"vcns/{identifier}/actions"
    if after[:-1] == before:
        api.post(f"{path}/addCidr", {"cidrBlock": after[-1]})
    elif gone := _one_missing(before, after):
        api.post(f"{path}/removeCidr", {"cidrBlock": gone})
    elif len(before) == len(after) and sum(x != y for x, y in zip(before, after, strict=True)) == 1:
        [(was, now)] = [(x, y) for x, y in zip(before, after, strict=True) if x != y]
        api.post(f"{path}/modifyCidr", {"originalCidrBlock": was, "newCidrBlock": now})
    else:
        raise ProviderError(
            "only one add/remove or modification is allowed at once, new cidr_block must be added at the end of list"
        )


def _one_missing(before: list[str], after: list[str]) -> str | None:
    """The block whose removal from `before` gives `after`."""
    for place, block in enumerate(before):
        if before[:place] + before[place + 1 :] == after:
            return block
    return None


def _list_rules(convert: Body) -> Body:
    def converted(values: Values) -> Values:
        rules = {
            name: [convert(rule) for rule in values[name]]
            for name in ("ingressSecurityRules", "egressSecurityRules")
            if name in values
        }
        return values | rules

    return converted


def _drg_outputs(api: Api, outputs: Values) -> Values:
    redundancy = api.get(f"drgs/{outputs['id']}/redundancyStatus")["status"]
    return outputs | {
        "defaultDrgRouteTables": shapes.block(outputs["defaultDrgRouteTables"]),
        "redundancyStatus": redundancy,
    }


def _attachment_body(*unsent: str) -> Body:
    def body(sent: Values) -> Values:
        network = {name: value for name, value in sent.get("networkDetails", {}).items() if name not in unsent}
        return sent | ({"networkDetails": network} if network else {})

    return body


def _create_group_rule(call: Call, given: Values) -> tuple[str, Values]:
    group = given["networkSecurityGroupId"]
    rule = shapes.group_rule_body({name: given[name] for name in _GROUP_RULE if name in given})
    answer = Api(call).post(f"networkSecurityGroups/{group}/actions/addSecurityRules", {"securityRules": [rule]})
    [made] = answer["securityRules"]
    return str(made["id"]), shapes.group_rule_properties(made)


def _read_group_rule(call: Call, identifier: str, state: Values) -> Values | None:
    api, group = Api(call), f"networkSecurityGroups/{state['networkSecurityGroupId']}"
    if api.find(group) is None:
        return None
    found = [rule for rule in api.get(f"{group}/securityRules") if rule["id"] == identifier]
    return shapes.group_rule_properties(found[0]) if found else None


def _update_group_rule(call: Call, identifier: str, _old: Values, given: Values) -> Values:
    path = f"networkSecurityGroups/{given['networkSecurityGroupId']}/actions/updateSecurityRules"
    rule = shapes.group_rule_body({name: given[name] for name in _GROUP_RULE if name in given})
    [changed] = Api(call).post(path, {"securityRules": [rule | {"id": identifier}]})["securityRules"]
    return shapes.group_rule_properties(changed)


def _delete_group_rule(call: Call, identifier: str, state: Values) -> None:
    if _read_group_rule(call, identifier, state) is not None:
        path = f"networkSecurityGroups/{state['networkSecurityGroupId']}/actions/removeSecurityRules"
        Api(call).post(path, {"securityRuleIds": [identifier]})


_GROUP_RULE = frozenset(
    {
        "description",
        "destination",
        "destinationType",
        "direction",
        "icmpOptions",
        "protocol",
        "source",
        "sourceType",
        "stateless",
        "tcpOptions",
        "udpOptions",
    }
)

RESOURCES = {
    "oci:Core/vcn:Vcn": resource(
        Described(
            path="vcns",
            fixed=frozenset({"compartmentId", "cidrBlock", "cidrBlocks", "dnsLabel", "isIpv6enabled"}),
            mutable=NAMED,
            required=frozenset({"compartmentId"}),
            force_new=frozenset({"cidrBlock", "dnsLabel"}),
            computed=_STATE
            | {
                "byoipv6cidrBlocks",
                "defaultDhcpOptionsId",
                "defaultRouteTableId",
                "defaultSecurityListId",
                "ipv6cidrBlocks",
                "vcnDomainName",
            },
            before_update=_edit_blocks,
        )
    ),
    "oci:Core/subnet:Subnet": resource(
        Described(
            path="subnets",
            fixed=frozenset(
                {
                    "availabilityDomain",
                    "compartmentId",
                    "dnsLabel",
                    "prohibitInternetIngress",
                    "prohibitPublicIpOnVnic",
                    "vcnId",
                }
            ),
            mutable=NAMED | {"cidrBlock", "dhcpOptionsId", "routeTableId", "securityListIds"},
            required=frozenset({"compartmentId", "vcnId"}),
            force_new=frozenset(
                {"availabilityDomain", "dnsLabel", "prohibitInternetIngress", "prohibitPublicIpOnVnic", "vcnId"}
            ),
            computed=_STATE | {"ipv6virtualRouterIp", "subnetDomainName", "virtualRouterIp", "virtualRouterMac"},
            unordered=frozenset({"securityListIds"}),
        )
    ),
    "oci:Core/routeTable:RouteTable": resource(
        Described(
            path="routeTables",
            fixed=frozenset({"compartmentId", "vcnId"}),
            mutable=NAMED | {"routeRules"},
            required=frozenset({"compartmentId", "vcnId"}),
            force_new=frozenset({"vcnId"}),
            unordered=frozenset({"routeRules"}),
        )
    ),
    "oci:Core/securityList:SecurityList": resource(
        Described(
            path="securityLists",
            fixed=frozenset({"compartmentId", "vcnId"}),
            mutable=NAMED | {"egressSecurityRules", "ingressSecurityRules"},
            required=frozenset({"compartmentId", "vcnId"}),
            force_new=frozenset({"vcnId"}),
            unordered=frozenset({"egressSecurityRules", "ingressSecurityRules"}),
            to_api=_list_rules(shapes.list_rule_body),
            from_api=lambda api, outputs: _list_rules(shapes.list_rule_properties)(outputs),
        )
    ),
    "oci:Core/networkSecurityGroup:NetworkSecurityGroup": resource(
        Described(
            path="networkSecurityGroups",
            fixed=frozenset({"compartmentId", "vcnId"}),
            mutable=NAMED,
            required=frozenset({"compartmentId", "vcnId"}),
            force_new=frozenset({"vcnId"}),
        )
    ),
    "oci:Core/networkSecurityGroupSecurityRule:NetworkSecurityGroupSecurityRule": Resource(
        inputs=_GROUP_RULE | {"networkSecurityGroupId"},
        required=frozenset({"direction", "networkSecurityGroupId", "protocol"}),
        force_new=frozenset({"networkSecurityGroupId"}),
        computed=frozenset({"isValid", "timeCreated", "stateless", "sourceType", "destinationType"}),
        create=_create_group_rule,
        read=_read_group_rule,
        update=_update_group_rule,
        delete=_delete_group_rule,
    ),
    "oci:Core/drg:Drg": resource(
        Described(
            path="drgs",
            fixed=frozenset({"compartmentId"}),
            mutable=NAMED,
            required=frozenset({"compartmentId"}),
            force_new=EMPTY,
            computed=_STATE | {"defaultDrgRouteTables", "defaultExportDrgRouteDistributionId", "redundancyStatus"},
            from_api=_drg_outputs,
        )
    ),
    "oci:Core/drgAttachment:DrgAttachment": resource(
        Described(
            path="drgAttachments",
            fixed=frozenset({"drgId", "vcnId"}),
            mutable=NAMED | {"drgRouteTableId", "networkDetails", "routeTableId"},
            required=frozenset({"drgId"}),
            force_new=frozenset({"drgId", "vcnId"}),
            computed=_STATE | {"compartmentId", "isCrossTenancy"},
            ready="ATTACHED",
            ended="DETACHED",
            to_api=_attachment_body("ids"),
            # What is attached to what is for life.
            update_to_api=_attachment_body("ids", "id"),
        )
    ),
}
