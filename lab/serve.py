"""The clouds of one lab in a process of their own, so that they outlive each command: `python -m lab.serve FOLDER`.

Ends on SIGTERM, and by itself when its folder goes.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from pathlib import Path

from lab.clouds.cluster import Clouds
from lab.lab import open_project, prepare

LOOK_SECONDS = 2.0


def serve(folder: Path) -> None:
    """Starts everything, says where it listens in `connection.json`, and waits for the end."""
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    clouds = Clouds.start(folder / "clouds")
    project = open_project(folder / "stack", clouds.environment)
    ports = clouds.serve(project.environment)
    prepare(project, folder)
    connection = folder / "connection.json"
    new = folder / "connection.json.new"
    new.write_text(json.dumps({"process": os.getpid(), "ports": ports, "environment": clouds.environment}))
    new.replace(connection)
    while not ended.wait(LOOK_SECONDS) and connection.exists():
        left = {**clouds.aws.leftovers("us-east-1"), **clouds.oci.leftovers()}
        (folder / "leftovers.json").write_text(json.dumps(left))
    connection.unlink(missing_ok=True)
    clouds.stop()


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
