"""Oracle's attributes and pulumi-oci's properties: the same things under other names and shapes. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from lab.clouds.plugins.values import Values

_PORTS = ("tcpOptions", "udpOptions")


def properties(body: Values, ignored_tags: Iterable[str] = ()) -> Values:
    """An API body under the property names of pulumi-oci, tags flat, times as Go prints them."""
    found: Values = {}
    for name, value in body.items():
        if name == "lifecycleState":
            found["state"] = value
        elif name == "definedTags":
            found[name] = flat_tags(value, ignored_tags)
        elif name.startswith("time") and isinstance(value, str):
            found[name] = go_time(value)
        elif value is not None:
            found[_property(name)] = value
    return found


def body(inputs: Values, names: Iterable[str]) -> Values:
    """Those of the inputs as an API body."""
    given = {_attribute(name): inputs[name] for name in names if inputs.get(name) is not None}
    if "definedTags" in given:
        given["definedTags"] = nested_tags(given["definedTags"])
    return given


def _property(attribute: str) -> str:
    # The bridge's names come from snake case without a break after a digit: ipv6CidrBlocks is ipv6cidrBlocks.
    return re.sub(r"(?<=\d)[A-Z]", lambda letter: letter[0].lower(), attribute)


def _attribute(name: str) -> str:
    return {"isIpv6enabled": "isIpv6Enabled", "ipv4cidrBlocks": "ipv4CidrBlocks"}.get(name, name)


def flat_tags(tags: Values, ignored: Iterable[str] = ()) -> dict[str, str]:
    """`{"Space": {"key": "value"}}` as `{"Space.key": "value"}`, without those the provider is told to ignore."""
    skipped = {name.lower() for name in ignored}
    flat = {f"{space}.{key}": str(value) for space, keys in tags.items() for key, value in keys.items()}
    return {name: value for name, value in flat.items() if name.lower() not in skipped}


def nested_tags(tags: Values) -> dict[str, dict[str, Any]]:
    """The reverse of `flat_tags`."""
    nested: dict[str, dict[str, Any]] = {}
    for name, value in tags.items():
        space, _, key = name.partition(".")
        nested.setdefault(space, {})[key] = value
    return nested


def go_time(text: str) -> str:
    """An RFC 3339 time as Go's `Time.String()` has it: `2026-11-23 19:44:17.082 +0000 UTC`."""
    moment = datetime.fromisoformat(text)
    fraction = f".{moment.microsecond:06d}".rstrip("0") if moment.microsecond else ""
    return f"{moment:%Y-%m-%d %H:%M:%S}{fraction} +0000 UTC"


def list_rule_body(rule: Values) -> Values:
    """A security list's rule for the API: ports lie in `destinationPortRange` there."""
    return _rule(rule, "stateless", "isStateless", _port_ranges_out, _icmp_out)


def list_rule_properties(rule: Values) -> Values:
    """The reverse of `list_rule_body`."""
    return _rule(rule, "isStateless", "stateless", _port_ranges_in, lambda options: options)


def group_rule_body(rule: Values) -> Values:
    """A network security group's rule for the API: it keeps the shape of its ports."""
    return _rule(rule, "stateless", "isStateless", lambda options: options, _icmp_out)


def group_rule_properties(rule: Values) -> Values:
    """The reverse of `group_rule_body`."""
    found = _rule(rule, "isStateless", "stateless", lambda options: options, lambda options: options)
    return found | {"timeCreated": go_time(rule["timeCreated"])}


def _rule(
    rule: Values,
    stateless: str,
    stateless_there: str,
    ports: Callable[[Values], Values],
    icmp: Callable[[Values], Values],
) -> Values:
    found: Values = {}
    for name, value in rule.items():
        if value is None:
            continue
        if name == stateless:
            found[stateless_there] = value
        elif name in _PORTS:
            found[name] = ports(value)
        elif name == "icmpOptions":
            found[name] = icmp(value)
        else:
            found[name] = value
    return found


def _port_ranges_out(options: Values) -> Values:
    found: Values = {}
    if "min" in options or "max" in options:
        found["destinationPortRange"] = {name: options[name] for name in ("min", "max") if name in options}
    if "sourcePortRange" in options:
        found["sourcePortRange"] = options["sourcePortRange"]
    return found


def _port_ranges_in(options: Values) -> Values:
    found: Values = dict(options.get("destinationPortRange", {}))
    if "sourcePortRange" in options:
        found["sourcePortRange"] = options["sourcePortRange"]
    return found


def _icmp_out(options: Values) -> Values:
    # The provider's default -1 stands for every code.
    return {name: value for name, value in options.items() if not (name == "code" and value == -1)}


def block(value: Any) -> list[Any]:
    """A nested object as the look-ups return it: a list of one, or of none."""
    return [value] if value else []


def tunnel_properties(tunnel: Values) -> Values:
    """A tunnel as `IpsecConnectionTunnelManagement` shows it."""
    found = properties(tunnel)
    for name in ("phaseOneDetails", "phaseTwoDetails"):
        found[name] = phase_properties(tunnel[name])
    if "encryptionDomainConfig" in tunnel:
        found["encryptionDomainConfig"] = {f"{key}s": value for key, value in tunnel["encryptionDomainConfig"].items()}
    found.setdefault("associatedVirtualCircuits", [])
    return found


def phase_properties(phase: Values) -> Values:
    found = {name: value for name, value in phase.items() if value is not None}
    if "remainingLifetime" in found:
        found["remainingLifetimeInt"] = found.pop("remainingLifetime")
    if "remainingLifetimeLastRetrieved" in found:
        found["remainingLifetimeLastRetrieved"] = go_time(found["remainingLifetimeLastRetrieved"])
    return found
