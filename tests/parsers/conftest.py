"""The real parsers as fixtures: `version` runs a test with Libreswan 4 and with Libreswan 5."""

from __future__ import annotations

import pytest

from tests.parsers.roots import SUITES, Version


@pytest.fixture(params=sorted(SUITES), ids=lambda version: f"libreswan-{version}")
def version(request: pytest.FixtureRequest) -> Version:
    """4 or 5."""
    chosen: Version = request.param
    return chosen
