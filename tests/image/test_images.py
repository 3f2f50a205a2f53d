"""What decides an image: package lists, files, and the name that changes with them.

Does not prove that an image boots, or that Debian's image is like it: the tests of the lab boot them.
"""

from __future__ import annotations

import io
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from components.host_os import HOST_OS
from lab.image import build
from lab.image.authority import authority
from lab.image.build import dated, fabric_recipe, host_recipe, names
from lab.image.files import archive, tree
from lab.image.packages import FABRIC, FABRIC_UNPACKED, Flavour, Os, host_packages
from lab.image.recipe import Recipe
from lab.setup.steps import SetUpError

RELEASES: tuple[Os, ...] = get_args(Os)
HOST_SUITES: dict[Os, str] = {"debian-12": "bookworm", "debian-13": "trixie"}


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(build, "apt_options", lambda: [])


@pytest.fixture
def recipe() -> Recipe:
    return fabric_recipe()


@pytest.mark.parametrize("os", RELEASES)
def test_the_official_image_has_nothing_that_a_host_installs(os: Os) -> None:
    assert not {"libreswan", "python3-boto3", "nftables"} & set(host_packages(os, "official"))
    assert {"awscli", "cloud-init", "cloud-guest-utils", "amazon-ec2-utils"} <= set(host_packages(os, "official"))


@pytest.mark.parametrize("os", RELEASES)
def test_the_ready_image_has_that_too_and_no_more(os: Os) -> None:
    added = set(host_packages(os, "ready")) - set(host_packages(os, "official"))
    assert added == set(HOST_OS[os].packages)


@pytest.mark.parametrize("os", RELEASES)
@pytest.mark.parametrize("flavour", get_args(Flavour))
def test_the_lab_gets_in(os: Os, flavour: Flavour) -> None:
    assert "qemu-guest-agent" in host_packages(os, flavour)


def test_the_fabric_has_both_daemons() -> None:
    assert "libreswan" in FABRIC
    assert {"strongswan-charon", "strongswan-swanctl"} <= set(FABRIC_UNPACKED)


@pytest.mark.parametrize("os", RELEASES)
def test_a_host_knows_one_mirror_and_the_labs_authority(os: Os) -> None:
    files = host_recipe(os, "ready").files
    assert files["etc/apt/sources.list"] == f"deb http://mirror.lab/debian {HOST_SUITES[os]} main\n"
    assert files["usr/local/share/ca-certificates/lab.crt"] == authority().certificate


def test_of_apts_options_only_those_about_dates() -> None:
    about_dates = ['Acquire::Check-Valid-Until "false";', 'Acquire::Check-Date "false";']
    assert (
        dated([*about_dates, 'Acquire::http::Proxy "http://127.0.0.1:3142";', 'Acquire::Retries "3";']) == about_dates
    )


def test_each_image_has_a_name_of_its_own() -> None:
    recipes = [fabric_recipe(), *(host_recipe(os, flavour) for os in RELEASES for flavour in get_args(Flavour))]
    assert len({made.fingerprint for made in recipes}) == len(names()) == 5


def test_the_fingerprint_is_the_same_for_the_same(recipe: Recipe) -> None:
    assert fabric_recipe().fingerprint == recipe.fingerprint


def test_the_fingerprint_changes_with_what_decides(recipe: Recipe, tmp_path: Path) -> None:
    other = tmp_path / "finish"
    other.write_text("true\n")
    changed = [
        replace(recipe, suite="sid"),
        replace(recipe, variant="minbase"),
        replace(recipe, packages=(*recipe.packages, "hello")),
        replace(recipe, unpacked=()),
        replace(recipe, files={**recipe.files, "etc/motd": "hello\n"}),
        replace(recipe, files={**recipe.files, "usr/local/sbin/fabric-init": "#!/bin/sh\n"}),
        replace(recipe, finish=other),
        replace(recipe, disk_size=1),
    ]
    assert len({recipe.fingerprint, *(made.fingerprint for made in changed)}) == len(changed) + 1


def test_a_new_authority_means_a_new_image(recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "another"))
    assert fabric_recipe().fingerprint != recipe.fingerprint


def test_an_unknown_image_is_named() -> None:
    with pytest.raises(SetUpError, match="^no image debian-11: there are fabric, debian-12-ready"):
        build.build(["debian-11"])


def test_files_in_an_image_belong_to_root(tmp_path: Path) -> None:
    folder = tmp_path / "tree"
    (folder / "usr/sbin").mkdir(parents=True)
    (folder / "usr/sbin/program").write_text("#!/bin/sh\n")
    (folder / "usr/sbin/program").chmod(0o700)
    (folder / "secret").write_text("no\n")
    (folder / "secret").chmod(0o600)
    made = archive({**tree(folder), "etc/hello": "hello\n"}, tmp_path / "files.tar")
    with tarfile.open(made) as tar:
        entries = {entry.name: entry for entry in tar}
        content = tar.extractfile("etc/hello")
        assert isinstance(content, io.BufferedReader)
        assert content.read() == b"hello\n"
    assert {name: entry.mode for name, entry in entries.items()} == {
        "etc/hello": 0o644,
        "secret": 0o644,
        "usr/sbin/program": 0o755,
    }
    assert {(entry.uid, entry.gid) for entry in entries.values()} == {(0, 0)}
