"""What a lab is asked, by name: the same questions to the reachability function and to the real fabric."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, get_args

from lab.fabric import ends
from lab.fabric.declared import Declared
from lab.fabric.reachability import Verdict, rekey_fault, trace, tunnel_fault

Probe = Literal["tunnel-1", "tunnel-2", "client->vcn", "vcn->client", "install", "rekey-1", "rekey-2"]
PROBES: tuple[Probe, ...] = get_args(Probe)

Boot = Literal["running", "host", "official"]
"""What the host has behind it. `running`: everything. `host`: nothing, its image has the packages. `official`: nothing,
and it has to fetch the packages first."""


def verdict(declared: Declared, probe: Probe, boot: Boot = "running") -> Verdict:
    """The answer to a probe; for a host that has yet to boot, what its boot needs comes first."""
    if probe == "install":
        return _first_fault(trace(declared, "host", "internet", "tcp", port) for port in (80, 443))
    needs = _first_fault(trace(declared, "host", "internet", "tcp", port) for port in _fetches(declared, boot))
    if not needs.arrives:
        return needs
    if probe == "client->vcn":
        return trace(declared, "client", "vcn-host")
    if probe == "vcn->client":
        return trace(declared, "vcn-host", "client")
    number = int(probe[-1])
    fault = tunnel_fault(declared, number)
    if probe.startswith("rekey"):
        fault = fault or rekey_fault(declared, number)
    return Verdict(arrives=fault is None, stopped_at=None if fault is None else probe, missing=fault)


def _fetches(declared: Declared, boot: Boot) -> list[int]:
    """Ports of the internet that a host needs before its tunnels can come up."""
    keys = boot != "running" and declared.host is not None and ends.parameters(declared.host.files)
    return [*([80] if boot == "official" else []), *([443] if keys else [])]


def _first_fault(verdicts: Iterable[Verdict]) -> Verdict:
    found = Verdict(arrives=True)
    for found in verdicts:
        if not found.arrives:
            break
    return found
