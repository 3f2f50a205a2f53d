"""Both stand-in clouds as a user's accounts, and a `pulumi` that only tells what a stack is configured with."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from commands import __main__ as program
from lab import rights
from lab.clouds.cluster import REGION, Clouds
from lab.clouds.oci.credentials import network_client, throw_away_config
from lab.engine.project import REPOSITORY

COMPARTMENT = "ocid1.compartment.oc1..aaaatest"
PULUMI = """#!/bin/sh
echo "$*" >> "$ANSWERS/asked"
case "$*" in *"--stack nope"*) echo "error: no stack named 'nope' found" >&2; exit 255 ;; esac
case "$1 $2" in
"stack --show-name") echo dev ;;
"config --json") cat "$ANSWERS/config" ;;
"stack output") cat "$ANSWERS/outputs" ;;
"stack history") cat "$ANSWERS/history" ;;
esac
"""
# Who prepares a test and looks at what came of it: anybody else is the person whose accounts these are.
PREPARING = ("AKIAIOSFODNN7EXAMPLE", throw_away_config()["user"])
READING = ("Get", "List", "Describe")


@dataclass
class Accounts:
    """What the commands of a person see. Everything that is prepared is asked for by somebody else."""

    folder: Path
    clouds: Clouds
    oci: Mapping[str, str] = field(repr=False)
    """The stack's oci:* configuration."""

    def __post_init__(self) -> None:
        script = self.folder / "bin" / "pulumi"
        script.parent.mkdir()
        script.write_text(PULUMI)
        script.chmod(0o755)
        self.network = network_client(self.clouds.oci.endpoint, raw=True)
        self.ec2 = self.clouds.aws.client("ec2", REGION)

    def configure(self, values: Mapping[str, object], secret: tuple[str, ...] = ()) -> None:
        """What `pulumi config --json` tells from now on: full keys, and which of them are secret."""
        listed = {
            key: {"value": value if isinstance(value, str) else json.dumps(value), "secret": key in secret}
            for key, value in values.items()
        }
        (self.folder / "config").write_text(json.dumps(listed))

    def run(self, command: str, **more: str) -> tuple[int, str, str]:
        """Exit code, standard output and standard error."""
        environment = {
            **self.clouds.environment,
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "ANSWERS": str(self.folder),
            **more,
        }
        out, err = io.StringIO(), io.StringIO()
        code = program.main([command], environment, io.StringIO(), out, err, sleep=lambda seconds: None)
        return code, out.getvalue(), err.getvalue()

    def calls(self) -> list[str]:
        """`service:operation` of all that the person's commands have asked of both clouds so far."""
        return [
            f"{call['service']}:{call['operation']}"
            for cloud in ("aws", "oci")
            for line in (self.clouds.folder / f"{cloud}-calls.jsonl").read_text().splitlines()
            if (call := json.loads(line))["caller"] not in PREPARING
        ]

    def make(self, kind: str, **details: Any) -> str:
        """A resource of OCI's network, by the word of the SDK: its OCID."""
        made = getattr(self.network, f"create_{kind}")({"compartmentId": COMPARTMENT, **details}).data
        return str(made["id"])

    def undocumented(self) -> set[str]:
        """Rights that the person's calls so far took and docs/rights.md does not list."""
        documented = (REPOSITORY / "docs" / "rights.md").read_text()
        calls: dict[str, list[dict[str, object]]] = {"aws": [], "oci": []}
        for call in self.calls():
            service, _, operation = call.partition(":")
            calls["oci" if service in ("core", "limits") else "aws"].append(
                {"service": service, "operation": operation}
            )
        needed = {f'"{action}"' for action in rights.aws_actions(calls["aws"])}
        needed |= {statement.rpartition(" in ")[0] for statement in rights.oci_statements(calls["oci"])}
        # Whoever may manage may read.
        return {
            right
            for right in needed
            if right not in documented and right.replace(" to read ", " to manage ") not in documented
        }
