"""The stack of a lab, new or as it was left. Imports no cloud: commands on a running lab have no use for its clouds."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from lab.engine.project import REPOSITORY, Project


def real_plugins(environment: Mapping[str, str]) -> frozenset[str]:
    """The plugins that LAB_REAL_PLUGINS names, such as `aws,oci`: the engine uses the installed ones for these."""
    return frozenset(filter(None, environment.get("LAB_REAL_PLUGINS", "").split(",")))


def open_project(folder: Path, environment: Mapping[str, str], repository: Path = REPOSITORY) -> Project:
    """The project of a lab, new or as it was left."""
    if real_plugins(os.environ):
        # The plugins that a user has installed are in the user's own folder, not in the lab's.
        home = os.environ.get("PULUMI_HOME", str(Path.home() / ".pulumi"))
        environment = {**environment, "PULUMI_HOME": home}
    return Project(folder, environment=environment, repository=repository)
