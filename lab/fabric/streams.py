"""How long nothing arrived: streams between the client and the VCN's host, and the arithmetic of what they saw.

All times are seconds of the fabric machine's own clock, so that a fault and what it did are on one scale.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from lab.fabric.fabric import Fabric
from lab.machine.guest import GuestError

PROGRAM = Path(__file__).parent / "guest" / "streams"
FOLDER = "/run/streams"

Direction = Literal["client->vcn", "vcn->client"]
DIRECTIONS: tuple[Direction, Direction] = ("client->vcn", "vcn->client")

DEAD_SECONDS = 2.0
"""A flow that got nothing for so long is dead: some forty of its packets were due."""

PERIOD_MS = 50.0
"""Between two packets of a flow. The fabric's emulated processor carries some 400 packets a second in all, and with
these 320 it has time left: at 10 ms it has none, sends no more of them, and pauses by itself again and again."""


@dataclass(frozen=True)
class Span:
    """A time, in seconds of a clock. Without an end it lasts."""

    start: float
    end: float | None

    def within(self, since: float, until: float) -> Span | None:
        """The part of it between these moments, which has an end; None if there is none."""
        start, end = max(self.start, since), until if self.end is None else min(self.end, until)
        return Span(start, end) if start < end else None


@dataclass(frozen=True, kw_only=True)
class Flow:
    """UDP from one port."""

    sent: int
    """Sequence numbers, also of packets that could not be sent."""
    refused: int
    """Of those, what its own end has not sent: without a route, for example."""
    received: int
    """Packets, also those that came twice."""
    lost: int
    """Sequence numbers that never came."""
    gaps: tuple[Span, ...]


@dataclass(frozen=True, kw_only=True)
class Connection:
    """TCP, on which the side that opened it talks."""

    broken: str | None
    """Why, in the kernel's words."""
    gaps: tuple[Span, ...]


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """What arrived between two moments. Gaps are those of more than 0.2 s between two arrivals."""

    started: float
    ended: float
    """When the last packet was sent; what came in the second after it counts as arrived."""
    own_pauses: tuple[Span, ...]
    """When the program itself did not run, and so neither sent nor received. They do not overlap."""
    flows: Mapping[Direction, tuple[Flow, ...]]
    connections: Mapping[Direction, tuple[Connection, ...]]

    @classmethod
    def parse(cls, text: str) -> Traffic:
        """From the program's JSON."""
        said = json.loads(text)
        return cls(
            started=said["started"],
            ended=said["ended"],
            own_pauses=_spans(said["own pauses"]),
            flows={way: tuple(Flow(**_with_spans(one)) for one in said["udp"][way]) for way in DIRECTIONS},
            connections={way: tuple(Connection(**_with_spans(one)) for one in said["tcp"][way]) for way in DIRECTIONS},
        )

    def outage(self, direction: Direction, since: float, until: float) -> float:
        """The longest time between these moments in which one of the direction's UDP flows got nothing.

        The program's own pauses are taken off. Raises ValueError for a time in which it did not measure.
        """
        self._check(since, until)
        return self._longest((gap for flow in self.flows[direction] for gap in flow.gaps), since, until)

    def dead_flows(self, direction: Direction, since: float, until: float) -> tuple[int, ...]:
        """Numbers of the UDP flows that have got nothing for the last two seconds, at the second moment.

        Own pauses are no part of the two seconds, and nothing before the first moment is. Raises ValueError where
        there are not two seconds between them, or it did not measure then.
        """
        self._check(since, until)
        if until - since < DEAD_SECONDS:
            raise ValueError(f"in {until - since:.1f} s no flow can be silent for {DEAD_SECONDS:.0f} s")
        return tuple(
            number
            for number, flow in enumerate(self.flows[direction])
            if self._longest((gap for gap in flow.gaps if _lasts(gap, until)), since, until) >= DEAD_SECONDS
        )

    def sent(self, direction: Direction) -> int:
        """UDP packets, from beginning to end."""
        return sum(flow.sent for flow in self.flows[direction])

    def lost(self, direction: Direction) -> int:
        """UDP packets of these that never came."""
        return sum(flow.lost for flow in self.flows[direction])

    def stall(self, direction: Direction, since: float | None = None, until: float | None = None) -> float:
        """The longest time in which one of the direction's TCP connections got nothing; else as `outage`."""
        first, last = self.started if since is None else since, self.ended if until is None else until
        self._check(first, last)
        return self._longest((gap for one in self.connections[direction] for gap in one.gaps), first, last)

    def broken(self) -> tuple[str, ...]:
        """TCP connections that did not live to the end, each with its direction, number and why."""
        return tuple(
            f"{direction} {number}: {one.broken}"
            for direction in DIRECTIONS
            for number, one in enumerate(self.connections[direction])
            if one.broken is not None
        )

    def _longest(self, gaps: Iterable[Span], since: float, until: float) -> float:
        parts = (part for gap in gaps if (part := gap.within(since, until)))
        return max((_seconds(part) - self._paused(part) for part in parts), default=0.0)

    def _paused(self, span: Span) -> float:
        assert span.end is not None
        return sum(_seconds(part) for pause in self.own_pauses if (part := pause.within(span.start, span.end)))

    def _check(self, since: float, until: float) -> None:
        # No gap in a time that nobody watched would say that all is well.
        if not self.started <= since <= until <= self.ended:
            raise ValueError(
                f"{since} to {until} is not within {self.started} to {self.ended}, the time of the streams"
            )


def _seconds(span: Span) -> float:
    assert span.end is not None
    return span.end - span.start


def _lasts(gap: Span, moment: float) -> bool:
    return gap.start < moment and (gap.end is None or gap.end >= moment)


def _spans(pairs: Iterable[tuple[float, float | None]]) -> tuple[Span, ...]:
    return tuple(Span(start, end) for start, end in pairs)


def _with_spans(said: Mapping[str, Any]) -> dict[str, Any]:
    return {**said, "gaps": _spans(said["gaps"])}


@dataclass(frozen=True)
class Streams:
    """Streams that run in a fabric, one set at a time."""

    fabric: Fabric

    @classmethod
    def start(
        cls,
        fabric: Fabric,
        *,
        flows: int = 8,
        period_ms: float = PERIOD_MS,
        connections: int = 2,
        message_ms: float = 50.0,
        seconds: float = 600.0,
    ) -> Streams:
        """Streams as numerous and dense as that, which end by themselves after so many seconds. They have begun.

        What a test that failed has left running is ended. Raises GuestError, with what the program said.
        """
        client, vcn_host = fabric.declared.client, fabric.declared.vcn_host
        if client is None or vcn_host is None:
            raise GuestError("no client or no host in the VCN is declared")
        options = {
            "client": client[1],
            "vcn-host": vcn_host[1],
            "flows": flows,
            "period-ms": period_ms,
            "connections": connections,
            "message-ms": message_ms,
            "seconds": seconds,
        }
        guest = fabric.machine.guest
        guest.script(_CLEAR)
        guest.run("/bin/sh", "-c", f"cat > {FOLDER}/program", stdin=PROGRAM.read_text()).check()
        guest.script(_START.format(options=" ".join(f"--{name}={value}" for name, value in options.items())))
        return cls(fabric)

    def now(self) -> float:
        """The fabric machine's clock. Of CLOCK_MONOTONIC this differs only on a machine that has been suspended."""
        return float(self.fabric.machine.guest.run("cat", "/proc/uptime").check().split()[0])

    def stop(self) -> Traffic:
        """Ends the streams: what they saw. Raises GuestError, with what the program said."""
        return Traffic.parse(self.fabric.machine.guest.script(_STOP))


_CLEAR = f"""\
pkill -KILL -f '^python3 {FOLDER}/program ' || true
rm -rf {FOLDER}
mkdir {FOLDER}
"""

# The agent's command ends at once, and what it has started is nobody's child and holds none of its pipes.
_START = f"""\
setsid sh -c 'python3 {FOLDER}/program {FOLDER}/result {{options}} || echo "ended with $?"' \\
    >{FOLDER}/log 2>&1 </dev/null &
for attempt in $(seq 300); do
    grep -q '^sending' {FOLDER}/log && exit 0
    grep -q '^ended' {FOLDER}/log && break
    sleep 0.1
done
cat {FOLDER}/log >&2
exit 1
"""

_STOP = f"""\
pkill -TERM -f '^python3 {FOLDER}/program ' || true
for attempt in $(seq 300); do
    test -e {FOLDER}/result && exec cat {FOLDER}/result
    grep -q '^ended' {FOLDER}/log && break
    sleep 0.1
done
cat {FOLDER}/log >&2
exit 1
"""
