"""The table for `make lab-status`."""

from __future__ import annotations

from dataclasses import replace

from lab.fabric.declared import Declared
from lab.fabric.explain import explain
from tests.fabric.world import WORLD, with_tunnel


def test_all_is_well() -> None:
    assert explain(WORLD).splitlines() == [
        "tunnel 1 comes up                             yes",
        "tunnel 2 comes up                             yes",
        "ping from the VPC's client to the VCN's host  yes",
        "ping from the VCN's host to the VPC's client  yes",
        "the host reaches packages and AWS' services   yes",
        "tunnel 1 survives a re-key                    yes",
        "tunnel 2 survives a re-key                    yes",
    ]


def test_what_fails_is_said_with_its_hop() -> None:
    said = explain(with_tunnel(2, lambda one: replace(one, pre_shared_key="another")))
    cause = "tunnel 2 (tunnel-2): the pre-shared keys of both ends differ"
    assert said.splitlines()[2:5] == [
        f"    {cause}",
        "ping from the VPC's client to the VCN's host  no",
        f"    stops at tunnel 2: a flow may hash onto tunnel 2, which is down: {cause}",
    ]


def test_nothing_is_there() -> None:
    assert explain(Declared()).count("  no\n") == 7
