"""`make lab-down`: `pulumi destroy`, what it has left, and the end of all that runs."""

from __future__ import annotations

import time
from pathlib import Path

from lab.command.running import Connection, at_work, connection_of, end, project_of, unlock
from lab.command.stream import InterruptedByUserError, streamed
from lab.engine.project import Project
from lab.setup.steps import SetUpError, step

# Terminated things stay visible for a moment in both clouds.
VISIBLE_SECONDS = 10.0


def down(folder: Path) -> None:
    """Nothing runs afterwards. Raises SetUpError where the destroy has failed or left something behind."""
    with at_work(folder):
        connection = connection_of(folder)
        if connection is None:
            # What a lab was whose process has been killed, or has never come up.
            end(folder)
            folder.with_name(f"{folder.name}.lock").unlink(missing_ok=True)
            print("no lab is up")
            return
        fault = None
        try:
            project = project_of(folder, connection)
            unlock(folder, project)
            orphans = _in_flight(project)
            if orphans:
                # What no state knows still holds what a destroy would delete: Oracle's provider asks for ten minutes.
                print(f"no destroy: a killed engine has left {', '.join(orphans)} to itself; the clouds end with it")
            else:
                with step("pulumi destroy"):
                    streamed(project, folder, "destroy", "--yes", "--skip-preview", "--skip-plugin-pre-install")
        except InterruptedByUserError:
            raise
        except SetUpError as error:
            fault = error
        left = _left(connection)
        end(folder)
        folder.with_name(f"{folder.name}.lock").unlink(missing_ok=True)
        print(f"left in both clouds: {left or 'nothing'}")
        if fault:
            raise SetUpError(
                "pulumi destroy failed: see above; the lab has ended all the same, with what was left in it"
            )
        if left:
            raise SetUpError("the destroy left something behind; it has ended with the lab")


def _in_flight(project: Project) -> list[str]:
    """Names of what an engine was creating when it was killed."""
    pending = project.export()["deployment"].get("pending_operations") or []
    creating = [operation["resource"]["urn"] for operation in pending if operation["type"] == "creating"]
    return [urn.rpartition("::")[2] for urn in creating]


def _left(connection: Connection) -> dict[str, list[str]]:
    deadline = time.monotonic() + VISIBLE_SECONDS
    while True:
        left: dict[str, list[str]] = connection.ask("leftovers")
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.5)
