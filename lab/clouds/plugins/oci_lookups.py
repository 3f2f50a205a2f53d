"""The stand-in's look-ups: what pulumi-oci's data sources of the core service return."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lab.clouds.plugins import oci_shapes as shapes
from lab.clouds.plugins.oci_client import Api
from lab.clouds.plugins.table import Call, Lookup, ProviderError
from lab.clouds.plugins.values import Values


def _one(path: str, argument: str) -> Lookup:
    """A look-up of one resource by its id."""

    def look(call: Call, given: Values) -> Values:
        found = Api(call).get(f"{path}/{given[argument]}")
        return shapes.properties(found) | {argument: given[argument]}

    return look


def _many(path: str, results: str, arguments: Sequence[str], shape: Lookup | None = None) -> Lookup:
    """A look-up of a listing: the arguments are returned beside the results."""

    def look(call: Call, given: Values) -> Values:
        if given.get("filters"):
            raise ProviderError(f"the stand-in oci plugin has no filters, used by the look-up of {results}")
        asked = {name: given[name] for name in arguments if name in given}
        query = {"lifecycleState" if name == "state" else name: value for name, value in asked.items()}
        found = [shapes.properties(item) for item in Api(call).get(path, **query)]
        return asked | {"id": f"{results}-0", results: [shape(call, item) if shape else item for item in found]}

    return look


def _security_list(_call: Call, security_list: Values) -> Values:
    return security_list | {
        name: [_list_rule(rule) for rule in security_list[name]]
        for name in ("ingressSecurityRules", "egressSecurityRules")
        if name in security_list
    }


def _list_rule(rule: Values) -> Values:
    found = shapes.list_rule_properties(rule)
    for options in ("tcpOptions", "udpOptions"):
        ports = found.get(options)
        if ports and "sourcePortRange" in ports:
            ports["sourcePortRanges"] = shapes.block(ports.pop("sourcePortRange"))
        found[options] = shapes.block(ports)
    return found | {"icmpOptions": shapes.block(found.get("icmpOptions"))}


def _attachment(_call: Call, attachment: Values) -> Values:
    return attachment | {"networkDetails": shapes.block(attachment["networkDetails"])}


def _drg(call: Call, drg: Values) -> Values:
    return drg | {
        "defaultDrgRouteTables": shapes.block(drg["defaultDrgRouteTables"]),
        "redundancyStatus": Api(call).get(f"drgs/{drg['id']}/redundancyStatus")["status"],
    }


def _shape(_call: Call, shape: Values) -> Values:
    return {"cpeDeviceShapeId": shape["id"], "cpeDeviceInfos": shapes.block(shape["cpeDeviceInfo"])}


def _tunnel(tunnel: Values) -> Values:
    """A tunnel as the look-ups have it: nested objects in lists, and never the shared secret."""
    found = shapes.tunnel_properties(tunnel)
    return found | {
        "bgpSessionInfos": shapes.block(found.pop("bgpSessionInfo", None)),
        "encryptionDomainConfigs": shapes.block(found.pop("encryptionDomainConfig", None)),
        "phaseOneDetails": shapes.block(found["phaseOneDetails"]),
        "phaseTwoDetails": shapes.block(found["phaseTwoDetails"]),
        "dpdConfigs": [],
    }


def _tunnels(call: Call, given: Values) -> Values:
    if given.get("filters"):
        raise ProviderError("the stand-in oci plugin has no filters, used by the look-up of tunnels")
    found = Api(call).get(f"ipsecConnections/{given['ipsecId']}/tunnels")
    return {
        "id": f"tunnels-{given['ipsecId']}",
        "ipsecId": given["ipsecId"],
        "ipSecConnectionTunnels": [_tunnel(tunnel) for tunnel in found],
    }


def _one_tunnel(call: Call, given: Values) -> Values:
    found = Api(call).get(f"ipsecConnections/{given['ipsecId']}/tunnels/{given['tunnelId']}")
    return _tunnel(found) | {"ipsecId": given["ipsecId"], "tunnelId": given["tunnelId"]}


def _rules(call: Call, given: Values) -> Values:
    asked = {name: given[name] for name in ("drgRouteTableId", "routeType") if name in given}
    path = f"drgRouteTables/{given['drgRouteTableId']}/drgRouteRules"
    found = Api(call).get(path, routeType=given.get("routeType"))
    return asked | {"id": f"drgRouteRules-{given['drgRouteTableId']}", "drgRouteRules": found}


def _token(name: str) -> str:
    return f"oci:Core/{name}:{name}"


_IN_VCN = ("compartmentId", "displayName", "state", "vcnId")
_ATTACHMENTS = ("attachmentType", "compartmentId", "displayName", "drgId", "drgRouteTableId", "networkId", "state")

FUNCTIONS: Mapping[str, Lookup] = {
    _token("getVcn"): _one("vcns", "vcnId"),
    _token("getSubnet"): _one("subnets", "subnetId"),
    _token("getNetworkSecurityGroup"): _one("networkSecurityGroups", "networkSecurityGroupId"),
    _token("getVcns"): _many("vcns", "virtualNetworks", ("compartmentId", "displayName", "state")),
    _token("getSubnets"): _many("subnets", "subnets", _IN_VCN),
    _token("getRouteTables"): _many("routeTables", "routeTables", _IN_VCN),
    _token("getSecurityLists"): _many("securityLists", "securityLists", _IN_VCN, _security_list),
    _token("getDrgs"): _many("drgs", "drgs", ("compartmentId",), _drg),
    _token("getDrgAttachments"): _many("drgAttachments", "drgAttachments", (*_ATTACHMENTS, "vcnId"), _attachment),
    _token("getDrgRouteTables"): _many(
        "drgRouteTables", "drgRouteTables", ("displayName", "drgId", "importDrgRouteDistributionId", "state")
    ),
    _token("getDrgRouteTableRouteRules"): _rules,
    _token("getIpsecConnections"): _many("ipsecConnections", "connections", ("compartmentId", "cpeId", "drgId")),
    _token("getIpsecConnectionTunnels"): _tunnels,
    _token("getIpsecConnectionTunnel"): _one_tunnel,
    _token("getCpeDeviceShapes"): _many("cpeDeviceShapes", "cpeDeviceShapes", (), _shape),
}
