"""The table at the end of `make lab`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

RULE = (
    "UP is a rule here, not a proof: the emulator says so when address, identifier, instance, conn and pre-shared key "
    "match at both ends. No packet has crossed."
)


def summary(outputs: Mapping[str, Any], state: Mapping[str, Any]) -> str:
    """What was built, in a dozen lines: from the stack's outputs and its exported state."""
    types = [resource["type"].split(":")[0] for resource in state["deployment"].get("resources", [])]
    count = Counter(kind for kind in types if kind in ("aws", "oci", "command"))
    states, headends = outputs.get("tunnelStates", {}), outputs.get("headends", {})
    rows = [
        ("resources", f"{count['aws']} in AWS, {count['oci']} in OCI, {count['command']} commands"),
        ("CPE (elastic IP)", outputs.get("cpeAddress", "?")),
        *((name, f"{states.get(name, '?'):<6} headend {address}") for name, address in sorted(headends.items())),
        ("host", outputs.get("instanceId", "?")),
        ("IPSec connection", outputs.get("connectionId", "?")),
        ("look closer", outputs.get("lookCloser", "?")),
    ]
    width = max(len(name) for name, _ in rows)
    return "\n".join(["", *(f"  {name:<{width}}  {value}" for name, value in rows), "", f"  {RULE}", ""])
