"""Which plugins stand in. Does not prove that the real ones work against these clouds."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.clouds.cluster import Clouds
from lab.stack import open_project, real_plugins


def test_plugins_that_are_named_are_left_to_the_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LAB_REAL_PLUGINS", "aws,oci")
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "installed"))
    clouds = Clouds.start(tmp_path / "clouds")
    try:
        assert list(clouds.serve(clouds.environment)) == ["command"]
    finally:
        clouds.stop()
    assert open_project(tmp_path / "stack", {}).environment["PULUMI_HOME"] == str(tmp_path / "installed")


def test_without_the_switch_all_three_stand_in(tmp_path: Path) -> None:
    assert real_plugins({}) == frozenset()
    assert open_project(tmp_path / "stack", {}).environment["PULUMI_HOME"].startswith(str(tmp_path))
