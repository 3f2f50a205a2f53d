"""The way of a packet, hop by hop, until something stops it."""

from __future__ import annotations

from dataclasses import dataclass, field


class StoppedError(Exception):
    """A packet goes no further: at which hop, and which declaration is missing or wrong."""

    def __init__(self, hop: str, missing: str) -> None:
        super().__init__(missing)
        self.hop, self.missing = hop, missing


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether packets arrive and are answered."""

    arrives: bool
    hops: tuple[str, ...] = ()
    """Every hop that was passed, in order; on the way back they begin with `back: `."""
    stopped_at: str | None = None
    missing: str | None = None
    """One sentence that names the resource and what it lacks."""


@dataclass
class Way:
    """Collects the hops. Each step of a path either adds one or raises StoppedError."""

    prefix: str = ""
    hops: list[str] = field(default_factory=list)

    def passes(self, hop: str) -> None:
        self.hops.append(f"{self.prefix}{hop}")

    def need(self, condition: bool, hop: str, missing: str) -> None:
        """Passes a hop, or is stopped at it."""
        if not condition:
            raise StoppedError(f"{self.prefix}{hop}", missing)
        self.passes(hop)
