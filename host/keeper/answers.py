"""What the answers to a tunnel's probes mean. Oracle promises none, or at what rate: so that is learned."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

PERIOD = 0.3
"""Seconds from probe to probe."""
WINDOW = 40
"""Probes that the rate of answers is taken from."""
CHANCE = 1e-4
"""A silence that chance explains less often is none of chance."""
SHORTEST_PATIENCE = 0.25
LONGEST_PATIENCE = 1.2
"""Seconds after which a probe counts as missed: twice the slowest round trip of late, within these."""
FORGOTTEN = 10
"""A silence of so many probes, and of more than chance explains, was an outage: it says nothing of how often they are
answered when all is well."""

UNANSWERED = "never answered"
ANSWERED = "answered"
SILENT = "silent"


@dataclass
class Probe:
    sequence: int
    sent: float
    round_trip: float | None = None


class Answers:
    """The probes of one tunnel. Times are seconds of a clock that never jumps."""

    def __init__(self) -> None:
        # Up to the last answered one; and those after it, which may be on their way, or lost.
        self._known: deque[Probe] = deque(maxlen=WINDOW)
        self._waiting: deque[Probe] = deque(maxlen=2 * WINDOW)
        self._sequence = 0
        self._answered = False
        self.last: float | None = None
        """When an answer came last, on whatever child SA."""

    def ask(self, now: float) -> int:
        """A probe goes out: its sequence number."""
        self._sequence = (self._sequence + 1) % 65536
        self._waiting.append(Probe(self._sequence, now))
        return self._sequence

    def answer(self, sequence: int, now: float) -> None:
        if sequence in (probe.sequence for probe in self._waiting):
            lost, outage = [], max(self.limit(), FORGOTTEN)
            while (probe := self._waiting.popleft()).sequence != sequence:
                lost.append(probe)
            self._known += lost if len(lost) < outage else []
            self._known.append(Probe(sequence, probe.sent, now - probe.sent))
            self.last = now
            self._answered = True
        else:
            for probe in self._known:
                # One was faster that was sent later.
                if probe.sequence == sequence and probe.round_trip is None:
                    probe.round_trip = now - probe.sent

    def new_child(self) -> None:
        """A probe has to be answered again before one counts. How often they are is known already."""
        self._waiting.clear()
        self._answered = False

    def say(self, now: float) -> str:
        """UNANSWERED on this child SA, ANSWERED, or SILENT for longer than chance explains."""
        if not self._answered:
            return UNANSWERED
        return SILENT if self.missed(now) >= self.limit() else ANSWERED

    def missed(self, now: float) -> int:
        """Probes since the last answered one that have had their time."""
        slowest = max((probe.round_trip or 0.0 for probe in self._known), default=0.0)
        patience = min(max(2 * slowest, SHORTEST_PATIENCE), LONGEST_PATIENCE)
        return sum(1 for probe in self._waiting if now - probe.sent >= patience)

    def limit(self) -> int:
        """How many missed in a row are no chance, at the rate of answers before them."""
        answered = sum(1 for probe in self._known if probe.round_trip is not None)
        # Laplace's rule of succession: a short experience is not believed to the letter.
        rate = (answered + 1) / (len(self._known) + 2)
        return min(math.ceil(math.log(CHANCE) / math.log(1 - rate)), 2 * WINDOW)
