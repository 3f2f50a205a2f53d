"""A lab for the tests of one file: two empty clouds, and the stack `dev` ready for `up`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.clouds.oci.behaviour import Behaviour
from lab.lab import Lab

# As the lab, only faster: what is waited for is the same, and how long is not what these tests are about.
FAST = Behaviour(
    region="us-ashburn-1",
    settle_seconds=0.8,
    address_seconds=0.3,
    status_seconds=0.4,
    terminate_seconds=0.2,
    ended_visible_seconds=0.3,
    drg_release_seconds=0.5,
)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    started = Lab.start(tmp_path_factory.mktemp("lab"), FAST)
    yield started
    started.stop()
