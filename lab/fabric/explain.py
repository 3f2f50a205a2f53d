"""What the declared resources of both clouds let through, as a table for a person."""

from __future__ import annotations

from lab.fabric.declared import Declared
from lab.fabric.probes import PROBES, Probe, verdict

_MEANS: dict[Probe, str] = {
    "tunnel-1": "tunnel 1 comes up",
    "tunnel-2": "tunnel 2 comes up",
    "client->vcn": "ping from the VPC's client to the VCN's host",
    "vcn->client": "ping from the VCN's host to the VPC's client",
    "install": "the host reaches packages and AWS' services",
    "rekey-1": "tunnel 1 survives a re-key",
    "rekey-2": "tunnel 2 survives a re-key",
}


def explain(declared: Declared) -> str:
    """A line a probe; for one that fails, where it stops and what is missing, on lines of their own."""
    width = max(map(len, _MEANS.values()))
    lines = []
    for probe in PROBES:
        found = verdict(declared, probe)
        lines.append(f"{_MEANS[probe]:<{width}}  {'yes' if found.arrives else 'no'}")
        if not found.arrives:
            at = f"stops at {found.stopped_at}: " if found.stopped_at not in (None, probe) else ""
            lines.append(f"    {at}{found.missing}")
    return "\n".join(lines)
