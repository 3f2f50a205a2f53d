"""Time as the emulator sees it: the machine's own, or one that a test moves."""

from __future__ import annotations

from collections.abc import Callable

Clock = Callable[[], float]
"""Seconds from any fixed moment."""


class ManualClock:
    """A clock that stands still until it is told."""

    def __init__(self) -> None:
        self._seconds = 0.0

    def __call__(self) -> float:
        return self._seconds

    def advance(self, seconds: float) -> None:
        self._seconds += seconds
