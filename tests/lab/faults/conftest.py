"""One lab for all tests of this folder, in which things go wrong, and what each has cost.

LAB_HOST_OS is its host's operating system, which is Debian 13 in `make test`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import get_args

import pytest

from lab.fabric.outages import Observer
from lab.image.packages import Os
from lab.lab import Lab
from lab.machines import Machines
from tests.lab.asking import fabric


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
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


@pytest.fixture
def observer(lab: Lab) -> Observer:
    """Both tunnels carry."""
    watching = Observer(fabric(lab))
    watching.wait()
    return watching


@pytest.fixture
def note(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Says at the end of the run what was measured."""
    return lambda text: record_property("measured", text)
