"""VCNs and what lies in them: subnets, route tables, security lists, DHCP options, internet gateways.

Documented: https://docs.oracle.com/iaas/api/#/en/iaas/20160918/
"""

from __future__ import annotations

from ipaddress import IPv4Network

from lab.clouds.oci import addressing
from lab.clouds.oci.api import Answer, Collection, Request, Route, body_of, described, routes_of
from lab.clouds.oci.errors import conflict, invalid, missing
from lab.clouds.oci.rules import route_rules, security_list_rules
from lab.clouds.oci.store import (
    DHCP_OPTIONS,
    DRG_ATTACHMENT,
    INTERNET_GATEWAY,
    NETWORK_SECURITY_GROUP,
    ROUTE_TABLE,
    SECURITY_LIST,
    SUBNET,
    VCN,
    Body,
    Kind,
    Resource,
    Store,
)

_MAX_CIDR_BLOCKS = 5
# What a new VCN's default security list lets in (Oracle: Network/Concepts/securitylists.htm).
_SSH = {
    "protocol": "6",
    "source": "0.0.0.0/0",
    "tcpOptions": {"destinationPortRange": {"min": 22, "max": 22}},
}
_PATH_MTU = {"protocol": "1", "source": "0.0.0.0/0", "icmpOptions": {"type": 3, "code": 4}}
_ALL_OUT = {"protocol": "all", "destination": "0.0.0.0/0"}
_DHCP = [
    {"type": "DomainNameServer", "serverType": "VcnLocalPlusInternet", "customDnsServers": []},
]


def routes() -> list[Route]:
    collections = (_VCNS, _SUBNETS, _ROUTE_TABLES, _SECURITY_LISTS, _DHCP_OPTIONS, _INTERNET_GATEWAYS)
    return [route for collection in collections for route in routes_of(collection)] + [
        Route("POST", "/vcns/{id}/actions/addCidr", "AddVcnCidr", _add_cidr),
        Route("POST", "/vcns/{id}/actions/removeCidr", "RemoveVcnCidr", _remove_cidr),
        Route("POST", "/vcns/{id}/actions/modifyCidr", "ModifyVcnCidr", _modify_cidr),
    ]


def _create_vcn(store: Store, details: Body) -> Resource:
    if "cidrBlock" in details and "cidrBlocks" in details:
        raise invalid("cidrBlock", "must not be given with cidrBlocks")
    blocks = details.get("cidrBlocks") or [details[name] for name in ("cidrBlock",) if name in details]
    if not blocks:
        raise missing("cidrBlocks")
    _check_blocks(blocks)
    body = described(store, details, "dnsLabel") | {"cidrBlock": blocks[0], "cidrBlocks": blocks}
    if "dnsLabel" in details:
        body["vcnDomainName"] = f"{addressing.dns_label(details['dnsLabel'])}.oraclevcn.com"
    vcn = store.add(VCN, body)
    _add_defaults(store, vcn)
    return vcn


def _add_defaults(store: Store, vcn: Resource) -> None:
    name, blocks = vcn.body["displayName"], vcn.body["cidrBlocks"]
    own: Body = {
        "compartmentId": vcn.body["compartmentId"],
        "vcnId": vcn.id,
        "freeformTags": {},
        "definedTags": {},
    }
    table = store.add(ROUTE_TABLE, own | {"displayName": f"Default Route Table for {name}", "routeRules": []})
    unreachable = {"protocol": "1", "source": blocks[0], "icmpOptions": {"type": 3}}
    rules = security_list_rules([_SSH, _PATH_MTU, unreachable], "ingressSecurityRules", "source")
    security_list = store.add(
        SECURITY_LIST,
        own
        | {
            "displayName": f"Default Security List for {name}",
            "ingressSecurityRules": rules,
            "egressSecurityRules": security_list_rules([_ALL_OUT], "egressSecurityRules", "destination"),
        },
    )
    dhcp = store.add(DHCP_OPTIONS, own | {"displayName": f"Default DHCP Options for {name}", "options": _DHCP})
    vcn.body["defaultRouteTableId"] = table.id
    vcn.body["defaultSecurityListId"] = security_list.id
    vcn.body["defaultDhcpOptionsId"] = dhcp.id


def _check_blocks(blocks: list[str]) -> None:
    if len(blocks) > _MAX_CIDR_BLOCKS:
        raise invalid("cidrBlocks", f"{len(blocks)} blocks given, at most {_MAX_CIDR_BLOCKS} allowed")
    addressing.disjoint([addressing.cidr_block(block, "cidrBlocks") for block in blocks], "cidrBlocks")


def _set_blocks(store: Store, vcn: Resource, blocks: list[str]) -> Answer:
    _check_blocks(blocks)
    for subnet in store.of(SUBNET, vcnId=vcn.id):
        inside = IPv4Network(subnet.body["cidrBlock"])
        if not any(inside.subnet_of(IPv4Network(block)) for block in blocks):
            raise conflict(f"subnet {subnet.id} with {inside} is outside {', '.join(blocks)}")
    vcn.body |= {"cidrBlock": blocks[0], "cidrBlocks": blocks}
    store.touch(vcn)
    return Answer(status=202)


def _add_cidr(store: Store, request: Request) -> Answer:
    vcn = store.get(VCN, request.ids["id"], request.if_match)
    return _set_blocks(store, vcn, [*vcn.body["cidrBlocks"], body_of(request, "AddVcnCidrDetails")["cidrBlock"]])


def _remove_cidr(store: Store, request: Request) -> Answer:
    vcn = store.get(VCN, request.ids["id"], request.if_match)
    block = body_of(request, "RemoveVcnCidrDetails")["cidrBlock"]
    left = [other for other in vcn.body["cidrBlocks"] if other != block]
    if left == vcn.body["cidrBlocks"] or not left:
        raise invalid("cidrBlock", f"{block} is not one of several blocks of {vcn.id}")
    return _set_blocks(store, vcn, left)


def _modify_cidr(store: Store, request: Request) -> Answer:
    vcn = store.get(VCN, request.ids["id"], request.if_match)
    details = body_of(request, "ModifyVcnCidrDetails")
    old, new = details["originalCidrBlock"], details["newCidrBlock"]
    if old not in vcn.body["cidrBlocks"]:
        raise invalid("originalCidrBlock", f"{old} is not a block of {vcn.id}")
    return _set_blocks(store, vcn, [new if block == old else block for block in vcn.body["cidrBlocks"]])


def _delete_vcn(store: Store, vcn: Resource) -> None:
    defaults = {vcn.body[f"default{name}Id"] for name in ("RouteTable", "SecurityList", "DhcpOptions")}
    inhabitants = (
        SUBNET,
        DRG_ATTACHMENT,
        INTERNET_GATEWAY,
        NETWORK_SECURITY_GROUP,
        ROUTE_TABLE,
        SECURITY_LIST,
    )
    for kind in inhabitants:
        for resource in store.of(kind, vcnId=vcn.id):
            if resource.id not in defaults:
                raise conflict(f"VCN {vcn.id} still has {resource.id}")
    for kind in (ROUTE_TABLE, SECURITY_LIST, DHCP_OPTIONS):
        for resource in store.of(kind, vcnId=vcn.id):
            store.end(resource, store.behaviour.terminate_seconds)
    store.end(vcn, store.behaviour.terminate_seconds)


def _create_subnet(store: Store, details: Body) -> Resource:
    vcn = store.related(VCN, details["vcnId"], "vcnId")
    if "cidrBlock" not in details:
        raise missing("cidrBlock")
    block = _subnet_block(store, vcn, details["cidrBlock"], except_id=None)
    body = described(store, details, "vcnId", "availabilityDomain", "dnsLabel") | {
        "cidrBlock": str(block),
        "ipv4CidrBlocks": [str(block)],
        "dhcpOptionsId": details.get("dhcpOptionsId", vcn.body["defaultDhcpOptionsId"]),
        "routeTableId": details.get("routeTableId", vcn.body["defaultRouteTableId"]),
        "securityListIds": details.get("securityListIds") or [vcn.body["defaultSecurityListId"]],
        "prohibitInternetIngress": details.get("prohibitInternetIngress", False),
        "prohibitPublicIpOnVnic": details.get("prohibitPublicIpOnVnic", False),
        "virtualRouterIp": str(addressing.first_host(block)),
        "virtualRouterMac": "00:00:17:00:00:01",
    }
    _check_subnet_links(store, vcn.id, body)
    if "dnsLabel" in details:
        body["subnetDomainName"] = _subnet_domain(store, vcn, details["dnsLabel"])
    return store.add(SUBNET, body)


def _subnet_block(store: Store, vcn: Resource, text: str, except_id: str | None) -> IPv4Network:
    block = addressing.cidr_block(text, "cidrBlock")
    addressing.within(block, vcn.body["cidrBlocks"], "cidrBlock")
    for other in store.of(SUBNET, vcnId=vcn.id):
        if other.id != except_id and block.overlaps(IPv4Network(other.body["cidrBlock"])):
            raise invalid("cidrBlock", f"{block} overlaps {other.body['cidrBlock']} of {other.id}")
    return block


def _subnet_domain(store: Store, vcn: Resource, label: str) -> str:
    addressing.dns_label(label)
    if "vcnDomainName" not in vcn.body:
        raise invalid("dnsLabel", f"VCN {vcn.id} has none, so its subnets cannot")
    if store.of(SUBNET, vcnId=vcn.id, dnsLabel=label):
        raise invalid("dnsLabel", f"{label!r} is taken by another subnet of {vcn.id}")
    return f"{label}.{vcn.body['vcnDomainName']}"


def _check_subnet_links(store: Store, vcn_id: str, body: Body) -> None:
    lists, most = body.get("securityListIds", []), store.behaviour.max_security_lists
    if len(lists) > most:
        raise invalid("securityListIds", f"{len(lists)} lists given, at most {most} allowed")
    links: list[tuple[Kind, str, str]] = [(SECURITY_LIST, ocid, "securityListIds") for ocid in lists]
    for kind, name in ((ROUTE_TABLE, "routeTableId"), (DHCP_OPTIONS, "dhcpOptionsId")):
        if name in body:
            links.append((kind, body[name], name))
    for kind, ocid, attribute in links:
        if store.related(kind, ocid, attribute).body["vcnId"] != vcn_id:
            raise invalid(attribute, f"{ocid} belongs to another VCN than {vcn_id}")


def _update_subnet(store: Store, subnet: Resource, details: Body) -> None:
    _check_subnet_links(store, subnet.body["vcnId"], details)
    if "cidrBlock" in details:
        vcn = store.get(VCN, subnet.body["vcnId"])
        block = str(_subnet_block(store, vcn, details["cidrBlock"], except_id=subnet.id))
        subnet.body |= {"cidrBlock": block, "ipv4CidrBlocks": [block]}
    for name in ("routeTableId", "dhcpOptionsId", "securityListIds"):
        if name in details:
            subnet.body[name] = details[name]


def _delete_subnet(store: Store, subnet: Resource) -> None:
    store.end(subnet, store.behaviour.terminate_seconds)


def _create_route_table(store: Store, details: Body) -> Resource:
    vcn = store.related(VCN, details["vcnId"], "vcnId")
    rules = route_rules(store, vcn.id, details.get("routeRules", []))
    return store.add(ROUTE_TABLE, described(store, details, "vcnId") | {"routeRules": rules})


def _update_route_table(store: Store, table: Resource, details: Body) -> None:
    if "routeRules" in details:
        table.body["routeRules"] = route_rules(store, table.body["vcnId"], details["routeRules"])


def _delete_route_table(store: Store, table: Resource) -> None:
    _keep_default(store, table, "defaultRouteTableId")
    for subnet in store.of(SUBNET, routeTableId=table.id):
        raise conflict(f"route table {table.id} is used by subnet {subnet.id}")
    for attachment in store.of(DRG_ATTACHMENT, routeTableId=table.id):
        raise conflict(f"route table {table.id} is used by DRG attachment {attachment.id}")
    store.end(table, store.behaviour.terminate_seconds)


def _create_security_list(store: Store, details: Body) -> Resource:
    store.related(VCN, details["vcnId"], "vcnId")
    return store.add(SECURITY_LIST, described(store, details, "vcnId") | _list_rules(details))


def _update_security_list(store: Store, security_list: Resource, details: Body) -> None:
    security_list.body |= _list_rules(details)


def _list_rules(details: Body) -> Body:
    ends = {"ingressSecurityRules": "source", "egressSecurityRules": "destination"}
    return {name: security_list_rules(details[name], name, end) for name, end in ends.items() if name in details}


def _delete_security_list(store: Store, security_list: Resource) -> None:
    _keep_default(store, security_list, "defaultSecurityListId")
    for subnet in store.of(SUBNET, vcnId=security_list.body["vcnId"]):
        if security_list.id in subnet.body["securityListIds"]:
            raise conflict(f"security list {security_list.id} is used by subnet {subnet.id}")
    store.end(security_list, store.behaviour.terminate_seconds)


def _keep_default(store: Store, resource: Resource, attribute: str) -> None:
    vcn = store.get(VCN, resource.body["vcnId"])
    if vcn.body[attribute] == resource.id:
        raise conflict(f"{resource.id} is the default of VCN {vcn.id} and goes with it")


def _create_internet_gateway(store: Store, details: Body) -> Resource:
    store.related(VCN, details["vcnId"], "vcnId")
    for other in store.of(INTERNET_GATEWAY, vcnId=details["vcnId"]):
        raise conflict(f"VCN {details['vcnId']} already has internet gateway {other.id}")
    return store.add(INTERNET_GATEWAY, described(store, details, "vcnId", "isEnabled"))


def _update_internet_gateway(store: Store, gateway: Resource, details: Body) -> None:
    if "isEnabled" in details:
        gateway.body["isEnabled"] = details["isEnabled"]


def _delete_internet_gateway(store: Store, gateway: Resource) -> None:
    refuse_routed(store, gateway.id, gateway.body["vcnId"])
    store.end(gateway, store.behaviour.terminate_seconds)


def refuse_routed(store: Store, target: str, vcn_id: str) -> None:
    """Raises 409 while a route table of the VCN has a rule to the target."""
    for table in store.of(ROUTE_TABLE, vcnId=vcn_id):
        for rule in table.body["routeRules"]:
            if rule["networkEntityId"] == target:
                raise conflict(f"route table {table.id} still has a rule for {rule['destination']} to {target}")


_VCNS = Collection(
    VCN, "vcns", "Vcn", "Vcns",
    create=_create_vcn, create_model="CreateVcnDetails",
    update_model="UpdateVcnDetails", delete=_delete_vcn, filters=(),
)  # fmt: skip
_SUBNETS = Collection(
    SUBNET, "subnets", "Subnet", "Subnets",
    create=_create_subnet, create_model="CreateSubnetDetails",
    update=_update_subnet, update_model="UpdateSubnetDetails", delete=_delete_subnet,
)  # fmt: skip
_ROUTE_TABLES = Collection(
    ROUTE_TABLE, "routeTables", "RouteTable", "RouteTables",
    create=_create_route_table, create_model="CreateRouteTableDetails",
    update=_update_route_table, update_model="UpdateRouteTableDetails", delete=_delete_route_table,
)  # fmt: skip
_SECURITY_LISTS = Collection(
    SECURITY_LIST, "securityLists", "SecurityList", "SecurityLists",
    create=_create_security_list, create_model="CreateSecurityListDetails",
    update=_update_security_list, update_model="UpdateSecurityListDetails", delete=_delete_security_list,
)  # fmt: skip
_DHCP_OPTIONS = Collection(DHCP_OPTIONS, "dhcps", "DhcpOptions", "DhcpOptions")
_INTERNET_GATEWAYS = Collection(
    INTERNET_GATEWAY, "internetGateways", "InternetGateway", "InternetGateways",
    create=_create_internet_gateway, create_model="CreateInternetGatewayDetails",
    update=_update_internet_gateway, update_model="UpdateInternetGatewayDetails",
    delete=_delete_internet_gateway,
)  # fmt: skip
