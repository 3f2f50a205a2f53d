"""The truth table, asked of real packets: reachability function and fabric agree on every line.

The function's half of each line is in tests/fabric; here its answers are the expectation. Not proven: that the real
clouds refuse what the fabric refuses. The lines for the image without packages are in boots/test_first_boot.py.

The tests are one story and run in their order: what leaves the running host alone comes first.
"""

from __future__ import annotations

import pytest

from lab.clouds.oci.credentials import network_client
from lab.fabric import spoil_oci
from lab.fabric.measured import Prober
from lab.fabric.mutants import MUTANTS, Mutant
from lab.fabric.new_host import NewHost, launch, rewritten, user_data_of
from lab.fabric.probes import PROBES, Probe, verdict
from lab.lab import Lab
from tests.lab.asking import all_pass, fabric, measured, wait_for_console, wait_until

RUNNING = [mutant for mutant in MUTANTS if mutant.scope == "running"]
HOSTS = [mutant for mutant in MUTANTS if mutant.scope == "host"]

# Oracle may use the other tunnel than the host; and re-keys, which take seconds, are asked where they are the point.
QUICK: tuple[Probe, ...] = ("tunnel-1", "tunnel-2", "client->vcn", "vcn->client", "install")


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
    assert measured(lab, all_pass()) == all_pass()


@pytest.mark.parametrize("number", [1, 2])
def test_both_ends_can_rekey(lab: Lab, number: int) -> None:
    """The host first, as its lifetimes make it do, then the headend: Oracle's may want to as well."""
    prober = Prober(fabric(lab))
    assert [prober.rekeys(number, by) for by in ("host", "headend")] == [True, True]


@pytest.mark.parametrize("mutant", RUNNING, ids=lambda mutant: mutant.name)
def test_running(lab: Lab, mutant: Mutant) -> None:
    expected = expectations(mutant)
    prober = Prober(fabric(lab))
    # Where only routes or filters of traffic change, the tunnels that are up are left alone, as in the clouds.
    about_tunnels = not mutant.fails or bool(mutant.fails & {"tunnel-1", "tunnel-2", "rekey-1", "rekey-2"})
    undo = mutant.spoil(lab.clouds, fabric(lab).settle())
    try:
        fabric(lab).settle()
        if about_tunnels:
            prober.renew()
        check_reachability(lab, expected, mutant.cause)
        assert measured(lab, expected) == expected
    finally:
        undo()
        fabric(lab).settle()
        if about_tunnels:
            prober.renew()
    assert measured(lab, all_pass(*QUICK)) == all_pass(*QUICK)


def test_oracle_says_what_its_daemon_says(lab: Lab) -> None:
    """The tunnel's error, by Oracle's own API: what the proof prints when its time is over."""
    oracle = network_client(lab.clouds.oci.endpoint)
    outputs = lab.project.outputs()
    undo = spoil_oci.other_ike_version(lab.clouds, fabric(lab).settle())
    try:
        fabric(lab).settle()
        Prober(fabric(lab)).renew()

        def says(words: str) -> bool:
            # Oracle notices when it is asked.
            tunnel = oracle.get_ip_sec_connection_tunnel(outputs["connectionId"], outputs["tunnelIds"]["tunnel-1"]).data
            if tunnel.status != "DOWN":
                return False
            error = oracle.get_ip_sec_connection_tunnel_error(outputs["connectionId"], tunnel.id).data
            return words in error.error_description

        wait_until(lambda: says("no IKE config found"), "strongSwan's complaint")
    finally:
        undo()
        fabric(lab).settle()
        Prober(fabric(lab)).renew()
    assert measured(lab, all_pass("tunnel-1")) == all_pass("tunnel-1")


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
    now = fabric(lab).settle()
    expected: dict[Probe, bool] = {probe: probe not in mutant.fails for probe in QUICK}
    verdicts = {probe: verdict(now, probe, "host") for probe in PROBES}
    assert {probe for probe, one in verdicts.items() if not one.arrives} == mutant.fails
    assert all(mutant.cause in str(one.missing) for one in verdicts.values() if not one.arrives)
    assert measured(lab, expected) == expected
    if undo:
        # This host has tried again all the time: with its rights back it comes up by itself.
        undo()
        wait_for_console(lab, r"step pre-shared keys: ok")
        wait_for_console(lab, r"tunnel-2: brought up with its new key")
        assert measured(lab, all_pass(*QUICK)) == all_pass(*QUICK)
