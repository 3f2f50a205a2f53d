"""The pack as Pulumi runs it: its own environment, a process of its own, and the engine that asks it.

The engine that the lab builds gives the language host a task that the lab's older one does not know, so a Python pack
does not start through it. Under a runtime's name that has no language host, the same engine starts
`pulumi-analyzer-policy-<name>` from PATH: here with the command that the newer language host would run.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lab.engine.project import REPOSITORY
from lab.engine.result import Result
from lab.setup.environment import environment

PACK = REPOSITORY / "policy"
RUNTIME = "lab"


def interpreter() -> Path:
    """The Python of the pack's own environment, made if it is new. Raises SetUpError."""
    return environment(PACK / "requirements.txt", "policy", "about 20 seconds and 70 MB") / "bin" / "python"


def for_the_engine(folder: Path) -> tuple[Path, Path]:
    """(the pack under a runtime's name that the lab's engine can start, the folder of what starts it)."""
    copy, commands = folder / "policy", folder / "bin"
    for made in (copy, commands):
        made.mkdir(parents=True)
    for file in PACK.iterdir():
        if file.name != "PulumiPolicy.yaml":
            (copy / file.name).symlink_to(file)
    (copy / "PulumiPolicy.yaml").write_text(f"runtime: {RUNTIME}\nversion: 0.1.0\n")
    start = commands / f"pulumi-analyzer-policy-{RUNTIME}"
    start.write_text(f'#!/bin/sh\nexec {interpreter()} -u -m pulumi.policy "$@"\n')
    start.chmod(0o755)
    return copy, commands


@contextmanager
def running() -> Iterator[str]:
    """The address of the pack's own process, started as the language host starts it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PULUMI_", "PYTHON"))}
    process = subprocess.Popen(
        [interpreter(), "-u", "-m", "pulumi.policy", "127.0.0.1:1", "."],
        cwd=PACK,
        env=kept,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield f"127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.kill()
        process.communicate()


def violations(result: Result) -> list[tuple[str, str, str]]:
    """(policy, resource's name, what to change) of every mandatory violation that the engine was told of."""
    events = [event["policyEvent"] for event in result.events if "policyEvent" in event]
    assert {event["enforcementLevel"] for event in events} <= {"mandatory"}
    return sorted(_violation(event) for event in events)


def _violation(event: Mapping[str, Any]) -> tuple[str, str, str]:
    # The first line is the policy's description.
    return event["policyName"], event["resourceUrn"].rpartition("::")[2], event["message"].partition("\n")[2].strip()


def written(folder: Path, configured: Mapping[str, Any]) -> Path:
    """A configuration file of the pack, as `--policy-pack-config` takes it."""
    path = folder / "policy-config.json"
    path.write_text(json.dumps(configured))
    return path
