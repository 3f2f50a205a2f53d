"""Headends that answer one ping in five: no reason to withdraw anything, and still a way to find a dead one."""

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
            faults.kill_headend(observer.fabric, 1)
            wait_until(lambda: not observer.status()["tunnels"]["tunnel-1"]["inUse"], "the end of tunnel 1", 60.0)
            time.sleep(DEAD_SECONDS + 1.0)
            until = streams.now()
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
