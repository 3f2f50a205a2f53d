"""Preview of the `dev` stack beside the same resources declared flat, in one run: `python -m bench`.

Both on an empty stack, by turns, against the same clouds. What is compared is the program: settings, look-ups,
components and rendering against one flat file of literals.
"""

from __future__ import annotations

import json
import platform
import shutil
import statistics
import tempfile
import time
from collections.abc import Mapping
from datetime import date
from pathlib import Path

from bench.flat import flat_program
from bench.memory import peak_of_program
from lab.engine.project import REPOSITORY, Project
from lab.lab import Lab, prepare
from lab.stack import open_project

ROUNDS = 7
RESULTS = REPOSITORY / "bench" / "results.md"


def measure(project: Project) -> tuple[float, int]:
    """(seconds, peak bytes of the program's process) of one preview."""
    began = time.monotonic()
    running = project.start("preview", "--skip-plugin-pre-install", "--stack", project.stack)
    peak = peak_of_program(running.process.pid)
    running.wait().check()
    return time.monotonic() - began, peak


def flat_repository(folder: Path, lab: Lab) -> Path:
    """A project of one file that registers what the lab's stack has registered."""
    folder.mkdir()
    seen: dict[tuple[str, str], Mapping[str, object]] = {}
    for resource in lab.registered():
        if not resource["type"].startswith("pulumi:"):
            seen[resource["type"], resource["name"]] = resource
    (folder / "__main__.py").write_text(flat_program(seen.values()))
    (folder / "Pulumi.yaml").write_text("name: aws-oci-libreswan\nruntime: python\n")
    shutil.copy(REPOSITORY / "Pulumi.dev.yaml", folder)
    (folder / ".venv").symlink_to((REPOSITORY / ".venv").resolve())
    return folder


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        lab = Lab.start(Path(temporary) / "lab")
        try:
            lab.project.up().check()
            flat = flat_repository(Path(temporary) / "flat", lab)
            projects: dict[str, Project] = {}
            for name, repository in (("dev", REPOSITORY), ("flat", flat)):
                folder = Path(temporary) / f"bench-{name}"
                project = open_project(folder / "stack", lab.clouds.environment, repository)
                project.attach({plugin: running.port for plugin, running in lab.clouds.plugins.items()})
                prepare(project, folder)
                projects[name] = project
                measure(project)  # the first one compiles Python files
            runs = {name: [] for name in projects}  # type: dict[str, list[tuple[float, int]]]
            for _ in range(ROUNDS):
                for name, project in projects.items():
                    runs[name].append(measure(project))
            lab.project.destroy().check()
        finally:
            lab.stop()
    text = report(runs)
    RESULTS.write_text(text)
    print(text)


def report(runs: Mapping[str, list[tuple[float, int]]]) -> str:
    """bench/results.md."""
    seconds = {name: statistics.median(second for second, _ in values) for name, values in runs.items()}
    spread = {
        name: f"{min(s for s, _ in values):.2f} to {max(s for s, _ in values):.2f}" for name, values in runs.items()
    }
    memory = {name: max(peak for _, peak in values) / 2**20 for name, values in runs.items()}
    return "\n".join(
        [
            "# Preview of `dev` beside the same resources declared flat",
            "",
            f"`make bench`, {date.today().isoformat()}, {platform.machine()}, Python {platform.python_version()}, "
            f"{ROUNDS} rounds by turns.",
            "",
            "| program | median s | from to s | peak memory MiB |",
            "| --- | --- | --- | --- |",
            *(f"| {name} | {seconds[name]:.2f} | {spread[name]} | {memory[name]:.0f} |" for name in runs),
            f"| **ratio** | **{seconds['dev'] / seconds['flat']:.2f}** | | {memory['dev'] / memory['flat']:.2f} |",
            "",
            json.dumps({"aim": 1.2, "ratio": round(seconds["dev"] / seconds["flat"], 3)}),
            "",
        ]
    )


if __name__ == "__main__":
    main()
