"""A text without what identifies an account: each id is replaced by a name of its own, the same one everywhere."""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address

from commands.invocation import BLANK

# Addresses that say nothing about anybody: everything, this machine, and the link that a tunnel's inside is.
PLAIN = re.compile(r"0\.0\.0\.0|127\.\d+\.\d+\.\d+|169\.254\.\d+\.\d+")

_WHAT = re.compile(
    r"(?P<ocid>ocid1\.[a-z0-9]+\.[\w.-]*)"
    r"|(?P<key>\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b)"
    r"|(?P<user>[\w.+-]+@[\w-]+\.[\w.-]+)"
    r"|(?P<name>\bip-\d+-\d+-\d+-\d+\b)"
    r"|(?P<aws>\b[a-z]{1,12}-[0-9a-f]{17}\b|\b[a-z]{1,12}-[0-9a-f]{8}\b)"
    r"|(?P<v4>(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.]))"
    r"|(?P<v6>(?<![\w:.])(?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F]{0,4}(?![\w:.]))"
    # Letters and digits mixed, as long as a pre-shared key: nothing of the report's own looks so.
    r"|(?P<secret>(?<![A-Za-z0-9])(?=[A-Za-z]*\d)(?=\d*[A-Za-z])[A-Za-z0-9]{32,}(?![A-Za-z0-9]))"
    r"|(?P<account>(?<!\d)\d{12}(?!\d))"
)


class Redactor:
    """
    Replaces OCIDs, AWS ids, account ids, access keys, addresses, host names and mail addresses.

    Each becomes `<kind-number>`, numbered as they first appear. What looks like a secret becomes `[secret]`.
    """

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._counts: dict[str, int] = {}

    def __call__(self, text: str) -> str:
        """The text without them."""
        return _WHAT.sub(self._replaced, text)

    def _replaced(self, found: re.Match[str]) -> str:
        value, kind = found[0], str(found.lastgroup)
        if kind == "secret":
            return BLANK
        if kind in ("v4", "v6"):
            return self._named("address", value) if _is_address(value) and not PLAIN.fullmatch(value) else value
        return self._named(_KINDS[kind](value), value)

    def _named(self, kind: str, value: str) -> str:
        if value not in self._names:
            self._counts[kind] = self._counts.get(kind, 0) + 1
            self._names[value] = f"<{kind}-{self._counts[kind]}>"
        return self._names[value]


_KINDS: dict[str, Callable[[str], str]] = {
    "ocid": lambda value: value.split(".")[1],
    "aws": lambda value: value.split("-")[0],
    "key": lambda _: "access-key",
    "user": lambda _: "user",
    "name": lambda _: "host-name",
    "account": lambda _: "account",
}


def _is_address(text: str) -> bool:
    try:
        return isinstance(ip_address(text), IPv4Address | IPv6Address)
    except ValueError:
        return False
