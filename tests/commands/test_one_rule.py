"""add-rule and remove-rule: our rule comes and goes, everybody else's stays as it was, byte for byte.

Oracle's API is a dictionary on this machine. Does not prove that OCI takes back every foreign rule as it gave it.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands import one_rule
from commands.invocation import CommandError, SignInSettings
from commands.one_rule import Rule, with_rule, without_rule

OURS = "aws-oci-libreswan dev"
ROUTE = {"destination": "10.0.0.0/16", "destinationType": "CIDR_BLOCK", "networkEntityId": "ocid1.drg"}
INGRESS = {"protocol": "all", "source": "10.0.0.0/16"}
EGRESS = {"protocol": "6", "destination": "10.0.0.0/16", "tcpOptions": {"destinationPortRange": {"min": 22, "max": 22}}}

FOREIGN_ROUTES: list[dict[str, Any]] = [
    {
        "cidrBlock": None,
        "destination": "0.0.0.0/0",
        "networkEntityId": "ocid1.igw",
        "description": "ü",
        "new": [1],
    },
    {
        "destination": "10.9.0.0/16",
        "networkEntityId": "ocid1.lpg",
        "description": OURS + "2",
        "routeType": "STATIC",
    },
    {"destination": "all-fra-services", "destinationType": "SERVICE_CIDR_BLOCK", "networkEntityId": "ocid1.sgw"},
]
FOREIGN_INGRESS: list[dict[str, Any]] = [
    {"protocol": "6", "source": "0.0.0.0/0", "tcpOptions": {"destinationPortRange": {"min": 22, "max": 22}}},
    {"protocol": "all", "source": "10.0.0.0/16", "description": "somebody's, the same as ours"},
]


def rule(content: Mapping[str, Any], kind: str = "route", owner: str = OURS) -> Rule:
    return Rule(kind, "ocid1.list", content, owner)


def read_back(content: Mapping[str, Any]) -> dict[str, Any]:
    """As OCI shows our rule: with all that it fills in."""
    filled = {"routeType": "STATIC", "cidrBlock": content.get("destination"), "isStateless": False}
    filled |= {"icmpOptions": None, "sourceType": "CIDR_BLOCK", "destinationType": "CIDR_BLOCK"}
    return {**filled, **content, "description": OURS}


CASES: list[tuple[dict[str, Any], str, list[dict[str, Any]]]] = [
    (ROUTE, "route", FOREIGN_ROUTES),
    (INGRESS, "security", FOREIGN_INGRESS),
    (EGRESS, "security", [{**EGRESS, "description": None}]),
]


@pytest.mark.parametrize(("content", "kind", "foreign"), CASES)
def test_added_at_the_end_and_removed_without_a_trace(content: dict[str, Any], kind: str, foreign: list[Any]) -> None:
    before = copy.deepcopy(foreign)
    added = with_rule(foreign, rule(content, kind))
    assert added == [*before, {**content, "description": OURS}]
    assert without_rule(added, rule(content, kind)) == before
    assert foreign == before


@pytest.mark.parametrize(("content", "kind", "foreign"), CASES)
def test_our_rule_is_recognised_as_oci_shows_it(content: dict[str, Any], kind: str, foreign: list[Any]) -> None:
    present = [foreign[0], read_back(content), *foreign[1:]]
    assert with_rule(present, rule(content, kind)) is None
    assert without_rule(present, rule(content, kind)) == foreign


@pytest.mark.parametrize(("content", "kind", "foreign"), CASES)
def test_nothing_of_ours_to_remove(content: dict[str, Any], kind: str, foreign: list[Any]) -> None:
    assert without_rule(foreign, rule(content, kind)) is None


def test_our_route_to_another_target_is_replaced_in_its_place() -> None:
    old = {**read_back(ROUTE), "networkEntityId": "ocid1.olddrg"}
    changed = with_rule([old, *FOREIGN_ROUTES], rule(ROUTE))
    assert changed == [{**ROUTE, "description": OURS}, *FOREIGN_ROUTES]


def test_our_other_rules_stay() -> None:
    other = {**ROUTE, "destination": "10.1.0.0/16", "description": OURS}
    assert without_rule([other, read_back(ROUTE)], rule(ROUTE)) == [other]
    wider = {"protocol": "all", "source": "10.0.0.0/8", "description": OURS}
    assert without_rule([wider, read_back(INGRESS)], rule(INGRESS, "security")) == [wider]


@pytest.mark.parametrize(
    ("description", "said"), [("theirs", "theirs"), (None, "no description"), (OURS + " ", OURS + " ")]
)
def test_a_foreign_route_to_the_same_destination_is_refused(description: str | None, said: str) -> None:
    theirs = {"destination": "10.0.0.0/16", "networkEntityId": "ocid1.natgw", "description": description}
    with pytest.raises(CommandError) as refused:
        with_rule([*FOREIGN_ROUTES, theirs], rule(ROUTE))
    assert str(refused.value) == (
        "route table ocid1.list has a route to 10.0.0.0/16 of somebody else, to ocid1.natgw "
        f"({said}): it must go first, two routes to one destination are not possible"
    )
    assert without_rule([theirs], rule(ROUTE)) is None


def test_a_foreign_route_in_the_older_form_is_seen() -> None:
    with pytest.raises(CommandError, match="^route table ocid1.list has a route to 10.0.0.0/16 of somebody else"):
        with_rule([{"cidrBlock": "10.0.0.0/16", "networkEntityId": "ocid1.natgw"}], rule(ROUTE))


def test_stateless_is_another_rule() -> None:
    stateless = {**read_back(INGRESS), "isStateless": True}
    assert with_rule([stateless], rule(INGRESS, "security")) == [stateless, {**INGRESS, "description": OURS}]


foreign_rules = st.lists(
    st.fixed_dictionaries(
        {"source": st.sampled_from(["10.0.0.0/16", "0.0.0.0/0"]), "protocol": st.sampled_from(["all", "6"])},
        optional={
            "description": st.sampled_from([None, "", "x", OURS + "x"]),
            "isStateless": st.booleans(),
            "x": st.integers(),
        },
    ),
    max_size=8,
)


@given(foreign_rules)
def test_adding_and_removing_leaves_any_foreign_list_equal(foreign: list[dict[str, Any]]) -> None:
    before = json.dumps(foreign)
    added = with_rule(foreign, rule(INGRESS, "security"))
    assert added is not None and len(added) == len(foreign) + 1
    assert json.dumps(without_rule(added, rule(INGRESS, "security"))) == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"KIND": "nsg"}, "KIND: 'nsg' is refused: it must be route or security"),
        ({"LIST_ID": ""}, "LIST_ID is missing: the command needs it in its environment"),
        ({"OWNER": ""}, "OWNER is missing: the command needs it in its environment"),
        ({"OWNER": "o" * 256}, "OWNER is refused: it has 256 characters, at most 255 fit"),
        ({"RULE": "10.0.0.0/16"}, "RULE: '10.0.0.0/16' is refused: it must be a JSON object"),
        ({"RULE": "[]"}, "RULE: '[]' is refused: it must be a JSON object"),
        (
            {"RULE": '{"destination": "d", "networkEntityId": "n", "description": "x"}'},
            "RULE is refused: its description is OWNER, it must not have another",
        ),
        (
            {"RULE": '{"destination": "d"}'},
            'RULE: \'{"destination": "d"}\' is refused: a route must have networkEntityId',
        ),
        ({"RULE": "{}"}, "RULE: '{}' is refused: a route must have destination and networkEntityId"),
        (
            {"KIND": "security", "RULE": '{"protocol": "all"}'},
            'RULE: \'{"protocol": "all"}\' is refused: a security rule must have protocol and either '
            "source or destination",
        ),
        (
            {"KIND": "security", "RULE": '{"source": "s"}'},
            'RULE: \'{"source": "s"}\' is refused: a security rule must have protocol and either source or destination',
        ),
    ],
)
def test_refused_parameters(desk: Any, change: dict[str, str], message: str) -> None:
    environment = {"KIND": "route", "LIST_ID": "l", "OWNER": OURS, "RULE": json.dumps(ROUTE), **change}
    with pytest.raises(CommandError) as refused:
        Rule.parse(desk.invocation(environment))
    assert str(refused.value) == message


class Api:
    """One list, as OCI keeps it: an etag, and 412 for who writes with an old one."""

    def __init__(self, path: str, **lists: Any) -> None:
        self.path, self.body = path, {"id": "ocid1.list", "lifecycleState": "AVAILABLE", **lists}
        self.version = 1
        self.refusals: list[tuple[int, str]] = []
        self.written: list[Any] = []
        self.meddle: Any = None

    def __call__(self, method: str, path: str, body: Any, if_match: str | None) -> tuple[int, Any, Mapping[str, str]]:
        assert path == self.path, path
        if method == "GET":
            answer = 200, copy.deepcopy(self.body), {"etag": f"v{self.version}"}
            if self.meddle:
                self.meddle()
                self.meddle = None
            return answer
        if self.refusals:
            status, code = self.refusals.pop(0)
            return status, {"code": code, "message": "said so"}, {}
        if if_match != f"v{self.version}":
            return 412, {"code": "NoEtagMatch", "message": "changed in between"}, {}
        self.version += 1
        self.written.append(body)
        self.body.update(body)
        return 200, self.body, {"etag": f"v{self.version}"}


def environment_of(served: Any, content: Mapping[str, Any], kind: str) -> dict[str, str]:
    plain = {"KIND": kind, "LIST_ID": "ocid1.list", "OWNER": OURS, "RULE": json.dumps(content)}
    return {**served.environment, **plain}


@pytest.fixture
def routes() -> Api:
    return Api("/routeTables/ocid1.list", routeRules=copy.deepcopy(FOREIGN_ROUTES))


def invoke(
    command: Any, desk: Any, api_key: dict[str, str], served: Any, content: Any = ROUTE, kind: str = "route"
) -> None:
    command(desk.invocation(environment_of(served, content, kind), SignInSettings(oci=api_key)))


def test_a_route_comes_and_goes(desk: Any, api_key: dict[str, str], serve_oci: Any, routes: Api) -> None:
    served = serve_oci(routes)
    invoke(one_rule.add, desk, api_key, served)
    assert routes.written == [{"routeRules": [*FOREIGN_ROUTES, {**ROUTE, "description": OURS}]}]
    invoke(one_rule.add, desk, api_key, served)
    assert len(routes.written) == 1
    invoke(one_rule.remove, desk, api_key, served)
    assert json.dumps(routes.body["routeRules"]) == json.dumps(FOREIGN_ROUTES)
    invoke(one_rule.remove, desk, api_key, served)
    assert len(routes.written) == 2
    assert [line for line in desk.told if not line.startswith("[")] == [
        "route to 10.0.0.0/16 added to route table ocid1.list",
        "route to 10.0.0.0/16 is there already",
        "route to 10.0.0.0/16 removed from route table ocid1.list",
        "route to 10.0.0.0/16 with the description 'aws-oci-libreswan dev' is not there",
    ]


@pytest.mark.parametrize(
    ("content", "written", "name"),
    [
        (INGRESS, "ingressSecurityRules", "security rule from 10.0.0.0/16"),
        (EGRESS, "egressSecurityRules", "security rule to 10.0.0.0/16"),
    ],
)
def test_a_security_rule_touches_its_own_direction_only(
    desk: Any, api_key: dict[str, str], serve_oci: Any, content: dict[str, Any], written: str, name: str
) -> None:
    api = Api(
        "/securityLists/ocid1.list",
        ingressSecurityRules=copy.deepcopy(FOREIGN_INGRESS),
        egressSecurityRules=[{"protocol": "all", "destination": "0.0.0.0/0"}],
    )
    before = copy.deepcopy(api.body)
    served = serve_oci(api)
    invoke(one_rule.add, desk, api_key, served, content, "security")
    assert api.written == [{written: [*before[written], {**content, "description": OURS}]}]
    invoke(one_rule.remove, desk, api_key, served, content, "security")
    assert json.dumps(api.body) == json.dumps(before)
    assert desk.told[1] == f"{name} added to security list ocid1.list"


def test_our_old_route_is_updated(desk: Any, api_key: dict[str, str], serve_oci: Any, routes: Api) -> None:
    routes.body["routeRules"].insert(1, {**read_back(ROUTE), "networkEntityId": "ocid1.olddrg"})
    invoke(one_rule.add, desk, api_key, serve_oci(routes))
    assert routes.body["routeRules"][1] == {**ROUTE, "description": OURS}
    assert desk.told[-1] == "route to 10.0.0.0/16 updated in route table ocid1.list"


def test_somebody_who_writes_in_between_loses_nothing(
    desk: Any, api_key: dict[str, str], serve_oci: Any, routes: Api
) -> None:
    late = {"destination": "10.77.0.0/16", "networkEntityId": "ocid1.lpg"}

    def meddle() -> None:
        routes.body["routeRules"].insert(0, late)
        routes.version += 1

    routes.meddle = meddle
    invoke(one_rule.add, desk, api_key, serve_oci(routes))
    assert routes.body["routeRules"] == [late, *FOREIGN_ROUTES, {**ROUTE, "description": OURS}]
    assert desk.told[0] == (
        "[   0 s] trying again: cannot change route table ocid1.list: OCI says 412-NoEtagMatch: changed in between"
    )


def test_conflicts_and_throttling_are_outlived(desk: Any, api_key: dict[str, str], serve_oci: Any, routes: Api) -> None:
    routes.refusals = [(409, "IncorrectState"), (429, "TooManyRequests"), (503, "ServiceUnavailable")]
    invoke(one_rule.add, desk, api_key, serve_oci(routes))
    assert len(routes.written) == 1
    assert desk.now == 1003


def test_a_conflict_without_an_end(desk: Any, api_key: dict[str, str], serve_oci: Any, routes: Api) -> None:
    routes.refusals = [(409, "IncorrectState")] * 1000
    with pytest.raises(CommandError) as refused:
        invoke(one_rule.add, desk, api_key, serve_oci(routes))
    assert str(refused.value) == (
        "route table ocid1.list is not changed after 600 s: trying again: cannot change route table "
        "ocid1.list: "
        "OCI says 409-IncorrectState: said so"
    )


def test_a_list_that_may_not_be_changed(desk: Any, api_key: dict[str, str], serve_oci: Any, routes: Api) -> None:
    routes.refusals = [(400, "LimitExceeded")]
    with pytest.raises(CommandError) as refused:
        invoke(one_rule.add, desk, api_key, serve_oci(routes))
    assert str(refused.value) == ("cannot change route table ocid1.list: OCI says 400-LimitExceeded: said so")


def test_removing_from_a_list_that_is_gone_is_done(desk: Any, api_key: dict[str, str], serve_oci: Any) -> None:
    gone: Any = 404, {"code": "NotAuthorizedOrNotFound", "message": "said so"}, {}
    served = serve_oci(lambda *_: gone)
    invoke(one_rule.remove, desk, api_key, served)
    advice = "(it does not exist, or this sign-in may not see it)"
    said = f"cannot read route table ocid1.list: OCI says 404-NotAuthorizedOrNotFound: said so {advice}"
    assert desk.told == [f"nothing to remove: {said}"]
    with pytest.raises(CommandError) as refused:
        invoke(one_rule.add, desk, api_key, served)
    assert str(refused.value) == said


@pytest.mark.parametrize("state", ["TERMINATING", "TERMINATED"])
def test_a_list_that_goes_is_gone(desk: Any, api_key: dict[str, str], serve_oci: Any, routes: Api, state: str) -> None:
    routes.body["lifecycleState"] = state
    invoke(one_rule.remove, desk, api_key, serve_oci(routes))
    assert desk.told == [f"nothing to remove: route table ocid1.list is {state}"]
    assert routes.written == []


def test_without_an_etag_nothing_is_written(desk: Any, api_key: dict[str, str], serve_oci: Any) -> None:
    found = {"lifecycleState": "AVAILABLE", "routeRules": []}
    with pytest.raises(CommandError) as refused:
        invoke(one_rule.add, desk, api_key, serve_oci(lambda *_: (200, found, {})))
    assert str(refused.value) == "route table ocid1.list came without an etag: it cannot be changed safely"
