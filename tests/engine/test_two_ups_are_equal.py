"""Two `up`s from an empty state register the same resources, with the same inputs byte for byte.

They differ in all that must not matter: folder, Python's hash seed, the order in which the clouds answer (delays of
random length), and the identifiers and addresses that the clouds choose. Of the latter each is replaced by what it is
of; what is equal then is the text. Not compared: secrets, which the record never holds.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from components.user_data import encode
from lab.clouds.cluster import Clouds
from lab.engine.project import Project
from lab.lab import Lab, prepare
from lab.stack import open_project
from tests.engine.conftest import FAST
from tests.engine.disorder import delays

INSTANCE = "aws:ec2/instance:Instance"


@pytest.fixture(scope="module")
def clouds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clouds]:
    started = Clouds.start(tmp_path_factory.mktemp("clouds"), FAST)
    yield started
    started.stop()


def up_and_down(clouds: Clouds, folder: Path, seed: int) -> dict[tuple[str, str], list[str]]:
    """The inputs of every resource of an `up`, as text in which the clouds' own choices are named."""
    environment = {**clouds.environment, "PYTHONHASHSEED": str(seed)}
    project = open_project(folder, environment)
    for plugin in clouds.plugins.values():
        plugin.stop()
    project.attach(clouds.serve(project.environment))
    prepare(project, folder)
    lab = Lab(folder, clouds, project)
    lab.forget()
    lab.inject(*delays(seed, "create", longest=0.3))
    project.up().check()
    found = inputs(lab, choices(project))
    assert found.keys() == kept(project)
    lab.inject(*delays(seed, "delete", longest=0.3))
    project.destroy().check()
    assert lab.leftovers() == {}
    return found


def choices(project: Project) -> dict[str, str]:
    """What the clouds and the engine's random names chose in this `up`, and what it is of."""
    found: dict[str, str] = {}
    for resource in project.export()["deployment"]["resources"]:
        name = f"<{resource['type']} {resource['urn'].rsplit('::', 1)[-1]}"
        if resource.get("id") and resource["custom"]:
            found[resource["id"]] = f"{name} id>"
        for key in resource.get("inputs", {}).get("__defaults", []):
            found[resource["inputs"][key]] = f"{name} {key}>"
        for key in ("arn", "privateIp"):
            if isinstance(resource.get("outputs", {}).get(key), str):
                found[resource["outputs"][key]] = f"{name} {key}>"
    outputs = project.outputs()
    for kind in ("tunnelIds", "headends"):
        found |= {value: f"<{kind} {tunnel}>" for tunnel, value in outputs[kind].items()}
    found[outputs["cpeAddress"]] = "<cpeAddress>"
    # An address has no name, a route no private address.
    return {value: what for value, what in found.items() if value}


def kept(project: Project) -> set[tuple[str, str]]:
    """Type and name of every resource that a plugin made."""
    return {
        (resource["type"], resource["urn"].rsplit("::", 1)[-1])
        for resource in project.export()["deployment"]["resources"]
        if resource["custom"] and not resource["type"].startswith("pulumi:")
    }


def inputs(lab: Lab, chosen: dict[str, str]) -> dict[tuple[str, str], list[str]]:
    found: dict[tuple[str, str], list[str]] = {}
    for one in lab.registered():
        given: dict[str, Any] = one["inputs"]
        if one["type"] == INSTANCE:
            text = gzip.decompress(base64.b64decode(given["userDataBase64"])).decode()
            # Compressed again it is the same, so to compare the text is to compare the bytes.
            assert encode(text) == given["userDataBase64"]
            given["userDataBase64"] = text
        text = json.dumps(given)
        for value in sorted(chosen, key=len, reverse=True):
            text = text.replace(value, chosen[value])
        found.setdefault((one["type"], one["name"]), []).append(text)
    return found


def test_two_ups_from_an_empty_state_register_the_same(clouds: Clouds, tmp_path: Path) -> None:
    first = up_and_down(clouds, tmp_path / "first", seed=1)
    second = up_and_down(clouds, tmp_path / "second", seed=2)
    assert {key for key, found in first.items() if len(found) != 1} == set()
    assert second.keys() == first.keys()
    for key, text in first.items():
        assert second[key] == text, key
    assert str(tmp_path) not in str(first)
