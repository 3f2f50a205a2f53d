"""What can befall the world outside the host: a headend that dies, a path that breaks, an inside address gone silent.

A fault lasts until it is undone, whatever the fabric's own looks at both clouds do meanwhile: each has a table of
rules of its own in the headend's place, or is part of the weather. Doing or undoing one twice is the same as once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from ipaddress import IPv4Address
from typing import Literal

from lab.fabric import nft
from lab.fabric.declared import Tunnel
from lab.fabric.fabric import Fabric
from lab.fabric.headends import daemon
from lab.fabric.oracle import headend_script
from lab.fabric.places import METADATA, headend
from lab.machine.guest import GuestError

Way = Literal["to", "from"]
"""As seen from the internet: to the headend, or from it."""

BOTH: frozenset[Way] = frozenset({"to", "from"})

# Before everything else that looks at a packet, even the kernel's joining of fragments (-400).
_FIRST = "type filter hook {hook} priority -500; policy {policy};"

_DEAD, _INSIDE, _SERVICE = "dead", "inside", "service"
"""The tables of rules."""

# What the daemon would find of its former life, were it not on a file system that a reboot empties.
_DAEMON = {1: ("charon", "/run/charon.pid /run/charon.vici"), 2: ("pluto", "/run/pluto/pluto.pid /run/pluto/pluto.ctl")}


def kill_headend(fabric: Fabric, number: int) -> None:
    """The headend is gone without a word: nothing enters or leaves it, and its daemon and its keys are no more.

    Its status is `down` from the fabric's next look on.
    """
    process, left = _DAEMON[number]
    mute = [nft.chain(hook, [], _FIRST.format(hook=hook, policy="drop")) for hook in ("input", "forward", "output")]
    _run(
        fabric,
        number,
        [
            # First, so that neither a daemon that ends nor a kernel without keys has anything to say to the host.
            _load(_DEAD, mute),
            f"pkill -KILL -x {process} || true",
            f"while pgrep -x {process} >/dev/null; do sleep 0.05; done",
            "ip xfrm state flush",
            "ip xfrm policy flush",
            f"rm -f {left}",
        ],
    )


def return_headend(fabric: Fabric, number: int) -> None:
    """A headend that was killed is back, as declared and without memory of any tunnel. One that lives is left alone."""
    tunnel = _tunnel(fabric, number)
    running = daemon(tunnel)
    if running is None:
        raise GuestError(f"headend {number} has no address yet")
    _run(
        fabric,
        number,
        [
            f"nft list table ip {_DEAD} >/dev/null 2>&1 || exit 0",
            # The files that the fabric last gave it are still there. The script ends its shell.
            f"(\n{running.restart})",
            # Its device may be a new one, and routes and address went with the old one.
            headend_script(tunnel),
            # The device's address has come after Libreswan, which looks for addresses only at its start.
            *(["ipsec whack --listen >/dev/null"] if number == 2 else []),
            # Last, for until then no one would be there to answer, and the kernel would say so.
            _unload(_DEAD),
        ],
    )


def cut_path(fabric: Fabric, number: int, ways: Collection[Way] = BOTH) -> None:
    """Nothing passes between the internet and the headend any more, one way or both. Either end lives."""
    fabric.set_weather(cut=fabric.around.weather.cut | {(number, way) for way in ways})


def mend_path(fabric: Fabric, number: int, ways: Collection[Way] = BOTH) -> None:
    fabric.set_weather(cut=fabric.around.weather.cut - {(number, way) for way in ways})


def silence_inside(fabric: Fabric, number: int) -> None:
    """The headend's inside address answers no ping that comes through the tunnel. All else passes."""
    _run(fabric, number, [_load(_INSIDE, [_unanswered(_inside(fabric, number), "")])])


def answer_one_in(fabric: Fabric, number: int, n: int) -> None:
    """Of n such pings in a row one is answered, the first of them."""
    if n < 1:
        raise ValueError(f"one in {n}")
    _run(fabric, number, [_load(_INSIDE, [_unanswered(_inside(fabric, number), f"numgen inc mod {n} != 0")])])


def answer_inside(fabric: Fabric, number: int) -> None:
    """All such pings are answered again."""
    _run(fabric, number, [_unload(_INSIDE)])


def silence_metadata(fabric: Fabric) -> None:
    """No instance gets an answer from its metadata service."""
    rule = f"ip daddr {METADATA} {nft.refusal('the metadata service is silent')}"
    lines = [_load(_SERVICE, [nft.chain("asked", [rule], _FIRST.format(hook="prerouting", policy="accept"))])]
    fabric.run("vpc", "/bin/sh", "-eu", stdin="\n".join([*lines, ""]))


def answer_metadata(fabric: Fabric) -> None:
    """Every instance does again."""
    fabric.run("vpc", "/bin/sh", "-eu", stdin=f"{_unload(_SERVICE)}\n")


def _unanswered(address: IPv4Address, which: str) -> str:
    ping = f'iifname "ipsec" ip daddr {address} icmp type echo-request {which}'.strip()
    rule = f"{ping} {nft.refusal('the inside address is silent')}"
    return nft.chain("input", [rule], _FIRST.format(hook="input", policy="accept"))


def _inside(fabric: Fabric, number: int) -> IPv4Address:
    address = _tunnel(fabric, number).oracle_inside
    if address is None:
        raise GuestError(f"headend {number} has no inside address")
    return address.ip


def _tunnel(fabric: Fabric, number: int) -> Tunnel:
    found = next((one for one in fabric.declared.tunnels if one.number == number), None)
    if found is None:
        raise GuestError(f"tunnel {number} is not declared")
    return found


def _load(table: str, chains: Iterable[str]) -> str:
    # In one transaction: there is no moment without the rules.
    return "\n".join(
        [
            "nft -f - <<'RULES'",
            f"table ip {table}",
            f"delete table ip {table}",
            f"table ip {table} {{",
            *chains,
            "}",
            "RULES",
        ]
    )


def _unload(table: str) -> str:
    return f"nft -f - <<'RULES'\ntable ip {table}\ndelete table ip {table}\nRULES"


def _run(fabric: Fabric, number: int, lines: Iterable[str]) -> None:
    fabric.run(headend(number), "/bin/sh", "-eu", stdin="\n".join([*lines, ""]))
