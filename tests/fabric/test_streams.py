"""Streams between two namespaces: the arithmetic of their gaps, and the program itself over a link that breaks.

Not proven here: that the fabric's machine is fast enough for as many packets (the lab shows that).
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.fabric.streams import DIRECTIONS, PROGRAM, Connection, Flow, Span, Traffic
from lab.setup.packages import SYSTEM_PATH, require

OUT, BACK = DIRECTIONS

SAID = {
    "started": 100.0,
    "ended": 130.0,
    "own pauses": [[111.0, 111.5], [120.0, 121.0]],
    "udp": {
        "client->vcn": [
            {"sent": 3000, "refused": 0, "received": 2900, "lost": 100, "gaps": [[110.0, 114.0]]},
            {"sent": 3000, "refused": 4, "received": 1003, "lost": 2000, "gaps": [[105.0, 105.5], [112.0, None]]},
        ],
        "vcn->client": [{"sent": 3000, "refused": 0, "received": 3001, "lost": 0, "gaps": []}],
    },
    "tcp": {
        "client->vcn": [{"broken": None, "gaps": [[110.0, 117.0]]}],
        "vcn->client": [{"broken": None, "gaps": []}, {"broken": "reset", "gaps": [[128.0, None]]}],
    },
}


def traffic(**changed: Any) -> Traffic:
    return Traffic.parse(json.dumps(SAID | changed))


def with_gaps(*flows: list[Span], pauses: list[Span]) -> Traffic:
    """Of 40 seconds, one way."""
    made = tuple(Flow(sent=1, refused=0, received=1, lost=0, gaps=tuple(gaps)) for gaps in flows)
    connections = tuple(Connection(broken=None, gaps=tuple(gaps)) for gaps in flows)
    return Traffic(
        started=0,
        ended=40,
        own_pauses=tuple(pauses),
        flows={OUT: made, BACK: ()},
        connections={OUT: connections, BACK: ()},
    )


def test_the_longest_outage_of_any_flow_without_own_pauses() -> None:
    one = traffic()
    assert one.outage(OUT, 100, 115) == 3.5
    # The flow that never got anything again counts to the end of what is asked for.
    assert one.outage(OUT, 100, 119) == 7.0
    assert one.outage(OUT, 100, 130) == 17.0
    # Only what is within.
    assert one.outage(OUT, 100, 110) == 0.5
    assert one.outage(OUT, 113, 114) == 1.0
    assert one.outage(OUT, 120.25, 120.75) == 0.0
    assert one.outage(BACK, 100, 130) == 0.0


def test_dead_flows_are_those_that_are_silent_at_the_end() -> None:
    one = traffic()
    assert one.dead_flows(OUT, 100, 130) == (1,)
    # Silence that began before what is asked for is not held against it.
    assert one.dead_flows(OUT, 111.5, 114) == (0, 1)
    assert one.dead_flows(OUT, 112.5, 114.5) == (1,)
    # 113 is three seconds later, of which the program slept half a one; 112.25 is not two waking ones.
    assert one.dead_flows(OUT, 100, 113) == (0,)
    assert one.dead_flows(OUT, 100, 112.25) == ()
    # The pause: from 119.5 on there was one waking second.
    assert one.dead_flows(OUT, 119.5, 121.5) == ()
    assert one.dead_flows(BACK, 100, 130) == ()


def test_packets_and_connections() -> None:
    one = traffic()
    assert (one.sent(OUT), one.lost(OUT)) == (6000, 2100)
    assert (one.sent(BACK), one.lost(BACK)) == (3000, 0)
    assert one.stall(OUT) == 6.5
    assert one.stall(OUT, 100, 111) == 1.0
    assert one.stall(BACK) == 2.0
    assert one.broken() == ("vcn->client 1: reset",)


def test_a_time_that_nobody_watched_is_refused() -> None:
    one = traffic()
    for since, until in ((99.0, 110.0), (110.0, 131.0), (120.0, 110.0)):
        with pytest.raises(ValueError, match="the time of the streams"):
            one.outage(BACK, since, until)
        with pytest.raises(ValueError, match="the time of the streams"):
            one.dead_flows(BACK, since, until)
        with pytest.raises(ValueError, match="the time of the streams"):
            one.stall(BACK, since, until)
    with pytest.raises(ValueError, match="no flow can be silent"):
        one.dead_flows(OUT, 128.5, 130)


@st.composite
def spans(draw: st.DrawFn, endless: bool) -> list[Span]:
    """Spans of whole seconds that do not overlap."""
    moments = sorted(draw(st.sets(st.integers(0, 40), max_size=10)))
    found = [Span(start, end) for start, end in zip(moments[::2], moments[1::2], strict=False)]
    return [*found, Span(moments[-1], None)] if endless and len(moments) % 2 else found


gaps = spans(endless=True)
pauses = spans(endless=False)
windows = st.tuples(st.integers(0, 40), st.integers(0, 40)).map(sorted)


def seconds_of(span: Span) -> set[int]:
    """By the second that each begins."""
    return set(range(int(span.start), 40 if span.end is None else int(span.end)))


@given(gaps, gaps, pauses, windows)
def test_an_outage_is_as_long_as_its_seconds_counted(
    one: list[Span], other: list[Span], slept: list[Span], window: list[int]
) -> None:
    asleep = {second for pause in slept for second in seconds_of(pause)}
    within = set(range(*window)) - asleep
    counted = max((len(seconds_of(gap) & within) for gap in one + other), default=0)
    measured = with_gaps(one, other, pauses=slept)
    assert measured.outage(OUT, *window) == counted
    assert measured.stall(OUT, *window) == counted


@given(gaps, gaps, pauses, windows)
def test_a_dead_flow_has_had_none_of_its_last_two_waking_seconds(
    one: list[Span], other: list[Span], slept: list[Span], window: list[int]
) -> None:
    since, until = window
    if until - since < 2:
        return
    asleep = {second for pause in slept for second in seconds_of(pause)}
    dead = []
    for number, flow in enumerate((one, other)):
        silent = {second: gap for gap in flow for second in seconds_of(gap)}
        last = until - 1
        waking = 0
        while last >= since and last in silent and silent[last] is silent.get(until - 1):
            waking += last not in asleep
            last -= 1
        if waking >= 2:
            dead.append(number)
    assert list(with_gaps(one, other, pauses=slept).dead_flows(OUT, since, until)) == dead


@pytest.fixture(scope="module")
def program() -> ModuleType:
    loader = SourceFileLoader("streams", str(PROGRAM))
    spec = spec_from_loader("streams", loader)
    assert spec is not None
    module = module_from_spec(spec)
    # No byte code beside it.
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = before
    return module


@given(arrivals=st.lists(st.integers(0, 5000), max_size=20).map(sorted), ended=st.integers(0, 5000))
def test_gaps_are_the_long_times_between_arrivals(program: ModuleType, arrivals: list[int], ended: int) -> None:
    # In milliseconds, and none so near to the limit that a sum of fractions decides.
    heard = [arrival // 3 * 3 / 1000 for arrival in arrivals]
    silence = program.Silence(0.0)
    for moment in heard:
        silence.heard(moment)
    expected: list[list[float | None]] = [[a, b] for a, b in pairwise([0.0, *heard]) if b - a > 0.2]
    last = max(heard, default=0.0)
    if ended / 1000 - last > 0.2:
        expected.append([last, None])
    assert silence.until(ended / 1000) == expected


def test_a_connection_tells_why_it_broke(program: ModuleType) -> None:
    opener, end = socket.socketpair()
    for one in (opener, end):
        one.setblocking(False)
    connection = program.Connection(opener, 0.0)
    connection.send()
    assert connection.hear(end, 1.0) is True
    assert connection.hear(end, 1.0) is True
    assert connection.result(1.0) == {"broken": None, "gaps": [[0.0, 1.0]]}
    end.close()
    connection.send()
    assert "Broken pipe" in connection.result(1.0)["broken"]
    assert connection.hear(opener, 2.0) is False
    # The first reason stays.
    assert connection.result(3.0) == {"broken": connection.broken, "gaps": [[0.0, 1.0], [1.0, None]]}
    assert "Broken pipe" in connection.broken
    opener.close()


class Places:
    """Two network namespaces with a link between them, in a shell that has every right there and needs none here."""

    def __init__(self) -> None:
        require({"ip": "iproute2", "unshare": "util-linux"})
        self.shell = subprocess.Popen(
            ["unshare", "--map-root-user", "--net", "--mount", "sh", "-eu"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PATH": SYSTEM_PATH},
        )
        self.run(
            "mount -t tmpfs none /run\n"
            "ip netns add client; ip netns add vcn-host\n"
            "ip link add name far netns client type veth peer name far netns vcn-host\n"
            "ip -n client address add 10.0.0.1/24 dev far; ip -n client link set far up\n"
            "ip -n vcn-host address add 10.0.0.2/24 dev far; ip -n vcn-host link set far up"
        )

    def run(self, script: str) -> str:
        """What it printed."""
        assert self.shell.stdin is not None
        assert self.shell.stdout is not None
        self.shell.stdin.write(f"{script}\necho end of it\n")
        self.shell.stdin.flush()
        lines: list[str] = []
        for line in self.shell.stdout:
            if line == "end of it\n":
                return "".join(lines)
            lines.append(line)
        raise AssertionError(f"the shell has ended: {lines}")


@pytest.fixture
def places() -> Iterator[Places]:
    running = Places()
    yield running
    assert running.shell.stdin is not None
    running.shell.stdin.close()
    running.shell.wait(10)


def until(true: Any, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_program_over_a_link_that_breaks(places: Places, tmp_path: Path) -> None:
    log, result = tmp_path / "log", tmp_path / "result"
    options = "--client 10.0.0.1 --vcn-host 10.0.0.2 --flows 3 --period-ms 10 --seconds 60"
    log.touch()
    process = int(places.run(f"{sys.executable} {PROGRAM} {result} {options} >{log} 2>&1 </dev/null & echo $!"))
    try:
        until(lambda: "sending" in log.read_text())
        time.sleep(0.5)
        calm = time.monotonic()
        time.sleep(1.0)
        breaks = time.monotonic()
        places.run("ip -n vcn-host link set far down")
        broken = time.monotonic()
        time.sleep(2.6)
        mends = time.monotonic()
        places.run("ip -n vcn-host link set far up")
        # A kernel looks at its links once a second, and asks again for a neighbour after a second.
        until(lambda: len(re.findall("lladdr", places.run("ip -n client neigh; ip -n vcn-host neigh"))) == 2)
        time.sleep(1.0)
        sleeps = time.monotonic()
        os.kill(process, signal.SIGSTOP)
        time.sleep(0.6)
        os.kill(process, signal.SIGCONT)
        time.sleep(0.5)
        ends = time.monotonic()
    finally:
        os.kill(process, signal.SIGTERM)
    until(result.exists)
    measured = Traffic.parse(result.read_text())
    for direction in DIRECTIONS:
        assert len(measured.flows[direction]) == 3
        assert measured.outage(direction, calm, breaks) < 0.4
        assert measured.stall(direction, calm, breaks) < 0.4
        assert 2.0 < measured.outage(direction, breaks, sleeps) < sleeps - breaks - 0.3
        assert measured.dead_flows(direction, broken, mends) == (0, 1, 2)
        assert measured.dead_flows(direction, mends, ends) == ()
        # TCP waits longer from try to try: it may still be silent.
        assert measured.stall(direction, broken, mends) > 2.0
        # A second's packets are a hundred; a busy machine makes fewer.
        assert 300 < measured.sent(direction) < 3 * 100 * (measured.ended - measured.started) + 4
        assert 0.1 * measured.sent(direction) < measured.lost(direction) < 0.8 * measured.sent(direction)
        for flow in measured.flows[direction]:
            assert flow.received == flow.sent - flow.lost
        # Asleep is not an outage.
        assert measured.outage(direction, sleeps, ends) < 0.4
    # Without its link the VCN's host has no route, and says so; the client's packets vanish.
    assert all(flow.refused > 0 for flow in measured.flows[BACK])
    assert measured.broken() == ()
    assert any(pause.end is not None and pause.end - pause.start > 0.55 for pause in measured.own_pauses)
    assert measured.started < calm
    assert ends < measured.ended


def test_the_program_ends_by_itself(places: Places, tmp_path: Path) -> None:
    result = tmp_path / "result"
    options = "--client 10.0.0.1 --vcn-host 10.0.0.2 --flows 1 --connections 1 --period-ms 10 --seconds 1"
    assert places.run(f"{sys.executable} {PROGRAM} {result} {options}") == "sending\n"
    measured = Traffic.parse(result.read_text())
    assert 1.0 <= measured.ended - measured.started < 5.0
    for direction in DIRECTIONS:
        assert measured.flows[direction][0].received > 10
        assert measured.stall(direction) < 0.5
