"""add-rule, remove-rule: one rule of a list that belongs to somebody else.

OCI has no resource for one rule of a route table or security list: an update replaces the whole list. So the
list is read, changed in one place and written back only if nobody else wrote in between (`if-match`). A rule
is ours if its description says so; no other is touched, and the JSON of the others goes back as it came.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from commands.invocation import CommandError, Invocation
from commands.oci_calls import GoneError, oci_call
from commands.oci_sign_in import virtual_network_client
from commands.polling import Look, TimeOverError, poll

TIMEOUT_SECONDS = 600.0
LONGEST_DESCRIPTION = 255  # https://docs.oracle.com/en-us/iaas/api/#/en/iaas/20160918/RouteRule/

Rules = Sequence[Mapping[str, Any]]

# What OCI fills in, so that a rule read back is recognised as the one that was written.
FILLED_IN: Mapping[str, object] = {
    "isStateless": False,
    "sourceType": "CIDR_BLOCK",
    "destinationType": "CIDR_BLOCK",
    "routeType": "STATIC",
}


@dataclass(frozen=True)
class Rule:
    """The rule this run is about."""

    kind: str
    """route or security."""
    list_id: str
    content: Mapping[str, Any]
    """In the API's camelCase, without the description."""
    owner: str
    """The description that makes it ours."""

    @classmethod
    def parse(cls, invocation: Invocation) -> Rule:
        """From KIND, LIST_ID, RULE and OWNER. Raises CommandError that names the variable."""
        kind, owner = invocation.text("KIND"), invocation.text("OWNER")
        if kind not in ("route", "security"):
            raise CommandError(f"KIND: {kind!r} is refused: it must be route or security")
        if len(owner) > LONGEST_DESCRIPTION:
            raise CommandError(f"OWNER is refused: it has {len(owner)} characters, at most {LONGEST_DESCRIPTION} fit")
        return cls(kind, invocation.text("LIST_ID"), _content(kind, invocation.text("RULE")), owner)

    @property
    def field(self) -> str:
        """The list that holds it."""
        if self.kind == "route":
            return "routeRules"
        return "ingressSecurityRules" if "source" in self.content else "egressSecurityRules"

    @property
    def name(self) -> str:
        """What a person calls it."""
        if self.kind == "route":
            return f"route to {self.content['destination']}"
        way = "from" if "source" in self.content else "to"
        return f"security rule {way} {self.content.get('source') or self.content.get('destination')}"

    def with_owner(self) -> dict[str, Any]:
        return {**self.content, "description": self.owner}

    def is_ours(self, rule: Mapping[str, Any]) -> bool:
        """Ours, and this one: the same destination (route), the same content (security)."""
        return rule.get("description") == self.owner and self.is_same(rule)

    def is_same(self, rule: Mapping[str, Any]) -> bool:
        if self.kind == "route":
            # A rule may still be in the older form, with the destination as its cidrBlock.
            return bool(self.content["destination"] in (rule.get("destination"), rule.get("cidrBlock")))
        return _plain(rule) == _plain(self.content)


def _content(kind: str, text: str) -> Mapping[str, Any]:
    try:
        given = json.loads(text)
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise CommandError(f"RULE: {text!r} is refused: it must be a JSON object")
    if "description" in given:
        raise CommandError("RULE is refused: its description is OWNER, it must not have another")
    if kind == "route":
        missing = [name for name in ("destination", "networkEntityId") if not given.get(name)]
        if missing:
            raise CommandError(f"RULE: {text!r} is refused: a route must have {' and '.join(missing)}")
    elif not given.get("protocol") or ("source" in given) == ("destination" in given):
        raise CommandError(
            f"RULE: {text!r} is refused: a security rule must have protocol and either source or destination"
        )
    return given


def with_rule(rules: Rules, rule: Rule) -> list[Mapping[str, Any]] | None:
    """
    The list with the rule, every other one where it was; None if it is there already.

    An older form of our route is replaced in its place. Raises CommandError for a foreign route to the same
    destination: OCI takes one only, and that one is not ours to change.
    """
    for at, present in enumerate(rules):
        if rule.is_ours(present):
            if _plain(present) == _plain(rule.content):
                return None
            return [*rules[:at], rule.with_owner(), *rules[at + 1 :]]
        if rule.kind == "route" and rule.is_same(present):
            raise CommandError(
                f"route table {rule.list_id} has a {rule.name} of somebody else, to "
                f"{present.get('networkEntityId')} ({present.get('description') or 'no description'}): "
                "it must go first, two routes to one destination are not possible"
            )
    return [*rules, rule.with_owner()]


def without_rule(rules: Rules, rule: Rule) -> list[Mapping[str, Any]] | None:
    """The list without our rule, every other one as it was; None if it is not there."""
    left = [present for present in rules if not rule.is_ours(present)]
    return None if len(left) == len(rules) else left


def _plain(rule: Mapping[str, Any]) -> object:
    """A rule without what OCI fills in, its description, and the deprecated twin of its destination."""
    return {
        name: _without_nulls(value)
        for name, value in rule.items()
        if value is not None and name not in ("description", "cidrBlock") and FILLED_IN.get(name) != value
    }


def _without_nulls(value: object) -> object:
    if isinstance(value, dict):
        return {name: _without_nulls(each) for name, each in value.items() if each is not None}
    return value


def add(invocation: Invocation) -> None:
    """Puts the rule in. Raises CommandError if it cannot be, or a foreign route has its destination."""
    rule = Rule.parse(invocation)
    invocation.tell(change(_client(invocation), rule, with_rule, invocation) or f"{rule.name} is there already")


def remove(invocation: Invocation) -> None:
    """Takes the rule out; a rule or a list that is gone is fine. Raises CommandError if it cannot be."""
    rule = Rule.parse(invocation)
    try:
        told = change(_client(invocation), rule, without_rule, invocation)
    except GoneError as gone:
        told = f"nothing to remove: {gone}"
    invocation.tell(told or f"{rule.name} with the description {rule.owner!r} is not there")


def _client(invocation: Invocation) -> Any:
    # Raw, because a model of the SDK would drop a field of a foreign rule that is newer than the SDK.
    return virtual_network_client(invocation.settings.oci, invocation.environment, raw=True)


def change(
    client: Any,
    rule: Rule,
    changed: Callable[[Rules, Rule], list[Mapping[str, Any]] | None],
    invocation: Invocation,
) -> str:
    """What was done, or an empty text if there was nothing to do. Raises GoneError, CommandError."""
    if rule.kind == "route":
        read, write, kind = client.get_route_table, client.update_route_table, "route table"
    else:
        read, write, kind = client.get_security_list, client.update_security_list, "security list"

    def look(_: float) -> Look[str]:
        with oci_call(f"read {kind} {rule.list_id}"):
            found = read(rule.list_id)
        if found.data["lifecycleState"] in ("TERMINATING", "TERMINATED"):
            raise GoneError(f"{kind} {rule.list_id} is {found.data['lifecycleState']}")
        present = found.data[rule.field]
        wanted = changed(present, rule)
        if wanted is None:
            return Look(f"{kind} {rule.list_id}: nothing to do", "")
        etag = found.headers.get("etag")
        if not etag:
            raise CommandError(f"{kind} {rule.list_id} came without an etag: it cannot be changed safely")
        with oci_call(f"change {kind} {rule.list_id}"):
            write(rule.list_id, {rule.field: wanted}, if_match=etag)
        done = (
            "added to" if len(wanted) > len(present) else "removed from" if len(wanted) < len(present) else "updated in"
        )
        return Look(f"{kind} {rule.list_id}: written", f"{rule.name} {done} {kind} {rule.list_id}")

    try:
        return poll(look, TIMEOUT_SECONDS, invocation)
    except TimeOverError as last:
        raise CommandError(f"{kind} {rule.list_id} is not changed after {TIMEOUT_SECONDS:.0f} s: {last}") from None
