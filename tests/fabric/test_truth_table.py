"""The truth table of lab/fabric/mutants.py, asked of the reachability function, on a stack that the real engine made.

Not proven here: that packets obey the function. The tests of the real fabric ask the same table of it.

The tests are one story and run in their order: what leaves the running host alone comes first, and the stack must find
everything as it made it before a host is taken from it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from lab.clouds.cluster import REGION
from lab.fabric.declared import Declared
from lab.fabric.mutants import MUTANTS, Mutant
from lab.fabric.probes import PROBES, verdict
from lab.fabric.read import read
from lab.lab import Lab
from tests.engine.conftest import FAST
from tests.fabric.truth import check, declared, failing

RUNNING = [mutant for mutant in MUTANTS if mutant.scope == "running"]
BOOTING = [mutant for mutant in MUTANTS if mutant.scope != "running"]


@dataclass
class Watch:
    """Reads both clouds over and over, and asks every probe each time."""

    lab: Lab
    seen: list[Declared] = field(default_factory=list)
    fault: Exception | None = None
    over: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        try:
            while not self.over.is_set():
                now = read(self.lab.clouds.aws, self.lab.clouds.oci, REGION)
                if not self.seen or now != self.seen[-1]:
                    self.seen.append(now)
                    for probe in PROBES:
                        verdict(now, probe, "official")
                self.over.wait(0.02)
        except Exception as fault:
            self.fault = fault


@dataclass(frozen=True)
class Up:
    lab: Lab
    before: Declared
    watch: Watch


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    lab = Lab.start(tmp_path_factory.mktemp("lab"), FAST)
    lab.clouds.aws.detach_seconds = 0.05
    lab.configure(proof=False)
    before, watch = declared(lab), Watch(lab)
    thread = threading.Thread(target=watch.run)
    thread.start()
    try:
        lab.project.up().check()
    finally:
        watch.over.set()
        thread.join()
    yield Up(lab, before, watch)
    lab.stop()


def test_empty_clouds_have_nothing(up: Up) -> None:
    assert up.before == Declared()
    assert {probe: verdict(up.before, probe).missing for probe in PROBES} == {
        "tunnel-1": "there is no tunnel 1",
        "tunnel-2": "there is no tunnel 2",
        "client->vcn": "there is no VPC",
        "vcn->client": "there is no VCN",
        "install": "there is no VPC",
        "rekey-1": "there is no tunnel 1",
        "rekey-2": "there is no tunnel 2",
    }


def test_half_built_states_are_read_and_judged(up: Up) -> None:
    assert up.watch.fault is None
    seen = up.watch.seen
    assert any(one.vpc and one.tunnels and one.host is None for one in seen), "none was half-built"
    assert any(tunnel.headend is None for one in seen for tunnel in one.tunnels)
    assert any(not tunnel.available for one in seen for tunnel in one.tunnels)
    # Two are equal when nothing that matters has changed, and else they differ.
    assert 20 < len(seen) < 200


def test_all_passes(up: Up) -> None:
    assert failing(up.lab, "running") == failing(up.lab, "official") == {}


def test_reading_takes_milliseconds(up: Up) -> None:
    """The fabric reads once a second, while virtual machines need both cores."""

    def seconds() -> float:
        begun = time.perf_counter()
        declared(up.lab)
        return time.perf_counter() - begun

    assert min(seconds() for _ in range(5)) < 0.05


def test_every_line_has_a_name_of_its_own() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)


@pytest.mark.parametrize("mutant", RUNNING, ids=lambda mutant: mutant.name)
def test_running(up: Up, mutant: Mutant) -> None:
    check(up.lab, mutant)


def test_everything_is_undone_ids_included(up: Up) -> None:
    up.lab.project.preview("--refresh", "--expect-no-changes").check()


@pytest.mark.parametrize("mutant", BOOTING, ids=lambda mutant: mutant.name)
def test_booting(up: Up, mutant: Mutant) -> None:
    check(up.lab, mutant)
