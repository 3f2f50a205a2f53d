"""The lock files: every package pinned with hashes, nothing of the machine that made them, one set of versions.

Does not prove that they install: `make install` does.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lab.setup.environment import REPOSITORY

PIN = re.compile(r"^(?P<name>[a-z0-9-]+)==(?P<version>\S+)(?P<marker> ;[^\\]*)? \\$", re.MULTILINE)
LOCKS = ("requirements.txt", "requirements-lab.txt", "policy/requirements.txt")


def _pins(name: str) -> set[tuple[str, str]]:
    return {(pin["name"], pin["version"]) for pin in PIN.finditer((REPOSITORY / name).read_text())}


@pytest.mark.parametrize("name", LOCKS)
def test_nothing_but_pins_with_hashes(name: str) -> None:
    lines = (REPOSITORY / name).read_text().splitlines()
    entries = [line for line in lines if not re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}( \\)?", line)]
    assert entries
    assert [line for line in entries if not PIN.match(line)] == []


def test_the_lab_runs_the_very_packages_of_the_program() -> None:
    assert _pins("requirements.txt") <= _pins("requirements-lab.txt")


def test_the_policy_pack_runs_the_programs_sdk() -> None:
    assert {pin for pin in _pins("requirements.txt") if pin[0] == "pulumi"} <= _pins("policy/requirements.txt")


def test_the_sdk_is_the_engines_version() -> None:
    go_mod = (REPOSITORY / "lab" / "engine" / "cli" / "go.mod").read_text()
    sdk = dict(_pins("requirements.txt"))["pulumi"]
    assert f"github.com/pulumi/pulumi/sdk/v3 v{sdk} " in go_mod
    assert f"github.com/pulumi/pulumi/pkg/v3 v{sdk}\n" in go_mod


@pytest.mark.parametrize("name", ["requirements.in", "requirements-lab.in", "policy/requirements.in"])
def test_every_requirement_says_why_it_is_there(name: str) -> None:
    lines = [line for line in Path(REPOSITORY / name).read_text().splitlines() if line]
    for before, line in zip(lines, lines[1:], strict=False):
        if not line.startswith(("#", "-")):
            assert before.startswith("# "), line
