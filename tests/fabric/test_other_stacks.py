"""The truth table on a stack that is unlike the default one in all that the table depends on.

Networks that were there before, with somebody's rules, DRG and connection in them; keys in user-data; IKEv1; the 4.x
dialect of Libreswan. Not proven: packets.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from lab.fabric.mutants import FIRST, MUTANTS, TRAFFIC, Mutant
from lab.lab import Lab
from tests.engine.conftest import FAST
from tests.engine.given_networks import make_vcn, make_vpc, settings_of
from tests.fabric.truth import check, declared, failing

# The keys of this stack are in user-data, and IKEv1 makes the first child SA with perfect forward secrecy too.
UNLIKE = ("role that may not read the parameters", "other PFS group on tunnel 1")
SUITING = [mutant for mutant in MUTANTS if mutant.name not in UNLIKE]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    started = Lab.start(tmp_path_factory.mktemp("lab"), FAST)
    started.clouds.aws.detach_seconds = 0.05
    vpc, vcn = make_vpc(started.clouds), make_vcn(started.clouds)
    started.configure(
        proof=False,
        **settings_of(vpc, vcn),
        vcnIngress=["icmp"],
        hostOs="debian-12",
        ikeVersion=1,
        preSharedKeyDelivery="userData",
    )
    started.project.up().check()
    yield started
    started.stop()


def test_all_passes(lab: Lab) -> None:
    assert failing(lab, "official") == {}


def test_keys_are_in_user_data(lab: Lab) -> None:
    host = declared(lab).host
    assert host is not None
    assert host.readable_keys == {}
    assert any(" : PSK " in text for text in host.files.values())


@pytest.mark.parametrize("mutant", SUITING, ids=lambda mutant: mutant.name)
def test_truth_table(lab: Lab, mutant: Mutant) -> None:
    check(lab, mutant)


def test_with_ikev1_another_group_keeps_the_tunnel_down(lab: Lab) -> None:
    [mutant] = [mutant for mutant in MUTANTS if mutant.name == UNLIKE[1]]
    check(lab, replace(mutant, fails=FIRST, unsure=TRAFFIC, cause="esp of the host"))
