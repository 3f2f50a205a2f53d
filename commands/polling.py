"""Looking again until a thing is so: when to look, what to tell, when to give up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from commands.invocation import Invocation

T = TypeVar("T")

HEARTBEAT_SECONDS = 30.0


class TransientError(Exception):
    """A failure that may be gone at the next look."""


class TimeOverError(Exception):
    """The time is over; the text is the last progress."""


@dataclass(frozen=True)
class Look(Generic[T]):
    """What one look found."""

    progress: str
    result: T | None = None
    """None: look again."""


def pause(elapsed: float) -> float:
    """Seconds until the next look: 1 at first, a tenth of what has passed later, never more than 10."""
    return min(10.0, max(1.0, elapsed / 10))


def poll(look: Callable[[float], Look[T]], seconds: float, invocation: Invocation) -> T:
    """
    Call `look` (with the seconds since the start) until it has a result.

    Progress is told when it changes, and every 30 s although nothing does. A TransientError is progress like
    any other. Raises TimeOverError when `seconds` have passed; one look happens however short that is.
    """
    start = invocation.clock()
    told, told_at = "", 0.0
    while True:
        elapsed = invocation.clock() - start
        try:
            found = look(elapsed)
        except TransientError as failure:
            found = Look(f"trying again: {failure}")
        now = invocation.clock() - start
        if found.progress != told or now - told_at >= HEARTBEAT_SECONDS:
            invocation.tell(f"[{now:4.0f} s] {found.progress}")
            told, told_at = found.progress, now
        if found.result is not None:
            return found.result
        if now >= seconds:
            raise TimeOverError(found.progress)
        invocation.sleep(min(pause(now), seconds - now))
