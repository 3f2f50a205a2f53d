"""Recordings that many tests read and none changes."""

from __future__ import annotations

import pytest

from tests.program.pretend_clouds import GIVEN, record
from tests.program.recording import Recording


@pytest.fixture(scope="session")
def dev() -> Recording:
    """The repository's own example stack."""
    return record()


@pytest.fixture(scope="session")
def given() -> Recording:
    """Everything that can be given is given, in both clouds."""
    return record(GIVEN)


@pytest.fixture(scope="session")
def watched() -> Recording:
    """`dev` with alarms that somebody gets."""
    return record({"alarms": True, "alarmEmail": "network@example.com"})


@pytest.fixture(scope="session")
def logged() -> Recording:
    """`dev` whose keeper writes to CloudWatch."""
    return record({"cloudWatchLogDays": 30})


@pytest.fixture(scope="session")
def preview() -> Recording:
    """`dev` on an empty stack, where nothing a cloud computes is known."""
    return record(preview=True)
