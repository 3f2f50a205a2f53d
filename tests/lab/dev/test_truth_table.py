"""The truth table, asked of real packets: reachability function and fabric agree on every line.

The function's half of each line is in tests/fabric; here its answers are the expectation. Not proven: that the real
clouds refuse what the fabric refuses. Lines that need another host are in boots/test_new_hosts.py, those for the image
without packages in boots/test_first_boot.py.
"""

from __future__ import annotations

from contextlib import nullcontext

import pytest

from lab.clouds.oci.credentials import network_client
from lab.fabric.measured import Prober
from lab.fabric.mutants import MUTANTS, Mutant
from lab.fabric.probes import Probe, verdict
from lab.lab import Lab
from tests.lab.asking import QUICK, all_pass, assert_measured, fabric, wait_until

# Of what both ends of a tunnel have to agree on, the key is enough for every day; and of two lines about one hop, one.
LATER = (
    "VPC route to the gateway",
    "security group without ingress of UDP 4500",
    "network ACL without the headends' ingress",
    "address not associated",
    "VCN's DRG table without the tunnels",
    "other IKE version on tunnel 1",
    "other phase 1 on tunnel 1",
    "other phase 2 on tunnel 1",
    "other PFS group on tunnel 1",
)
RUNNING = [
    pytest.param(mutant, id=mutant.name, marks=[pytest.mark.long] if mutant.name in LATER else [])
    for mutant in MUTANTS
    if mutant.scope == "running"
]


def expectations(mutant: Mutant) -> dict[Probe, bool]:
    """The probes that are asked on this line, and the reachability function's answers."""
    asked = [probe for probe in QUICK if probe not in mutant.unsure]
    if mutant.fails <= {"rekey-1", "rekey-2"}:
        asked += sorted(mutant.fails)
    return {probe: probe not in mutant.fails for probe in asked}


def check_reachability(lab: Lab, expected: dict[Probe, bool], cause: str) -> None:
    """The function says the same of what the fabric was made from, and why."""
    now = fabric(lab).declared
    verdicts = {probe: verdict(now, probe) for probe in expected}
    assert {probe: one.arrives for probe, one in verdicts.items()} == expected
    for one in verdicts.values():
        if not one.arrives:
            assert cause in str(one.missing)


def test_nothing_is_refused_of_what_is_declared(lab: Lab) -> None:
    assert_measured(lab, all_pass())


@pytest.mark.parametrize("number", [1, 2])
def test_both_ends_can_rekey(lab: Lab, number: int) -> None:
    """The host first, as its lifetimes make it do, then the headend: Oracle's may want to as well."""
    prober = Prober(fabric(lab))
    assert [prober.rekeys(number, by) for by in ("host", "headend")] == [True, True]


def oracle_tells(lab: Lab, words: str) -> bool:
    """By Oracle's own API of tunnel 1: what the proof prints when its time is over. It notices when it is asked."""
    oracle = network_client(lab.clouds.oci.endpoint)
    outputs = lab.project.outputs()
    tunnel = oracle.get_ip_sec_connection_tunnel(outputs["connectionId"], outputs["tunnelIds"]["tunnel-1"]).data
    if tunnel.status != "DOWN":
        return False
    error = oracle.get_ip_sec_connection_tunnel_error(outputs["connectionId"], tunnel.id).data
    return words in error.error_description


@pytest.mark.parametrize("mutant", RUNNING)
def test_running(lab: Lab, mutant: Mutant) -> None:
    expected = expectations(mutant)
    # Where only routes or filters of traffic change, the tunnels that are up are left alone, as in the clouds.
    about_tunnels = not mutant.fails or bool(mutant.fails & {"tunnel-1", "tunnel-2", "rekey-1", "rekey-2"})
    change = Prober(fabric(lab)).anew if about_tunnels else nullcontext
    with change():
        undo = mutant.spoil(lab.clouds, fabric(lab).settle())
        fabric(lab).settle()
    try:
        check_reachability(lab, expected, mutant.cause)
        assert_measured(lab, expected)
        if mutant.told:
            wait_until(lambda: oracle_tells(lab, mutant.told), mutant.told)
    finally:
        with change():
            undo()
            fabric(lab).settle()
    assert_measured(lab, all_pass(*QUICK))
