"""`make lab`: set-up, clouds and machines, `pulumi up`, and what came of it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from lab.command.running import (
    CONNECTION,
    LOG,
    PROCESS,
    SOCKETS,
    Connection,
    at_work,
    connection_of,
    end,
    project_of,
    unlock,
)
from lab.command.status import report
from lab.command.stream import InterruptedByUserError, streamed, tail
from lab.command.weather import weather_of
from lab.engine.install import engine_folder
from lab.engine.project import REPOSITORY
from lab.image import recipe
from lab.image.build import fabric_image, host_image
from lab.machine import qemu
from lab.setup.packages import require
from lab.setup.steps import SetUpError, step

START_SECONDS = 180.0

# The tunnels are up when `pulumi up` ends; the host looks at its routes every three seconds.
PATIENCE_SECONDS = 20.0


def up(folder: Path, *, rule: bool) -> None:
    """A lab that is up is updated, and measured anew. Raises SetUpError where something does not pass."""
    # Before anything that takes minutes.
    weather_of(os.environ)
    with at_work(folder):
        connection = connection_of(folder)
        if connection and connection.machines == rule:
            other = "has machines" if connection.machines else "has no machines (--rule)"
            raise SetUpError(f"the lab that is up {other}: `make lab-down` ends it first")
        # Before the clouds, which wait for nobody: building it takes minutes.
        engine_folder()
        if not rule:
            _images()
        connection = connection or _start(folder, rule=rule)
        project = project_of(folder, connection)
        unlock(folder, project)
        try:
            with step("pulumi up: the stack `dev`, by the real engine"):
                streamed(project, folder, "up", "--yes", "--skip-preview", "--skip-plugin-pre-install")
        except InterruptedByUserError:
            raise
        except SetUpError:
            print(tail(folder / "clouds" / "machines"), flush=True)
            raise
        report(connection, project, patience=PATIENCE_SECONDS)


def _images() -> None:
    require({**recipe.commands(), **qemu.COMMANDS})
    fabric_image()
    # Of another operating system, when a stack asks for it.
    host_image("debian-13", "ready")


def _start(folder: Path, *, rule: bool) -> Connection:
    # A state without its clouds, left by a server that was killed, is of no use.
    end(folder)
    folder.mkdir(parents=True)
    (folder / SOCKETS).symlink_to(tempfile.mkdtemp(prefix="lab-"))
    parts = "moto for AWS, an emulator for OCI, three provider plugins"
    with step(f"stand-in clouds: {parts}" + ("" if rule else ", and the fabric's virtual machine")):
        with (folder / LOG).open("w") as log:
            server = subprocess.Popen(
                [sys.executable, "-m", "lab.command.serve", str(folder), "rule" if rule else "machines"],
                cwd=REPOSITORY,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        (folder / PROCESS).write_text(str(server.pid))
        try:
            _wait(folder, server)
        except BaseException:
            # Ctrl-C too. Its machines end with it.
            server.kill()
            server.wait()
            raise
    connection = connection_of(folder)
    if connection is None:
        raise SetUpError(f"the lab ended at once; see {folder / LOG}")
    return connection


def _wait(folder: Path, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not (folder / CONNECTION).exists():
        if server.poll() is not None or time.monotonic() > deadline:
            said = (folder / LOG).read_text().strip().splitlines()
            raise SetUpError(f"the lab did not start: {said[-1] if said else 'no word'}; see {folder / LOG}")
        time.sleep(0.1)
