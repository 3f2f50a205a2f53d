"""The lines of the truth table that need another host: each boots one from other user-data, or with another role.

The function's half of each line is in tests/fabric; here its answers are the expectation. The host that `up` has made
is never asked: the first line takes its place while it boots, and each next line that of the one before.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.fabric.mutants import MUTANTS, Mutant
from lab.fabric.new_host import NewHost, launch, rewritten, user_data_of
from lab.fabric.probes import PROBES, Probe, verdict
from lab.lab import Lab
from lab.machines import Machines
from tests.lab.asking import QUICK, all_pass, assert_measured, fabric, wait_for_console

pytestmark = pytest.mark.long

HOSTS = [mutant for mutant in MUTANTS if mutant.scope == "host"]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """`dev`, up but not proven: its host has just been powered on."""
    started = Lab.start(tmp_path_factory.mktemp("lab"), machines=Machines())
    try:
        started.configure(proof=False)
        started.project.up().check()
        yield started
    finally:
        started.stop()


@pytest.fixture(scope="module")
def user_data(lab: Lab) -> str:
    """What the engine gave the first host."""
    return user_data_of(lab.clouds, fabric(lab).settle())


@pytest.mark.parametrize("mutant", HOSTS, ids=lambda mutant: mutant.name)
def test_new_host(lab: Lab, mutant: Mutant, user_data: str) -> None:
    """Each line is a host that boots from other user-data, or with another role; the next one takes its place."""
    before = fabric(lab).settle()
    undo = None
    if isinstance(mutant.spoil, NewHost):
        launch(lab.clouds, before, rewritten(user_data, mutant.spoil.transform))
        wait_for_console(lab, r"step services: ok")
    else:
        undo = mutant.spoil(lab.clouds, before)
        wait_for_console(lab, r"step pre-shared keys: .*AccessDenied")
        # Its boot has ended without the keys: what comes now is for the host to notice by itself.
        wait_for_console(lab, r"step services: ok")
    now = fabric(lab).settle()
    expected: dict[Probe, bool] = {probe: probe not in mutant.fails for probe in QUICK}
    verdicts = {probe: verdict(now, probe, "host") for probe in PROBES}
    assert {probe for probe, one in verdicts.items() if not one.arrives} == mutant.fails
    assert all(mutant.cause in str(one.missing) for one in verdicts.values() if not one.arrives)
    assert_measured(lab, expected)
    if undo:
        # This host has tried again all the time: with its rights back it comes up by itself.
        undo()
        wait_for_console(lab, r"step pre-shared keys: ok")
        wait_for_console(lab, r"tunnel-2: brought up with its new key")
        assert_measured(lab, all_pass(*QUICK))
