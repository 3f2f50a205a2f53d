"""nftables text: how the rules of both clouds are written in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network
from typing import Literal

from lab.fabric.declared import AclEntry, Filter

ANYWHERE = IPv4Network("0.0.0.0/0")
LONGEST_COMMENT = 128
"""Bytes. With a longer one nft refuses the whole ruleset: the names of five security groups are enough for that."""

Direction = Literal["in", "out"]


def match(rule: Filter, direction: Direction) -> str:
    """What a rule matches; nothing for everything."""
    parts = []
    if rule.cidr != ANYWHERE:
        parts.append(f"ip {'saddr' if direction == 'in' else 'daddr'} {rule.cidr}")
    if rule.protocol == "icmp" and rule.icmp is not None:
        kind, code = rule.icmp
        parts.append(f"icmp type {kind}" + ("" if code is None else f" icmp code {code}"))
    elif rule.protocol in ("tcp", "udp") and (rule.ports or rule.source_ports):
        for word, ports in (("sport", rule.source_ports), ("dport", rule.ports)):
            if ports is not None:
                parts.append(f"{rule.protocol} {word} {ports[0]}-{ports[1]}")
    elif rule.protocol != "all":
        parts.append(f"meta l4proto {rule.protocol}")
    return " ".join(parts)


def chain(name: str, lines: Iterable[str], hook: str = "") -> str:
    """One chain of the table."""
    body = [hook, *lines] if hook else list(lines)
    return "\n".join([f"  chain {name} {{", *(f"    {line}" for line in body), "  }"])


def refusal(why: str) -> str:
    """The end of a chain that lets nothing more through: counted, so that the lab can say what stopped packets."""
    if len(why.encode()) > LONGEST_COMMENT:
        why = f"{why[:60]}…{why[-60:]}"
    return f'counter drop comment "{why}"'


def stateful(rules: Sequence[Filter], direction: Direction, why: str) -> list[str]:
    """Allows what a rule allows, and the answers to what was let through before; anything else is refused."""
    return [
        "ct state established return",
        *(f"{match(rule, direction)} return".strip() for rule in rules),
        refusal(why),
    ]


def stateless(entries: Iterable[AclEntry], direction: Direction, why: str) -> list[str]:
    """The first entry by number that matches decides."""
    lines = []
    for entry in sorted(entries, key=lambda one: one.number):
        verdict = "return" if entry.allow else refusal(f"{why}, entry {entry.number}")
        lines.append(f"{match(entry.filter, direction)} {verdict}".strip())
    return [*lines, refusal(why)]


def load(rules: str) -> str:
    """
    The shell commands that put a ruleset into force, also for conversations under way: both clouds let these go on
    for a while when a stateful rule goes, but what a lab shows must not depend on what it has seen before.
    """
    return "\n".join(["nft -f - <<'RULES'", rules, "RULES", "conntrack -F 2>/dev/null || true", ""])


def ruleset(chains: Iterable[str]) -> str:
    """A whole table that takes the place of the former one at once."""
    return "\n".join(["table ip fabric", "delete table ip fabric", "table ip fabric {", *chains, "}", ""])
