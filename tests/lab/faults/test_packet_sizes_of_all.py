"""The largest packet is the computed one for each crypto profile, and on a path of jumbo frames. Each is a new host."""

from __future__ import annotations

import pytest

from components.crypto import DEFAULT_PROFILE, PROFILES
from components.packet_size import LARGEST_PATH_MTU, inner_mtu
from lab.fabric.outages import Observer
from lab.lab import Lab
from tests.lab.packet_sizes import check_largest, counted

pytestmark = pytest.mark.long

# The long path last: packets that are small for it pass everywhere.
PATHS = [*((name, 1500) for name in PROFILES), (DEFAULT_PROFILE[2], LARGEST_PATH_MTU)]


@pytest.mark.parametrize(("profile", "path_mtu"), PATHS)
def test_the_largest_packet_is_the_computed_one(lab: Lab, observer: Observer, profile: str, path_mtu: int) -> None:
    lab.configure(cryptoProfile=profile, pathMtu=path_mtu)
    observer.fabric.set_weather(path_mtu=path_mtu)
    up = lab.project.up()
    assert up.ok, up.text
    observer.wait()
    with counted(observer):
        check_largest(observer, inner_mtu(PROFILES[profile], path_mtu))
