"""Rules that let the internet in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from policy.openings import openings
from policy.subject import Resource


def faults(resource: Resource, *, security_rules: Sequence[str], network_acls: Sequence[str]) -> Iterator[str]:
    """What comes in from anywhere and is not among the traffic named for rules, or for network ACLs."""
    named = {"securityRules": security_rules, "networkAcls": network_acls}
    for opening in openings(resource):
        if opening.from_anywhere and opening.traffic not in named[opening.by]:
            yield (
                f"{resource.name} lets {opening.traffic} in from {opening.source}: name the networks that need it, "
                f"or name {opening.traffic!r} in the pack's configuration ({opening.by})"
            )
