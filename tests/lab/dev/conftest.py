"""One lab for all tests of this folder: the stack as a user gets it first.

It ends with the folder, which is a package for that: the next lab may be the same process's.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.lab import Lab
from lab.machines import Machines


@pytest.fixture(scope="package")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """`dev` with Debian 13, IKEv2, Parameter Store, made networks and VTI: up, and proven."""
    started = Lab.start(tmp_path_factory.mktemp("lab"), machines=Machines())
    try:
        started.project.up().check()
        yield started
    finally:
        started.stop()
