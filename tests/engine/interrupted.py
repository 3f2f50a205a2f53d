"""An `up` whose engine is killed while a cloud makes something: before the cloud has acted, or right after."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from lab.clouds.plugins import aws, command, oci
from lab.clouds.plugins.table import Call, Resource
from lab.engine.project import Running
from lab.engine.result import Result
from lab.lab import Lab

Moment = Literal["create", "created"]
"""Before the cloud has acted; after it has, which nobody has told the engine."""

TABLES = {"aws": aws, "oci": oci, "command": command}
# One step at a time: then one resource is in flight, and no more.
UP = ("up", "--yes", "--skip-preview", "--skip-plugin-pre-install", "--parallel", "1", "--stack", "dev")
# Longer than a test runs: what is held is let go by the engine's end.
HELD_SECONDS = 3600


@dataclass(frozen=True, kw_only=True)
class InFlight:
    """A resource whose creation the engine has begun, and not lived to end."""

    type: str
    name: str
    id: str
    """The cloud's; empty where the cloud has not acted."""
    inputs: Mapping[str, Any] = field(repr=False)
    provider: Mapping[str, Any] = field(repr=False)
    """Configuration of its provider."""


def known_types() -> dict[str, Resource]:
    """What the plugins can make, and how."""
    return {kind: made for table in TABLES.values() for kind, made in table.plugin({}).resources.items()}


def made_types(lab: Lab) -> set[str]:
    """The types that the stack's state has something of; without what no plugin makes."""
    resources = lab.project.export()["deployment"].get("resources", [])
    return {one["type"] for one in resources if one["custom"] and not one["type"].startswith("pulumi:")}


def wait_until_creating(stack: Path, name: str) -> None:
    """Until the engine has noted in its state, in the stack's folder, that it creates the resource."""
    state = stack / "state" / ".pulumi" / "stacks" / "aws-oci-libreswan" / "dev.json"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        deployment = json.loads((state.exists() and state.read_text()) or "{}").get("checkpoint", {}).get("latest", {})
        pending = deployment.get("pending_operations", [])
        if any(one["type"] == "creating" and one["resource"]["urn"].endswith(f"::{name}") for one in pending):
            return
        time.sleep(0.02)
    raise AssertionError(f"{name} was not being created within a minute")


class Kills:
    """Kills the engine once in each of the types, in whatever order they come."""

    def __init__(self, lab: Lab, moment: Moment, types: Iterable[str], folder: Path) -> None:
        self._lab = lab
        self._marks = {kind: folder / kind.replace("/", "-") for kind in types}
        lab.inject(
            *(
                {"type": kind, "operation": moment, "delay": HELD_SECONDS, "times": 1, "mark": str(mark)}
                for kind, mark in self._marks.items()
            )
        )

    def up(self) -> InFlight | Result:
        """Runs `up` to where the engine is killed, or to its end; takes away the lock that a killed one leaves."""
        running = self._lab.project.start(*UP)
        kind = self._reached(running)
        if kind is None:
            return running.wait()
        running.kill()
        running.wait()
        self._lab.project.run("cancel", "--yes", "--stack", "dev").check()
        mark = json.loads(self._marks.pop(kind).read_text())
        return _in_flight(self._lab, kind, mark["name"], mark["id"])

    def _reached(self, running: Running) -> str | None:
        while running.process.poll() is None:
            for kind, mark in self._marks.items():
                if mark.exists() and mark.read_text():
                    return kind
            time.sleep(0.02)
        return None


def _in_flight(lab: Lab, kind: str, name: str, identifier: str) -> InFlight:
    deployment = lab.project.export()["deployment"]
    [inputs] = [one["resource"]["inputs"] for one in deployment["pending_operations"] if _is(one, kind, name)]
    provider = f"pulumi:providers:{kind.partition(':')[0]}"
    configured = [one.get("inputs", {}) for one in deployment["resources"] if one["type"] == provider]
    return InFlight(type=kind, name=name, id=identifier, inputs=inputs, provider=configured[0] if configured else {})


def _is(operation: Mapping[str, Any], kind: str, name: str) -> bool:
    resource = operation["resource"]
    return bool(resource["type"] == kind and resource["urn"].endswith(f"::{name}"))


def take_away(lab: Lab, orphan: InFlight) -> None:
    """What an operator does about it, or a sweep: deletes what no state knows of."""
    delete = known_types()[orphan.type].delete
    if delete is not None:
        call = Call(
            config=dict(orphan.provider),
            environment=lab.project.environment,
            name=orphan.name,
            timeout=None,
            cancelled=threading.Event(),
            log=print,
        )
        delete(call, orphan.id, dict(orphan.inputs))


def remaining(lab: Lab) -> Counter[str]:
    """How many of each kind are left in both clouds."""
    return Counter({kind: len(ids) for kind, ids in lab.leftovers().items()})


def clear(lab: Lab, orphans: Sequence[InFlight]) -> None:
    """Takes orphans away, the last one first, and lets `destroy` do the rest."""
    for orphan in reversed(orphans):
        take_away(lab, orphan)
    lab.project.destroy().check()


def forget(lab: Lab) -> None:
    """What was in flight counts no more for the next test; an empty stack goes on naming it."""
    lab.inject()
    lab.project.refresh("--clear-pending-creates").check()
