"""The lab that a measurement runs on."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.fabric.outages import Observer
from lab.lab import Lab
from lab.machines import Machines


@contextmanager
def running_lab() -> Iterator[tuple[Lab, Observer]]:
    """`dev` of its own, up and proven, with both tunnels carrying; gone afterwards."""
    with tempfile.TemporaryDirectory() as temporary:
        lab = Lab.start(Path(temporary) / "lab", machines=Machines())
        assert lab.clouds.packets is not None
        try:
            lab.project.up().check()
            observer = Observer(lab.clouds.packets.fabric)
            observer.wait()
            yield lab, observer
        finally:
            lab.stop()
