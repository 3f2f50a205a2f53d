"""The table at the end of `make lab`, from what was measured. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from lab.command.readings import Crossing, Measured, Ping, Tunnel

RULE = (
    "UP is a rule here, not a proof: the emulator says so when address, identifier, instance, conn and pre-shared key "
    "match at both ends. No packet has crossed."
)

Row = tuple[str, str]


def summary(outputs: Mapping[str, Any], state: Mapping[str, Any], measured: Measured | None) -> str:
    """What was built and what was measured; without a measurement, that the rule stands in for it."""
    types = [resource["type"].split(":")[0] for resource in state.get("deployment", {}).get("resources", [])]
    count = Counter(kind for kind in types if kind in ("aws", "oci", "command"))
    rows = [
        ("resources", f"{count['aws']} in AWS, {count['oci']} in OCI, {count['command']} commands"),
        ("CPE (elastic IP)", outputs.get("cpeAddress", "?")),
        *(_tunnels(measured) if measured else _ruled(outputs)),
        ("host", outputs.get("instanceId", "?")),
        ("IPSec connection", outputs.get("connectionId", "?")),
        (
            "look closer",
            outputs.get("lookCloser", "?") if measured is None else "make lab-shell (IN=client and others)",
        ),
        *(_measurements(measured) if measured else ()),
    ]
    text = _table(rows)
    if measured is None:
        return f"{text}\n  {RULE}\n"
    found = failures(measured)
    lines = [line for one in found for line in one.replace("\n", "\n    ").split("\n")]
    return "\n  ".join([text, "DOES NOT PASS", *lines]) + "\n" if found else text


def failures(measured: Measured) -> list[str]:
    """Of each thing that does not pass what was measured, and on a second line what the reachability function says."""
    return list(_failures(measured))


def _failures(measured: Measured) -> Iterator[str]:
    if not measured.tunnels:
        yield "there is no IPSec connection"
    for tunnel in measured.tunnels:
        if tunnel.status != "UP" or not tunnel.up:
            yield f"{tunnel.name}: OCI says {tunnel.status}, {tunnel.daemon}{_declared(tunnel.missing)}"
    for crossing in measured.crossings:
        # With bad weather some are lost; that is in the table.
        if crossing.ping is None or not crossing.ping.received:
            yield f"ping {crossing.name}: {_ping(crossing.ping)}{_declared(crossing.ping_missing)}"
        if crossing.ping is not None and crossing.megabits is None:
            yield f"TCP {crossing.name}: {crossing.tcp_fault or 'nothing measured'}{_declared(crossing.tcp_missing)}"


def _declared(missing: str | None) -> str:
    return f"\nas declared: {missing}" if missing else "\nby what is declared it passes"


def _ruled(outputs: Mapping[str, Any]) -> Iterator[Row]:
    states, headends = outputs.get("tunnelStates", {}), outputs.get("headends", {})
    for name, address in sorted(headends.items()):
        yield name, f"{states.get(name, '?'):<6} headend {address}"


def _tunnels(measured: Measured) -> Iterator[Row]:
    for tunnel in measured.tunnels:
        yield tunnel.name, f"{tunnel.status:<6} headend {tunnel.headend:<15}  {tunnel.daemon}; {_bytes(tunnel)}"
    if measured.way_back:
        yield "way back", f"{measured.way_back}, as Oracle chooses"


def _bytes(tunnel: Tunnel) -> str:
    if tunnel.bytes_in is None or tunnel.bytes_out is None:
        return "the host names no child SA"
    return f"the host: {tunnel.bytes_in:,} bytes in, {tunnel.bytes_out:,} out"


def _measurements(measured: Measured) -> Iterator[Row]:
    for crossing in measured.crossings:
        yield f"ping {crossing.name}", _ping(crossing.ping)
    for crossing in measured.crossings:
        yield f"TCP {crossing.name}", _throughput(crossing)
    yield "lab's internet", measured.weather
    yield from _several("interfaces, host", measured.interfaces, measured.host_fault)
    yield from _several("routes, host", measured.routes, measured.host_fault)
    refused = [
        f"{count} {'packet' if count == 1 else 'packets'}: {rule}"
        for rule, count in sorted((measured.refused or {}).items())
    ]
    yield from _several("refused on the way", refused, "nothing since the last change")
    memory = ", ".join(f"{name} {mib} MiB" for name, mib in (measured.memory_mib or {}).items())
    yield "memory of the VMs", memory or "?"
    if measured.first_ping_seconds is not None:
        yield "power-on to ping", f"{measured.first_ping_seconds:.0f} s"


def _several(name: str, lines: Iterable[str], otherwise: str) -> Iterator[Row]:
    """A row a line, the name beside the first."""
    for number, line in enumerate(list(lines) or [otherwise or "none"]):
        yield "" if number else name, line


def _ping(ping: Ping | None) -> str:
    if ping is None:
        return "nobody to ping"
    lost = 100 * (ping.sent - ping.received) / ping.sent if ping.sent else 0
    said = f"{ping.received} of {ping.sent} answered, {lost:.0f} % lost"
    if ping.least_ms is None or ping.average_ms is None:
        return said
    return f"{said}, {ping.least_ms:.1f} ms at least, {ping.average_ms:.1f} ms on average"


def _throughput(crossing: Crossing) -> str:
    return crossing.tcp_fault or "not measured" if crossing.megabits is None else f"{crossing.megabits:.1f} Mbit/s"


def _table(rows: Iterable[Row]) -> str:
    kept = list(rows)
    width = max(len(name) for name, _ in kept)
    return "\n".join(["", *(f"  {name:<{width}}  {value}".rstrip() for name, value in kept), ""])
