"""What may come out of the tunnel into the VCN: `all`, `icmp`, `tcp/22` or `udp/5000-5010`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

# IANA protocol numbers as text, as OCI wants them.
ICMP, TCP, UDP = "1", "6", "17"
_PROTOCOLS = {"all": "all", "icmp": ICMP, "tcp": TCP, "udp": UDP}
_FORM = re.compile(r"(?P<name>all|icmp)|(?P<port_name>tcp|udp)/(?P<first>\d{1,5})(-(?P<last>\d{1,5}))?")


@dataclass(frozen=True)
class Ingress:
    """One protocol, with the range of destination ports where it has ports."""

    protocol: str
    """OCI's form: `all` or an IANA number."""
    ports: tuple[int, int] | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ValueError with the rule for text of another form."""
        found = _FORM.fullmatch(text)
        if not found:
            raise ValueError("all, icmp, tcp/PORT, tcp/FIRST-LAST, udp/PORT or udp/FIRST-LAST")
        if found["name"]:
            return cls(_PROTOCOLS[found["name"]])
        first = int(found["first"])
        last = int(found["last"] or first)
        if not 1 <= first <= last <= 65_535:
            raise ValueError("ports go from 1 to 65535, the first one first")
        return cls(_PROTOCOLS[found["port_name"]], (first, last))

    @property
    def label(self) -> str:
        """A short name, good for a resource name."""
        name = {number: name for name, number in _PROTOCOLS.items()}[self.protocol]
        return name if self.ports is None else f"{name}-{'-'.join(map(str, dict.fromkeys(self.ports)))}"
