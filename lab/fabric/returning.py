"""Which tunnel Oracle returns traffic through. Nobody outside Oracle sees how it chooses: assumed, and settable."""

from __future__ import annotations

from dataclasses import dataclass, replace

LAG_SECONDS = 5.0
"""From the headend's own dead peer detection until the traffic moves. Assumed."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Without ECMP traffic stays on one tunnel until its headend has given the peer up, and a little longer."""

    up: frozenset[int] = frozenset()
    """Tunnels whose headend has a child SA."""
    sticky: int | None = None
    down_since: float | None = None
    """When the headend of the sticky tunnel gave the peer up, in seconds of a clock."""

    def tunnels(self, *, ecmp: bool) -> frozenset[int]:
        """Numbers of the tunnels that carry traffic back."""
        if ecmp:
            return self.up
        return frozenset() if self.sticky is None else frozenset({self.sticky})

    def after(self, up: frozenset[int], now: float, lag: float = LAG_SECONDS) -> Choice:
        """The choice when the headends say this at that moment."""
        if self.sticky is None or self.sticky in up:
            sticky = min(up, default=None) if self.sticky is None else self.sticky
            return Choice(up=up, sticky=sticky)
        since = now if self.down_since is None else self.down_since
        if up and now - since >= lag:
            return Choice(up=up, sticky=min(up))
        return replace(self, up=up, down_since=since)
