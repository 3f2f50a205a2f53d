"""What to do with two tunnels: pure functions of what is seen and what is remembered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from keeper.answers import ANSWERED, SILENT, UNANSWERED

SPACING = 3.0
"""Seconds between two changes of one tunnel's routes, at least."""
LONGEST_HOLD = 30.0
"""A tunnel that comes back carries again after SPACING; one that comes and goes, after up to so long."""
FLAPPING = 300.0
"""For how long a withdrawal makes the next return slower."""
GRACE = 5.0
"""Seconds that a tunnel which had fallen silent is given to answer on a new child SA."""
RETRY = 7.0
"""Seconds between attempts to initiate. Libreswan itself sends again after 0.5, 1.5, 3.5, 7.5 s and so on."""
LONGEST_RETRY = 300.0

# What a tunnel is worth, worst first.
DOWN, DEAF, DOUBTFUL, PRESUMED, CARRYING = range(5)
"""No child SA or device; probes were answered and no longer are; it had been deaf and has yet to prove itself on a
new child SA; a child SA whose probes were never answered, which is all that some headends give; answered."""


@dataclass(frozen=True)
class Seen:
    """One tunnel at one moment."""

    child: bool
    """There is a child SA."""
    device: bool
    """Routes can be over its device."""
    probe: str
    """UNANSWERED on this child SA, ANSWERED or SILENT."""
    inbound: bool
    """Something has come in through this child SA since it was first seen."""
    daemon: bool = True
    """Libreswan answers."""


@dataclass(frozen=True)
class Memory:
    """What is remembered of one tunnel. Times are seconds of a clock that never jumps."""

    in_use: bool = False
    changed: float = float("-inf")
    withdrawals: tuple[float, ...] = ()
    suspect: bool = False
    """It has been deaf, and nothing has come through it since."""
    worth: int = DOWN
    since: float = float("-inf")
    """When it became DOWN, DEAF, DOUBTFUL or good (PRESUMED or better)."""
    attempted: float = float("-inf")
    """When it was last initiated or taken down."""
    failures: int = 0
    """How often in a row it has been taken down without carrying in between."""


@dataclass(frozen=True)
class Decision:
    """What to do, and what to remember. All but `memories` are places of tunnels."""

    memories: tuple[Memory, ...]
    initiate: tuple[int, ...]
    """Their SAs are to be deleted, if there are any, and negotiated anew."""
    take_down: tuple[int, ...]
    """Their SAs are to be deleted: as long as IKE works, Oracle sends through a tunnel that carries nothing."""

    @property
    def in_use(self) -> tuple[int, ...]:
        return tuple(place for place, memory in enumerate(self.memories) if memory.in_use)


def decide(now: float, seen: Sequence[Seen], memories: Sequence[Memory]) -> Decision:
    """
    Routes go over every tunnel that is good; where none is, over the best there are; where nothing is better than
    what is in use, that stays: the last route is never withdrawn.
    """
    known = tuple(_looked_at(now, sight, memory) for sight, memory in zip(seen, memories))
    routed = _routed(now, known)
    others_carry = [
        any(other.in_use and _good(other) for place, other in enumerate(routed) if place != here)
        for here in range(len(routed))
    ]

    def chosen(wanted: Callable[[float, Memory], bool], *, may: Sequence[bool]) -> tuple[int, ...]:
        return tuple(here for here, memory in enumerate(routed) if may[here] and wanted(now, memory))

    initiate = (
        *chosen(_lost, may=[not sight.child for sight in seen]),
        # A headend that has lost its memory is found at once.
        *chosen(_deaf, may=others_carry),
    )
    take_down = chosen(_to_take_down, may=others_carry)
    return Decision(
        memories=tuple(
            replace(memory, attempted=now, failures=memory.failures + (here in take_down))
            if here in initiate + take_down
            else memory
            for here, memory in enumerate(routed)
        ),
        initiate=initiate,
        take_down=take_down,
    )


def _looked_at(now: float, sight: Seen, memory: Memory) -> Memory:
    proven = sight.child and (sight.probe == ANSWERED or sight.probe == UNANSWERED and sight.inbound)
    suspect = (memory.suspect or sight.child and sight.probe == SILENT) and not proven
    worth = _worth(sight, suspect)
    good = worth >= PRESUMED
    same = good if _good(memory) else worth == memory.worth
    return replace(
        memory,
        suspect=suspect,
        worth=worth,
        # A daemon that has just come up has begun by itself.
        since=memory.since if same and (sight.daemon or worth != DOWN) else now,
        withdrawals=tuple(moment for moment in memory.withdrawals if now - moment < FLAPPING),
        failures=0 if good and memory.in_use else memory.failures,
    )


def _worth(sight: Seen, suspect: bool) -> int:
    if not sight.child or not sight.device:
        return DOWN
    if sight.probe == SILENT:
        return DEAF
    if sight.probe == ANSWERED:
        return CARRYING
    return DOUBTFUL if suspect else PRESUMED


def _good(memory: Memory) -> bool:
    return memory.worth >= PRESUMED


def _routed(now: float, known: tuple[Memory, ...]) -> tuple[Memory, ...]:
    best = max(memory.worth for memory in known)
    if best <= DEAF:
        return known
    wanted = [_good(memory) if best >= PRESUMED else memory.worth == best for memory in known]
    # Where nothing good is in use, what is good need not show for how long.
    in_need = not any(memory.in_use and _good(memory) for memory in known)
    added = tuple(
        replace(memory, in_use=True, changed=now)
        if want and not memory.in_use and (in_need or now - memory.since >= _hold(memory)) and _may_change(now, memory)
        else memory
        for memory, want in zip(known, wanted)
    )
    if not any(memory.in_use and want for memory, want in zip(added, wanted)):
        return added
    return tuple(
        replace(memory, in_use=False, changed=now, withdrawals=(*memory.withdrawals, now))
        if memory.in_use and not want and _may_change(now, memory)
        else memory
        for memory, want in zip(added, wanted)
    )


def _may_change(now: float, memory: Memory) -> bool:
    return now - memory.changed >= SPACING


def _hold(memory: Memory) -> float:
    return min(SPACING * 2.0 ** max(len(memory.withdrawals) - 1, 0), LONGEST_HOLD)


def _deaf(now: float, memory: Memory) -> bool:
    return memory.worth == DEAF and not memory.in_use and now - memory.attempted >= RETRY


def _lost(now: float, memory: Memory) -> bool:
    wait = min(RETRY * 2.0**memory.failures, LONGEST_RETRY)
    return now - max(memory.attempted, memory.since) >= wait


def _to_take_down(now: float, memory: Memory) -> bool:
    """IKE works, and nothing else: Oracle would not move to the other tunnel by itself."""
    in_doubt = memory.worth == DOUBTFUL and not memory.in_use and now - memory.since >= GRACE
    # Libreswan may take its time to do what it has been told.
    told = memory.attempted >= memory.since and now - memory.attempted < RETRY
    return in_doubt and not told
