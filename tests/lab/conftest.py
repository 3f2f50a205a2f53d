"""One lab for the tests of dev/ and faults/: the stack as a user gets it first, up and proven. boots/ has its own.

LAB_HOST_OS is its host's operating system, which is Debian 13 in `make test`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import get_args

import pytest

from lab.image.packages import Os
from lab.lab import Lab
from lab.machines import Machines


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """`dev` with IKEv2, Parameter Store, made networks and VTI."""
    wanted = os.environ.get("LAB_HOST_OS", "debian-13")
    system = next((one for one in get_args(Os) if one == wanted), None)
    if system is None:
        raise pytest.UsageError(f"LAB_HOST_OS is {wanted!r}: it must be one of {', '.join(get_args(Os))}")
    started = Lab.start(tmp_path_factory.mktemp("lab"), machines=Machines(systems=(system,)))
    try:
        started.configure(hostOs=system)
        started.project.up().check()
        yield started
    finally:
        started.stop()
