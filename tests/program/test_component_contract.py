"""Every component keeps the contract: its documented type token, its documented children, its outputs."""

from __future__ import annotations

import re

import pulumi
import pytest

from components.aws_side import AwsSide
from components.libreswan_host import LibreswanHost
from components.oci_side import OciSide
from components.tunnel_check import TunnelCheck
from components.watching import Watching
from tests.program.pretend_clouds import GIVEN, record
from tests.program.recording import ROOT, Recording

COMPONENTS: dict[str, type[pulumi.ComponentResource]] = {
    "aws": AwsSide,
    "oci": OciSide,
    "host": LibreswanHost,
    "proof": TunnelCheck,
    "watching": Watching,
}


@pytest.fixture(scope="module")
def everything(dev: Recording, given: Recording, watched: Recording, logged: Recording) -> list[Recording]:
    """Runs that between them create every type of resource the program knows."""
    many = record({"vpcCidrs": ["10.0.0.0/16", "10.1.0.0/16"]})
    mixed = record({**GIVEN, "vcnSubnetCidrs": ["172.16.0.0/24"], "clientSubnetCidrs": ["10.0.1.0/24"]})
    return [dev, given, many, mixed, watched, logged]


def test_these_are_all_components() -> None:
    classes = {
        found
        for file in (ROOT / "components").glob("*.py")
        for found in re.findall(r"^class (\w+)\(pulumi\.ComponentResource\)", file.read_text(), re.MULTILINE)
    }
    assert classes == {component.__name__ for component in COMPONENTS.values()}


@pytest.mark.parametrize("name", COMPONENTS)
class TestContract:
    def test_the_type_token_is_the_documented_one(self, watched: Recording, name: str) -> None:
        component = COMPONENTS[name]
        [documented] = re.findall(r"\*\*Type:\*\* `([^`]+)`", component.__doc__ or "")
        [registered] = [r.type for r in watched.resources if r.is_component and r.name == name]
        assert registered == documented
        package, module, class_name = documented.split(":")
        assert (package, class_name) == ("aws-oci-libreswan", component.__name__)
        assert module == module.lower()

    def test_the_docstring_names_every_type_it_creates_and_no_other(
        self, everything: list[Recording], name: str
    ) -> None:
        text = (COMPONENTS[name].__doc__ or "").split("Creates", 1)[1]
        # `aws:ec2:Vpc`, and after it plain `Subnet`s of the same module.
        documented = {word.rsplit(":", 1)[-1] for word in re.findall(r"`([\w:]+)`", text)} - {"Creates"}
        created = {
            resource.type.rsplit(":", 1)[1]
            for recording in everything
            for resource in recording.resources
            if resource.request.parent and recording_parent(recording, resource.request.parent) == name
        }
        assert created == documented

    def test_it_registers_its_outputs_once(self, watched: Recording, name: str) -> None:
        [urn] = [r.urn for r in watched.resources if r.is_component and r.name == name]
        assert watched.outputs[urn]


def recording_parent(recording: Recording, urn: str) -> str | None:
    return next((r.name for r in recording.resources if r.urn == urn and r.is_component), None)
