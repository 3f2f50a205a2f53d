"""A lab: the two stand-in clouds, and a stack of the program that the real engine runs against them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lab.clouds.cluster import REGION, Clouds
from lab.clouds.oci.behaviour import Behaviour
from lab.clouds.oci.credentials import throw_away_key
from lab.engine.project import REPOSITORY, Project
from lab.machines import Machines
from lab.stack import open_project

USER = "ocid1.user.oc1..labuser"
COMPARTMENT = "ocid1.compartment.oc1..labcompartment"


@dataclass
class Lab:
    """Clouds in this process, and one stack. A second stack on the same clouds: `another`."""

    folder: Path
    clouds: Clouds
    project: Project

    @classmethod
    def start(
        cls,
        folder: Path,
        behaviour: Behaviour | None = None,
        repository: Path = REPOSITORY,
        machines: Machines | None = None,
    ) -> Lab:
        """An initialised stack `dev` on two empty clouds, with `machines` behind them. Nothing is up yet."""
        clouds = Clouds.start(folder / "clouds", behaviour, machines)
        project = open_project(folder / "stack", clouds.environment, repository)
        project.attach(clouds.serve(project.environment))
        lab = cls(folder, clouds, project)
        prepare(project, folder)
        return lab

    def configure(self, **keys: Any) -> None:
        """Sets keys of the program in the stack file, without the engine: text, numbers, lists or maps."""
        set_keys(self.project.stack_file, keys)

    def inject(self, *faults: Mapping[str, Any]) -> None:
        """Faults and delays from now on; none ends them. Never half of them: a plugin may be reading the file."""
        written = self.clouds.faults.with_suffix(".new")
        written.write_text(json.dumps(faults))
        written.replace(self.clouds.faults)

    def registered(self) -> list[dict[str, Any]]:
        """What was registered since the last call of `forget`, in the order of the engine's checks."""
        return [json.loads(line) for line in self.clouds.record.read_text().splitlines()]

    def forget(self) -> None:
        """Begins the record of registrations anew."""
        self.clouds.record.write_text("")

    def leftovers(self) -> dict[str, list[str]]:
        """Everything that is left in both clouds; empty when nothing is."""
        return {**self.clouds.aws.leftovers(REGION), **self.clouds.oci.leftovers()}

    def stop(self) -> None:
        """Ends the clouds with all that is in them; the stack's folder stays."""
        self.clouds.stop()


def prepare(project: Project, folder: Path) -> None:
    """Makes the stack and gives it what a user would: a compartment, and a key to sign in to Oracle."""
    if "encryptionsalt" in project.stack_file.read_text():
        return
    project.stack_init().check()
    key = folder / "oci-api-key.pem"
    key.write_text(throw_away_key())
    key.chmod(0o600)
    set_keys(
        project.stack_file,
        {
            "compartmentId": COMPARTMENT,
            "oci:tenancyOcid": "ocid1.tenancy.oc1..labtenancy",
            "oci:userOcid": USER,
            "oci:fingerprint": "00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff",
            "oci:privateKeyPath": str(key),
        },
    )


def set_keys(stack_file: Path, keys: Mapping[str, Any]) -> None:
    """Sets keys in a stack file, of the program if they name no provider, as `oci:` does; None takes one out."""
    stack: dict[str, Any] = yaml.safe_load(stack_file.read_text())
    for key, value in keys.items():
        full = key if ":" in key else f"aws-oci-libreswan:{key}"
        if value is None:
            stack["config"].pop(full, None)
        else:
            stack["config"][full] = value
    stack_file.write_text(yaml.safe_dump(stack, sort_keys=False))
