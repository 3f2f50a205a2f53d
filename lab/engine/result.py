"""What one run of the engine did, from its exit code, its words and its event log."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

Event = Mapping[str, Any]

# The engine's colours, as it writes them into events: <{%fg 1%}>.
COLOUR = re.compile(r"<\{%.*?%\}>")


class Operation(NamedTuple):
    """One step on one resource, as the engine names it: create, update, delete, replace, …"""

    op: str
    type: str
    name: str


class Change(NamedTuple):
    """One property that makes a step necessary: its path in camelCase, and `add`, `update-replace`, …"""

    type: str
    name: str
    path: str
    kind: str


@dataclass(frozen=True, kw_only=True)
class Result:
    """The end of a `pulumi` command."""

    command: tuple[str, ...]
    exit_code: int
    text: str
    """stdout and stderr in the order in which they came."""
    events: tuple[Event, ...] = field(default=(), repr=False)
    """The engine's events; only up, preview, destroy and refresh have some."""

    @property
    def ok(self) -> bool:
        return self.exit_code == 0

    def check(self) -> Result:
        """This result, if the command ended well. Raises EngineError with all it said otherwise."""
        if not self.ok:
            raise EngineError(f"pulumi {' '.join(self.command)} ended with {self.exit_code}:\n{self.text}")
        return self

    def operations(self, *, unchanged: bool = False) -> list[Operation]:
        """
        The steps in the order in which the engine began them; what stays as it is only if asked for.

        Without the providers that the engine makes by itself. None at all after `Running.kill`: the engine
        writes its log in larger pieces. A replacement is three steps: `create-replacement` and
        `delete-replaced`, and `replace` that joins them; their order tells whether the old one goes first.
        """
        steps = (event["resourcePreEvent"]["metadata"] for event in self.events if "resourcePreEvent" in event)
        return [
            operation
            for operation in (Operation(step["op"], step["type"], _name(step["urn"])) for step in steps)
            if (unchanged or operation.op != "same") and not _implied(operation)
        ]

    def changes(self) -> list[Change]:
        """Why resources are updated or replaced, property by property, each once."""
        found: dict[Change, None] = {}
        for event in self.events:
            step = event.get("resourcePreEvent", {}).get("metadata", {})
            for path, kind in _diffs(step).items():
                found[Change(step["type"], _name(step["urn"]), path, kind)] = None
        return list(found)

    def failures(self) -> list[Operation]:
        """The steps that a provider refused or broke off."""
        steps = (event["resOpFailedEvent"]["metadata"] for event in self.events if "resOpFailedEvent" in event)
        return [Operation(step["op"], step["type"], _name(step["urn"])) for step in steps]

    def messages(self, severity: str = "error") -> list[str]:
        """What a user was told at that severity (`error`, `warning`, `info`), without colours."""
        diagnostics = (event["diagnosticEvent"] for event in self.events if "diagnosticEvent" in event)
        return [
            COLOUR.sub("", diagnostic["message"]).strip()
            for diagnostic in diagnostics
            if diagnostic["severity"] == severity
        ]


class EngineError(Exception):
    """A command of the engine that should have ended well has not; the message is all that it said."""


def read_events(path: Path) -> tuple[Event, ...]:
    """Events of a log file, one JSON object a line; none if the engine ended before it began to log."""
    if not path.exists():
        return ()
    lines = path.read_text().splitlines()
    # A killed engine may have been writing: its last line is then cut off.
    if lines and not lines[-1].endswith("}"):
        lines.pop()
    return tuple(json.loads(line) for line in lines)


def _diffs(step: Mapping[str, Any]) -> dict[str, str]:
    """Path to kind. A provider that gives no details still names the properties, and which ones replace."""
    if step.get("detailedDiff"):
        return {path: diff["diffKind"] for path, diff in step["detailedDiff"].items()}
    replacing = step.get("keys") or []
    return {path: "update-replace" if path in replacing else "update" for path in step.get("diffs") or []}


def _implied(operation: Operation) -> bool:
    return operation.type.startswith("pulumi:providers:") and operation.name.startswith("default")


def _name(urn: str) -> str:
    return urn.rsplit("::", 1)[-1]
