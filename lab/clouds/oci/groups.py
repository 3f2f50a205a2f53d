"""Network security groups, and their rules, which have calls and ids of their own."""

from __future__ import annotations

import secrets

from lab.clouds.oci.api import Answer, Collection, Request, Route, body_of, described, listed, routes_of
from lab.clouds.oci.errors import conflict, invalid
from lab.clouds.oci.rules import group_rule
from lab.clouds.oci.store import NETWORK_SECURITY_GROUP, VCN, Body, Resource, Store, timestamp

_MOST_AT_ONCE = 25
_MOST = 120
_PATH = "/networkSecurityGroups/{id}"


def routes() -> list[Route]:
    rules = "NetworkSecurityGroupSecurityRules"
    return [
        *routes_of(_GROUPS),
        Route("GET", f"{_PATH}/securityRules", f"List{rules}", _list_rules),
        Route("POST", f"{_PATH}/actions/addSecurityRules", f"Add{rules}", _add_rules),
        Route("POST", f"{_PATH}/actions/updateSecurityRules", f"Update{rules}", _update_rules),
        Route("POST", f"{_PATH}/actions/removeSecurityRules", f"Remove{rules}", _remove_rules),
    ]


def _create(store: Store, details: Body) -> Resource:
    store.related(VCN, details["vcnId"], "vcnId")
    return store.add(NETWORK_SECURITY_GROUP, described(store, details, "vcnId"), private={"rules": []})


def _delete(store: Store, group: Resource) -> None:
    for other in store.of(NETWORK_SECURITY_GROUP, vcnId=group.body["vcnId"]):
        if other.id != group.id and any(group.id in (r.get("source"), r.get("destination")) for r in _rules(other)):
            raise conflict(f"{group.id} is named by a rule of {other.id}")
    store.end(group, store.behaviour.terminate_seconds)


def _rules(group: Resource) -> list[Body]:
    rules: list[Body] = group.private["rules"]
    return rules


def _group(store: Store, request: Request) -> Resource:
    return store.get(NETWORK_SECURITY_GROUP, request.ids["id"])


def _list_rules(store: Store, request: Request) -> Answer:
    wanted = request.query.get("direction")
    return listed(store, [rule for rule in _rules(_group(store, request)) if wanted in (None, rule["direction"])])


def _add_rules(store: Store, request: Request) -> Answer:
    group = _group(store, request)
    given = body_of(request, "AddNetworkSecurityGroupSecurityRulesDetails").get("securityRules", [])
    if not 1 <= len(given) <= _MOST_AT_ONCE or len(_rules(group)) + len(given) > _MOST:
        raise invalid("securityRules", f"1 to {_MOST_AT_ONCE} rules a call and {_MOST} a group are allowed")
    added = [
        _completed(store, group, rule, place) | {"id": secrets.token_hex(3).upper(), "timeCreated": timestamp()}
        for place, rule in enumerate(given)
    ]
    _rules(group).extend(added)
    return Answer({"securityRules": added})


def _update_rules(store: Store, request: Request) -> Answer:
    group = _group(store, request)
    given = body_of(request, "UpdateNetworkSecurityGroupSecurityRulesDetails").get("securityRules", [])
    updated = []
    for place, rule in enumerate(given):
        old = _rule(group, rule["id"], f"securityRules[{place}].id")
        new = _completed(store, group, rule, place) | {"timeCreated": old["timeCreated"]}
        updated.append((old, new))
    for old, new in updated:
        old.clear()
        old.update(new)
    return Answer({"securityRules": [new for _, new in updated]})


def _remove_rules(store: Store, request: Request) -> Answer:
    group = _group(store, request)
    ids = body_of(request, "RemoveNetworkSecurityGroupSecurityRulesDetails").get("securityRuleIds", [])
    going = [_rule(group, rule_id, "securityRuleIds") for rule_id in ids]
    group.private["rules"] = [rule for rule in _rules(group) if rule not in going]
    return Answer(status=204)


def _rule(group: Resource, rule_id: str, attribute: str) -> Body:
    for rule in _rules(group):
        if rule["id"] == rule_id:
            return rule
    raise invalid(attribute, f"{rule_id} is no rule of {group.id}")


def _completed(store: Store, group: Resource, rule: Body, place: int) -> Body:
    return group_rule(store, group.body["vcnId"], rule, f"securityRules[{place}]") | {"isValid": True}


_GROUPS = Collection(
    NETWORK_SECURITY_GROUP, "networkSecurityGroups", "NetworkSecurityGroup", "NetworkSecurityGroups",
    create=_create, create_model="CreateNetworkSecurityGroupDetails",
    update_model="UpdateNetworkSecurityGroupDetails", delete=_delete, required_filters=(),
)  # fmt: skip
