"""Routing of a place: one table for each device that packets come in by, as both clouds have it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv4Network

# A table of its own for the answers of the lab's own services.
SERVICES_MARK = 1
FIRST_TABLE = 1000


def policy(by_device: Mapping[str, Iterable[str]], services: Iterable[str] = ()) -> str:
    """
    A shell script that gives packets from each device the routes of its own table, and none other.

    `by_device` maps a device to routes in the words of ip-route(8). What matches none is unreachable.
    """
    lines = ["rule flush", "rule add pref 32766 lookup main"]
    tables = {device: FIRST_TABLE + place for place, device in enumerate(by_device)}
    for device, table in tables.items():
        lines.append(f"rule add pref {table} iif {device} lookup {table}")
        lines += _table(table, [*by_device[device], "unreachable default metric 4278198272"])
    if services:
        table = SERVICES_MARK
        lines.append(f"rule add pref {table} fwmark {SERVICES_MARK} lookup {table}")
        lines += _table(table, services)
    return "\n".join(["ip -force -batch - <<'ROUTES'", *lines, "ROUTES", ""])


def _table(table: int, routes: Iterable[str]) -> list[str]:
    return [f"route flush table {table}", *(f"route replace {_in_table(route, table)}" for route in routes)]


def _in_table(route: str, table: int) -> str:
    """ip-route(8) wants the table before the next hops, and after the destination."""
    return re.sub(r"^((?:unreachable |blackhole )?\S+)", rf"\1 table {table}", route)


def direct(address: IPv4Address, device: str) -> str:
    """A route to what is at the other end of a device."""
    return f"{address}/32 dev {device} scope link"


def nowhere(network: IPv4Network | str) -> str:
    """A network in which nobody but those with a route of their own is at home."""
    return f"unreachable {network}"
