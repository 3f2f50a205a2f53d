"""Routing of a place: one table for each device that packets come in by, as both clouds have it."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv4Network

# A table of its own for the answers of the lab's own services.
SERVICES_MARK = 1
FIRST_RULE = 1000
FIRST_TABLE = 1000


def policy(by_device: Mapping[str, Iterable[str]], services: Iterable[str] = ()) -> str:
    """
    A shell script that gives packets from each device the routes of its own table, and none other.

    `by_device` maps a device to routes in the words of ip-route(8). What matches none is unreachable. Whatever is there
    already, there is no moment in which a packet finds no route, or half of them: Oracle's and Amazon's routers lose
    nothing either when somebody else's route changes.
    """
    tables = {
        f"pref {FIRST_RULE + place} iif {device}": [*routes, "unreachable default metric 4278198272"]
        for place, (device, routes) in enumerate(by_device.items())
    }
    if services:
        tables[f"pref {SERVICES_MARK} fwmark {SERVICES_MARK:#x}"] = [*services]
    numbers = {selector: _number(routes) for selector, routes in tables.items()}
    return "\n".join(
        [
            "ip -force -batch - <<'ROUTES'",
            *(
                f"route replace {_in_table(route, numbers[selector])}"
                for selector, routes in tables.items()
                for route in routes
            ),
            "ROUTES",
            "wanted='",
            *(f"{selector} lookup {number}" for selector, number in numbers.items()),
            "'",
            _SWITCH,
        ]
    )


# Of two rules of one preference the older one counts, until it is gone. `[detached]` says that there is no such device
# at present.
_SWITCH = r"""present=$(
    ip rule show | sed -nE 's/ \[detached\]//; s/^([0-9]+):\s+from all ((iif|fwmark) .*)/pref \1 \2/p'
)
ip -force -batch - <<RULES
$(echo "$wanted" | grep -vxF -e "$present" | sed -n 's/^pref/rule add pref/p')
$(echo "$present" | grep -vxF -e "$wanted" | sed -n 's/^pref/rule del pref/p')
RULES
"""


def _number(routes: Iterable[str]) -> int:
    """The number of a table says what is in it: one that is in use is never changed."""
    return FIRST_TABLE + zlib.crc32("\n".join(routes).encode())


def _in_table(route: str, table: int) -> str:
    """ip-route(8) wants the table before the next hops, and after the destination."""
    return re.sub(r"^((?:unreachable |blackhole )?\S+)", rf"\1 table {table}", route)


def direct(address: IPv4Address, device: str) -> str:
    """A route to what is at the other end of a device."""
    return f"{address}/32 dev {device} scope link"


def nowhere(network: IPv4Network | str) -> str:
    """A network in which nobody but those with a route of their own is at home."""
    return f"unreachable {network}"
