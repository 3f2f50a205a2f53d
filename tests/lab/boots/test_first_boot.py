"""The official image has no Libreswan: it must fetch its packages through what is declared, or go on trying.

The two lines of the truth table that need such a host, on one host: it boots while the network ACL has no rule for
answers, then while it has no address, and once both are there it does everything by itself.

The tests are one story and run in their order.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.fabric import spoil_aws
from lab.fabric.probes import PROBES, verdict
from lab.lab import Lab
from lab.machines import Machines
from lab.pairwise import FIRST_BOOT
from tests.lab.asking import all_pass, assert_measured, fabric, wait_for_console

pytestmark = pytest.mark.long

TRYING_AGAIN = r"step packages: failed; trying again"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Up but not proven: the host has just been powered on."""
    started = Lab.start(tmp_path_factory.mktemp("lab"), machines=Machines(flavour=FIRST_BOOT.image))
    try:
        started.configure(proof=False, **FIRST_BOOT.settings)
        started.project.up().check()
        yield started
    finally:
        started.stop()


def failing(lab: Lab) -> dict[str, str]:
    now = fabric(lab).settle()
    verdicts = {probe: verdict(now, probe, "official") for probe in PROBES}
    return {probe: str(one.missing) for probe, one in verdicts.items() if not one.arrives}


def test_without_ephemeral_ports_nothing_is_installed(lab: Lab) -> None:
    undo = spoil_aws.acl_without_answers(lab.clouds, fabric(lab).settle())
    found = failing(lab)
    assert found.keys() == set(PROBES)
    assert all("has no ingress entry that allows tcp" in why for why in found.values())
    wait_for_console(lab, TRYING_AGAIN)
    machine = fabric(lab).hosts.machine
    assert machine is not None
    assert "step packages: ok" not in machine.console
    undo()


def test_before_the_address_is_associated_nothing_is_installed(lab: Lab) -> None:
    undo = spoil_aws.no_address(lab.clouds, fabric(lab).settle())
    found = failing(lab)
    assert found.keys() == set(PROBES)
    assert all("no elastic IP" in why for why in found.values())
    assert_measured(lab, {"install": False})
    undo()


def test_then_it_installs_and_both_tunnels_come_up_by_themselves(lab: Lab) -> None:
    assert failing(lab) == {}
    wait_for_console(lab, r"step services: ok")
    assert_measured(lab, all_pass())


def test_and_the_proof_agrees(lab: Lab) -> None:
    lab.configure(proof=True)
    lab.project.up().check()
    assert lab.project.outputs()["tunnelStates"] == {"tunnel-1": "UP", "tunnel-2": "UP"}
    lab.project.destroy().check()
