"""The clouds and machines of one lab in a process of their own, so that they outlive each command.

`python -m lab.command.serve FOLDER machines|rule`. Ends on SIGTERM, and by itself when its folder goes.
"""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

from lab.clouds.cluster import Clouds
from lab.command import control
from lab.command.measure import Stopwatch, measure
from lab.command.running import CONNECTION, CONTROL, SOCKETS
from lab.command.weather import weather_of
from lab.lab import Lab
from lab.machines import Machines

LOOK_SECONDS = 1.0


def serve(folder: Path, kind: str) -> None:
    """Starts everything, says where it listens in `connection.json`, and waits for the end."""
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    # All sockets in one place, whose name is as short as theirs must be and which any command can clean up.
    sockets = (folder / SOCKETS).resolve()
    tempfile.tempdir = str(sockets)
    lab = Lab.start(folder, machines=Machines(weather=weather_of(os.environ)) if kind == "machines" else None)
    stopwatch = Stopwatch(lab.clouds.packets.fabric) if lab.clouds.packets else None
    control.listen(sockets / CONTROL, _answers(lab, stopwatch))
    connection = folder / CONNECTION
    new = connection.with_suffix(".new")
    new.write_text(
        json.dumps(
            {
                "process": os.getpid(),
                "machines": kind == "machines",
                "control": str(sockets / CONTROL),
                "ports": {name: plugin.port for name, plugin in lab.clouds.plugins.items()},
                "environment": lab.clouds.environment,
            }
        )
    )
    new.replace(connection)
    while not ended.wait(LOOK_SECONDS) and connection.exists():
        if stopwatch:
            stopwatch.look()
    connection.unlink(missing_ok=True)
    lab.stop()


def _answers(lab: Lab, stopwatch: Stopwatch | None) -> control.Answers:
    one_at_a_time = threading.Lock()

    def measured(patience: float) -> Any:
        assert stopwatch is not None, "asked of a lab with machines only"
        with one_at_a_time:
            return dataclasses.asdict(measure(lab.clouds, stopwatch, patience))

    return {"leftovers": lab.leftovers, "measure": measured, "sockets": lambda: _sockets(lab.clouds)}


def _sockets(clouds: Clouds) -> dict[str, str]:
    """The folder of sockets of each machine that there is now."""
    if clouds.packets is None:
        return {}
    fabric = clouds.packets.fabric
    machines = {"fabric": fabric.machine, "host": fabric.hosts.machine}
    return {name: str(machine.sockets) for name, machine in machines.items() if machine}


if __name__ == "__main__":
    serve(Path(sys.argv[1]), sys.argv[2])
