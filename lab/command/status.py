"""`make lab-status`: the table, from the stack and from what is measured now."""

from __future__ import annotations

from pathlib import Path

from pydantic import TypeAdapter

from lab.command.readings import Measured
from lab.command.running import Connection, connection_of, project_of
from lab.command.summary import failures, summary
from lab.engine.project import Project
from lab.setup.steps import SetUpError, step

MEASURE_SECONDS = 180.0

_MEASURED = TypeAdapter(Measured)


def running(folder: Path) -> Connection:
    """Raises SetUpError where no lab runs."""
    connection = connection_of(folder)
    if connection is None:
        raise SetUpError("no lab is up: `make lab` makes one")
    return connection


def status(folder: Path) -> None:
    """The table, and what the declared resources let through. Raises SetUpError where something does not pass."""
    connection = running(folder)
    report(connection, project_of(folder, connection), explained=True)


def report(connection: Connection, project: Project, *, patience: float = 0.0, explained: bool = False) -> None:
    """Measures, where there is something to measure, and prints. Raises SetUpError where something does not pass."""
    measured = None
    if connection.machines:
        with step("measuring: ping and iperf3 both ways"):
            measured = _MEASURED.validate_python(connection.ask("measure", MEASURE_SECONDS, patience=patience))
    print(summary(project.outputs(), project.export(), measured), flush=True)
    if measured is None:
        return
    if explained:
        print(_indented(f"what the declared resources let through:\n{measured.explained}\n"), flush=True)
    if found := failures(measured):
        raise SetUpError(f"{len(found)} of the lab's measurements {'does' if len(found) == 1 else 'do'} not pass")


def _indented(text: str) -> str:
    return "\n".join(f"  {line}".rstrip() for line in text.split("\n"))
