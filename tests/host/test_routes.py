"""The keeper's routes: when they are set, and what it does where that fails. Without a kernel or a daemon."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from typing import Any

import pytest
from keeper import kernel, report
from keeper.__main__ import Keeper

from tests.host.hosts import HOST

CIDRS = ("172.16.0.0/16", "172.17.0.0/16")
BOTH = tuple(tunnel.device for tunnel in HOST.tunnels)


class Kernel:
    """What is asked of `ip`, and what it answers."""

    def __init__(self) -> None:
        self.replaced: list[tuple[str, ...]] = []
        """CIDR, and the devices that it goes over from then on."""
        self.refuses: set[str] = set()
        self.lists = 0
        self.said: list[str] = []

    def ip(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        _, verb, cidr, *rest = arguments
        if verb == "replace" and cidr in self.refuses:
            return subprocess.CompletedProcess(arguments, 2, "", "Error: Nexthop has invalid gateway.\n")
        if verb == "replace":
            self.replaced.append((cidr, *(rest[place + 1] for place, word in enumerate(rest) if word == "dev")))
        return subprocess.CompletedProcess(arguments, 0, "", "")

    def our_routes(self) -> list[dict[str, Any]]:
        self.lists += 1
        routes = {cidr: devices for cidr, *devices in self.replaced}
        last_resorts = [{"type": "blackhole", "dst": cidr} for cidr in CIDRS]
        return last_resorts + [
            {"dst": cidr, "nexthops": [{"dev": device, "flags": []} for device in devices]}
            for cidr, devices in routes.items()
        ]


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    made = Kernel()
    monkeypatch.setattr(kernel, "ip", made.ip)
    monkeypatch.setattr(kernel, "our_routes", made.our_routes)
    monkeypatch.setattr(kernel, "is_up", lambda device: True)
    monkeypatch.setattr(report, "say", made.said.append)
    return made


@pytest.fixture
def keeper(there: Kernel) -> Keeper:
    made = Keeper(replace(HOST, vcn_cidrs=CIDRS))
    there.lists = 0
    return made


def test_every_cidr_goes_over_what_is_in_use(keeper: Keeper, there: Kernel) -> None:
    keeper._route((0, 1))
    assert there.replaced == [(cidr, *BOTH) for cidr in CIDRS]


def test_what_is_so_already_is_neither_listed_nor_set_again(keeper: Keeper, there: Kernel) -> None:
    for _ in range(3):
        keeper._route((0, 1))
    assert (len(there.replaced), there.lists) == (2, 1)


def test_a_dead_tunnel_is_withdrawn_without_a_look_at_what_is_there(keeper: Keeper, there: Kernel) -> None:
    keeper._route((0, 1))
    there.lists = 0
    keeper._route((1,))
    assert there.replaced[2:] == [(cidr, BOTH[1]) for cidr in CIDRS]
    assert there.lists == 0


def test_what_was_refused_is_tried_again_and_said_once(keeper: Keeper, there: Kernel) -> None:
    there.refuses = {CIDRS[0]}
    for _ in range(3):
        keeper._route((0,))
    assert there.replaced == [(CIDRS[1], BOTH[0])]
    assert there.said == [f"route to {CIDRS[0]}: Error: Nexthop has invalid gateway.; trying again"]
    there.refuses = set()
    keeper._route((0,))
    assert there.replaced[1:] == [(CIDRS[0], BOTH[0])]
    there.lists = 0
    keeper._route((0,))
    assert (len(there.replaced), there.lists) == (2, 0)


def test_a_refusal_that_comes_back_is_said_again(keeper: Keeper, there: Kernel) -> None:
    for refuses in ({CIDRS[0]}, set(), {CIDRS[0]}):
        there.refuses = refuses
        keeper._routed = None
        there.replaced.clear()
        keeper._route((0,))
    assert len(there.said) == 2
