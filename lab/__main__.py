"""`python -m lab up|status|down`: the program, run by the real engine against two clouds on this machine."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from lab.engine.install import engine_folder
from lab.engine.project import REPOSITORY, Project, Running
from lab.lab import open_project
from lab.setup.steps import SetUpError, main, step
from lab.summary import summary

START_SECONDS = 60.0
STOP_SECONDS = 30.0


def folder_of(name: str) -> Path:
    """Where a lab keeps its state and its logs: inside the checkout, so that two checkouts are two labs."""
    return REPOSITORY / ".lab" / name


def up(folder: Path) -> None:
    """Clouds, engine, `pulumi up`, and a table of what came of it."""
    # Before the clouds, which wait for nobody: building it takes minutes.
    engine_folder()
    connection = _connection(folder) or _start(folder)
    project = _project(folder, connection)
    with step("pulumi up: the stack `dev`, by the real engine"):
        _streamed(project, "up", "--yes", "--skip-preview", "--skip-plugin-pre-install")
    status(folder)


def status(folder: Path) -> None:
    """What the stack says of itself and what the clouds say. Raises SetUpError where no lab runs."""
    connection = _connection(folder)
    if connection is None:
        raise SetUpError("no lab is up: `make lab` makes one")
    project = _project(folder, connection)
    print(summary(project.outputs(), project.export()))


def down(folder: Path) -> None:
    """`pulumi destroy`, then the clouds; says what is left, which should be nothing."""
    connection = _connection(folder)
    if connection is None:
        shutil.rmtree(folder, ignore_errors=True)
        print("no lab is up")
        return
    with step("pulumi destroy"):
        _streamed(_project(folder, connection), "destroy", "--yes", "--skip-preview")
    # Terminated things stay visible for a moment in both clouds, and the server looks every two seconds.
    time.sleep(5)
    left: dict[str, list[str]] = json.loads((folder / "leftovers.json").read_text())
    _stop(connection)
    shutil.rmtree(folder)
    print(f"left in both clouds: {left or 'nothing'}")
    if left:
        raise SetUpError("the destroy left something behind")


def _connection(folder: Path) -> dict[str, Any] | None:
    """Where a running lab listens, or None."""
    try:
        connection: dict[str, Any] = json.loads((folder / "connection.json").read_text())
        os.kill(connection["process"], 0)
    except (FileNotFoundError, ProcessLookupError):
        return None
    return connection


def _start(folder: Path) -> dict[str, Any]:
    # A state without its clouds, left by a server that was killed, is of no use.
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with step("stand-in clouds: moto for AWS, an emulator for OCI, and three provider plugins"):
        log = (folder / "clouds.log").open("w")
        server = subprocess.Popen(
            [sys.executable, "-m", "lab.serve", str(folder)],
            cwd=REPOSITORY,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        deadline = time.monotonic() + START_SECONDS
        while (connection := _connection(folder)) is None:
            if server.poll() is not None or time.monotonic() > deadline:
                raise SetUpError(f"the stand-in clouds did not start; see {folder / 'clouds.log'}")
            time.sleep(0.1)
    return connection


def _stop(connection: dict[str, Any]) -> None:
    os.kill(connection["process"], signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while time.monotonic() < deadline:
        try:
            os.kill(connection["process"], 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    os.kill(connection["process"], signal.SIGKILL)


def _project(folder: Path, connection: dict[str, Any]) -> Project:
    project = open_project(folder / "stack", connection["environment"])
    project.attach(connection["ports"])
    return project


def _streamed(project: Project, *arguments: str) -> None:
    """Run the engine and show what it says while it says it. Raises SetUpError if it fails."""
    running = project.start(*arguments, "--stack", project.stack)
    try:
        _show(running)
    except KeyboardInterrupt:
        # The engine is in a session of its own: the terminal does not tell it.
        running.interrupt()
        running.wait()
        raise SetUpError("interrupted: `make lab` goes on from here, `make lab-down` cleans up") from None
    if not running.wait().ok:
        raise SetUpError(f"pulumi {arguments[0]} failed: see above; `make lab-down` cleans up, or run it again")


def _show(running: Running) -> None:
    """Prints what the engine says until it has ended."""
    shown = 0
    path = Path(running.output.name)
    while True:
        ended = running.process.poll() is not None
        text = path.read_text()
        print(text[shown:], end="", flush=True)
        shown = len(text)
        if ended:
            return
        time.sleep(0.3)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m lab", description=__doc__)
    parser.add_argument("command", choices=["up", "status", "down"])
    parser.add_argument("--name", default=os.environ.get("LAB", "dev"), help="one of several labs (default: dev)")
    given = parser.parse_args()
    main(lambda: {"up": up, "status": status, "down": down}[given.command](folder_of(given.name)))
