"""Each other kind of stack that docs/proven.md lists: `up` with its proof, both tunnels, packets both ways, re-keys."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.lab import Lab
from lab.machines import Machines
from lab.pairwise import LONG, OTHERS, Stack
from tests.engine.given_networks import make_vcn, make_vpc, settings_of
from tests.lab.asking import all_pass, fabric, measured, wait_for_console

KINDS = [*OTHERS, *(pytest.param(stack, marks=pytest.mark.long) for stack in LONG)]


@pytest.fixture(params=KINDS, ids=lambda stack: stack.name)
def stack(request: pytest.FixtureRequest) -> Stack:
    chosen: Stack = request.param
    return chosen


@pytest.fixture
def lab(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    started = Lab.start(tmp_path_factory.mktemp("lab"), machines=Machines(flavour=stack.image, systems=(stack.os,)))
    try:
        if stack.networks == "given":
            started.configure(**settings_of(make_vpc(started.clouds), make_vcn(started.clouds)))
        started.configure(**stack.settings)
        yield started
    finally:
        started.stop()


def test_up_proves_it_and_packets_cross(lab: Lab, stack: Stack) -> None:
    up = lab.project.up()
    assert up.ok, up.text
    assert lab.project.outputs()["tunnelStates"] == {"tunnel-1": "UP", "tunnel-2": "UP"}
    wait_for_console(lab, r"step packages: ok")
    assert measured(lab, all_pass()) == all_pass()
    lab.project.preview("--expect-no-changes").check()
    lab.project.destroy().check()
    assert fabric(lab).hosts.machine is None, "the instance's machine has ended with it"
