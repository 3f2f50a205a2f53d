"""A lab that runs, as the commands see it: its folder, its process, and what a killed command may have left."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.command import control
from lab.engine.project import REPOSITORY, Project, end_session
from lab.setup.steps import SetUpError
from lab.stack import open_project

# What is in a lab's folder, beside `clouds` (records, machines, consoles) and `stack` (the engine's state and logs).
CONNECTION = "connection.json"
PROCESS = "process"
"""Who serves the lab, known from before it can answer."""
ENGINE = "engine"
"""The engine at work, if there is one: it outlives a command that is killed."""
SOCKETS = "sockets"
"""A link to a folder with a short name: a Unix socket's has at most 107 bytes."""
CONTROL = "control"
LOG = "clouds.log"

STOP_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class Connection:
    """Where a running lab listens."""

    process: int
    machines: bool
    """False where a rule stands in for packets."""
    control: str
    ports: Mapping[str, int]
    environment: Mapping[str, str]

    def ask(self, question: str, seconds: float = 30.0, **arguments: Any) -> Any:
        """Raises SetUpError where the lab cannot answer."""
        return control.ask(Path(self.control), question, seconds, **arguments)


def folder_of(name: str) -> Path:
    """Where a lab keeps its state and its logs: inside the checkout, so that two checkouts are two labs."""
    return REPOSITORY / ".lab" / name


def connection_of(folder: Path) -> Connection | None:
    """The running lab's, or None."""
    try:
        connection = Connection(**json.loads((folder / CONNECTION).read_text()))
    except FileNotFoundError:
        return None
    return connection if _is_running(connection.process, "lab.command.serve") else None


def project_of(folder: Path, connection: Connection) -> Project:
    """The lab's stack, with its plugins."""
    project = open_project(folder / "stack", connection.environment)
    project.attach(connection.ports)
    return project


@contextmanager
def at_work(folder: Path) -> Iterator[None]:
    """Nobody else changes the lab meanwhile, and no engine that a killed command has left. Raises SetUpError."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    path = folder.with_name(f"{folder.name}.lock")
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SetUpError("another `make lab` or `make lab-down` is at work on this lab") from None
        engine = _number(folder / ENGINE)
        if engine is not None and _is_running(engine, "pulumi"):
            end_session(engine)
        (folder / ENGINE).unlink(missing_ok=True)
        yield


def unlock(folder: Path, project: Project) -> None:
    """Takes the stack's lock away that a killed engine has left. Only for who is `at_work`."""
    if any((folder / "stack" / "state").glob(".pulumi/locks/**/*.json")):
        project.run("cancel", "--yes", "--stack", project.stack).check()


def end(folder: Path) -> None:
    """Ends what serves the lab, machines included, and removes all that it has left, sockets included."""
    process = _number(folder / PROCESS)
    if process is not None and _is_running(process, "lab.command.serve"):
        # One that is still starting would finish that first; its machines end with it in either way.
        os.kill(process, signal.SIGTERM if (folder / CONNECTION).exists() else signal.SIGKILL)
        deadline = time.monotonic() + STOP_SECONDS
        while _is_running(process, "lab.command.serve"):
            if time.monotonic() > deadline:
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
            time.sleep(0.1)
    sockets = folder / SOCKETS
    if sockets.is_symlink():
        shutil.rmtree(sockets.readlink(), ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (FileNotFoundError, ValueError):
        return None


def _is_running(process: int, name: str) -> bool:
    """Whether the process lives and is what it was: numbers are used again."""
    try:
        command = Path(f"/proc/{process}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False
    # A zombie has no command line any more.
    return name.encode() in command
