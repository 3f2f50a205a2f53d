"""The lab of the engine's tests, and a GitHub that stands in for the real one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.lab import Lab
from tests.ci.desk import Desk
from tests.ci.pretend_github import PretendGitHub
from tests.engine.conftest import lab as lab


@pytest.fixture(scope="module")
def github() -> Iterator[PretendGitHub]:
    started = PretendGitHub()
    yield started
    started.stop()


@pytest.fixture(scope="module")
def desk(lab: Lab, github: PretendGitHub) -> Desk:
    return Desk(lab, github)
