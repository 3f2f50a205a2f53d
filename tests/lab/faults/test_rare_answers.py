"""Headends that answer no ping, or one in five: nothing is withdrawn for that, and a dead one is found all the same."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from lab.fabric import faults
from lab.fabric.outages import Observer
from lab.fabric.streams import DEAD_SECONDS, Streams
from tests.lab.asking import wait_until

pytestmark = pytest.mark.long

ONE_IN = 5
LEARNING_SECONDS = 60.0
"""Some two hundred probes, of which forty are answered."""

FOUND_SECONDS = 25.0
"""Forty probes without an answer, which chance explains less than once in ten thousand times."""


def dies_and_is_found(observer: Observer, streams: Streams) -> float:
    """Headend 1 dies. The moment, by the streams' clock, when that has been found and every flow has had its time."""
    faults.kill_headend(observer.fabric, 1)
    wait_until(lambda: not observer.status()["tunnels"]["tunnel-1"]["inUse"], "the end of tunnel 1", 60.0)
    time.sleep(DEAD_SECONDS + 1.0)
    return streams.now()


def test_headends_that_answer_one_in_five(observer: Observer, note: Callable[[str], None]) -> None:
    withdrawn = "journalctl -u tunnel-keeper -o cat --no-pager -g 'withdrawn' | wc -l"
    for number in (1, 2):
        faults.answer_one_in(observer.fabric, number, ONE_IN)
    try:
        observer.forget()
        before = observer.host(withdrawn)
        streams = Streams.start(observer.fabric)
        try:
            began = streams.now()
            time.sleep(LEARNING_SECONDS)
            calm = streams.now()
            assert observer.host(withdrawn) == before
            until = dies_and_is_found(observer, streams)
        finally:
            faults.return_headend(observer.fabric, 1)
            traffic = streams.stop()
    finally:
        for number in (1, 2):
            faults.answer_inside(observer.fabric, number)
    outage = traffic.outage("client->vcn", calm, until)
    note(f"headend 1 dies, and both answered 1 ping in {ONE_IN}: AWS to OCI {outage:.1f} s")
    assert traffic.outage("client->vcn", began, calm) < 1.0
    assert outage <= FOUND_SECONDS
    observer.wait()


def test_headends_that_never_answer_a_ping(observer: Observer, note: Callable[[str], None]) -> None:
    """Nothing is known but the child SAs: that is enough to carry, and when one is gone, to go on by the other."""
    for number in (1, 2):
        faults.silence_inside(observer.fabric, number)
    try:
        # On the SAs before, probes had been answered: begin without that.
        observer.host("systemctl restart ipsec; systemctl restart tunnel-keeper")
        observer.wait()
        observer.in_order()
        assert {one["probe"] for one in observer.status()["tunnels"].values()} == {"never answered"}
        streams = Streams.start(observer.fabric)
        try:
            began = streams.now()
            time.sleep(10.0)
            calm = streams.now()
            # Libreswan's own dead peer detection: up to 10 s of silence, then 20 s of asking.
            until = dies_and_is_found(observer, streams)
        finally:
            faults.return_headend(observer.fabric, 1)
            traffic = streams.stop()
        assert traffic.outage("client->vcn", began, calm) < 1.0
        outage = traffic.outage("client->vcn", calm, until)
        note(f"headend 1 dies, and none answers pings: AWS to OCI {outage:.1f} s")
        assert outage < 50.0
        assert traffic.dead_flows("client->vcn", calm, until) == ()
    finally:
        for number in (1, 2):
            faults.answer_inside(observer.fabric, number)
