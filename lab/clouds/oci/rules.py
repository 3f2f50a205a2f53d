"""Route rules and security rules: what Oracle accepts, and what it fills in."""

from __future__ import annotations

from lab.clouds.oci import addressing
from lab.clouds.oci.errors import conflict, invalid, missing, unknown_related
from lab.clouds.oci.store import DRG_ATTACHMENT, INTERNET_GATEWAY, NETWORK_SECURITY_GROUP, Body, Store

_MAX_RULES = 200
_PROTOCOL_OPTIONS = {"icmpOptions": ("1", "58"), "tcpOptions": ("6",), "udpOptions": ("17",)}


def route_rules(store: Store, vcn_id: str, rules: list[Body]) -> list[Body]:
    """The rules of a VCN's route table, completed. Raises 400, also for a DRG not attached to the VCN."""
    if len(rules) > _MAX_RULES:
        raise invalid("routeRules", f"{len(rules)} rules given, at most {_MAX_RULES} allowed")
    completed: list[Body] = []
    for place, rule in enumerate(rules):
        path = f"routeRules[{place}]"
        destination = rule.get("destination", rule.get("cidrBlock"))
        if destination is None:
            raise missing(f"{path}.destination")
        kind = rule.get("destinationType", "CIDR_BLOCK")
        if kind == "CIDR_BLOCK":
            addressing.any_network(destination, f"{path}.destination")
        if any(destination == other["destination"] for other in completed):
            raise invalid(f"{path}.destination", f"{destination} has a rule already")
        _check_target(store, vcn_id, rule["networkEntityId"], f"{path}.networkEntityId")
        filled = {"destination": destination, "destinationType": kind, "routeType": "STATIC"}
        completed.append({key: value for key, value in rule.items() if key != "cidrBlock"} | filled)
    return completed


def _check_target(store: Store, vcn_id: str, ocid: str, attribute: str) -> None:
    if ocid.startswith("ocid1.drg."):
        attachments = store.of(DRG_ATTACHMENT, drgId=ocid, vcnId=vcn_id)
        if not any(attachment.ready for attachment in attachments):
            raise invalid(attribute, f"DRG {ocid} is not attached to VCN {vcn_id}")
    elif ocid.startswith("ocid1.internetgateway."):
        if store.related(INTERNET_GATEWAY, ocid, attribute).body["vcnId"] != vcn_id:
            raise invalid(attribute, f"{ocid} belongs to another VCN than {vcn_id}")
    else:
        raise unknown_related(attribute, ocid)


def security_list_rules(rules: list[Body], attribute: str, end: str) -> list[Body]:
    """Rules of a security list, completed; `end` is `source` or `destination`."""
    if len(rules) > _MAX_RULES:
        raise invalid(attribute, f"{len(rules)} rules given, at most {_MAX_RULES} allowed")
    return [_security_rule(rule, f"{attribute}[{place}]", end) for place, rule in enumerate(rules)]


def group_rule(store: Store, vcn_id: str, rule: Body, path: str) -> Body:
    """A rule of a network security group, completed."""
    end, other = ("source", "destination") if rule["direction"] == "INGRESS" else ("destination", "source")
    for name in (other, f"{other}Type"):
        if name in rule:
            raise invalid(f"{path}.{name}", f"not allowed with direction {rule['direction']}")
    completed = _security_rule(rule, path, end)
    if completed[f"{end}Type"] == "NETWORK_SECURITY_GROUP":
        group = store.related(NETWORK_SECURITY_GROUP, rule[end], f"{path}.{end}")
        if group.body["vcnId"] != vcn_id:
            raise conflict(f"{path}.{end}: {rule[end]} belongs to another VCN")
    return completed


def _security_rule(rule: Body, path: str, end: str) -> Body:
    if end not in rule:
        raise missing(f"{path}.{end}")
    completed = {"isStateless": False, f"{end}Type": "CIDR_BLOCK", **rule}
    if completed[f"{end}Type"] == "CIDR_BLOCK":
        addressing.any_network(rule[end], f"{path}.{end}")
    protocol = rule["protocol"]
    if protocol != "all" and not (protocol.isdecimal() and int(protocol) <= 255):
        raise invalid(f"{path}.protocol", f"{protocol!r} is neither 'all' nor a protocol number")
    for options, protocols in _PROTOCOL_OPTIONS.items():
        if options in rule and protocol not in protocols:
            raise invalid(f"{path}.{options}", f"not allowed with protocol {protocol}")
    for options in ("tcpOptions", "udpOptions"):
        for name, ports in rule.get(options, {}).items():
            if not 1 <= ports["min"] <= ports["max"] <= 65535:
                raise invalid(f"{path}.{options}.{name}", f"{ports['min']}-{ports['max']} is not a range of ports")
    return completed
