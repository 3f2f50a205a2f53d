"""The set-up: what is found, made once, or said in one line when it cannot go on.

Does not prove that the pinned modules build: every other test of the engine does.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from lab.engine import install
from lab.setup import environment, packages
from lab.setup.cache import fingerprint, make_once
from lab.setup.debian import choose_mirror, choose_options
from lab.setup.steps import SetUpError, main, run


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "aws-oci-libreswan"


@pytest.fixture
def binaries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is all there is on PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def _program(path: Path, says: str, code: int = 0) -> None:
    path.write_text(f"#!/bin/sh\necho '{says}'\nexit {code}\n")
    path.chmod(0o755)


def test_made_once(own_cache: Path) -> None:
    made: list[Path] = []
    assert make_once("thing", made.append) == own_cache / "thing"
    assert make_once("thing", made.append) == own_cache / "thing"
    assert made == [own_cache / "thing"]


def test_what_an_interrupted_run_left_is_made_again(own_cache: Path) -> None:
    def breaks_off(folder: Path) -> None:
        (folder / "half").touch()
        raise SetUpError("power cut")

    with pytest.raises(SetUpError, match="^power cut$"):
        make_once("thing", breaks_off)
    make_once("thing", lambda folder: (folder / "whole").touch())
    assert sorted(item.name for item in (own_cache / "thing").iterdir()) == [".ready", "whole"]


def test_a_second_run_waits_and_says_so(capfd: pytest.CaptureFixture[str]) -> None:
    begun = threading.Event()
    made: list[str] = []

    def slowly(folder: Path) -> None:
        begun.set()
        time.sleep(0.5)
        made.append("first")

    first = threading.Thread(target=make_once, args=("thing", slowly))
    first.start()
    begun.wait()
    make_once("thing", lambda folder: made.append("second"))
    first.join()
    assert made == ["first"]
    assert capfd.readouterr().err == ".. waiting for another run that makes thing\n"


def test_a_fingerprint_tells_parts_apart(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    assert fingerprint("ab", "c") != fingerprint("a", "bc")
    assert fingerprint(tmp_path / "a") == fingerprint("x")


def test_a_failed_command_shows_its_end(tmp_path: Path) -> None:
    _program(tmp_path / "tool", "first\n" * 30 + "the reason", code=3)
    with pytest.raises(SetUpError) as refused:
        run([tmp_path / "tool"])
    lines = str(refused.value).splitlines()
    assert (lines[0], lines[-1], len(lines)) == ("tool ended with 3", "the reason", 26)


def test_an_error_is_a_line_and_no_traceback() -> None:
    def work() -> None:
        raise SetUpError("no go on PATH")

    with pytest.raises(SystemExit) as ended:
        main(work)
    assert ended.value.code == "error: no go on PATH"


def test_a_pulumi_that_is_new_enough_is_used(binaries: Path) -> None:
    _program(binaries / "pulumi", "v3.247.0")
    for name in ("pulumi-language-python", "pulumi-language-python-exec"):
        _program(binaries / name, "")
    assert install.engine_folder() == binaries


def test_a_linked_pulumi_is_used_where_it_really_is(binaries: Path, tmp_path: Path) -> None:
    real = tmp_path / "opt"
    real.mkdir()
    _program(real / "pulumi", "v3.300.1")
    for name in ("pulumi-language-python", "pulumi-language-python-exec"):
        _program(real / name, "")
    (binaries / "pulumi").symlink_to(real / "pulumi")
    assert install.engine_folder() == real


@pytest.mark.parametrize(
    ("version", "says"),
    [
        ("v3.246.9", "{} is 3.246.9, older than 3.247.0: not used\n"),
        ("v3.247.0", "{} has no pulumi-language-python and pulumi-language-python-exec beside it: not used\n"),
    ],
)
def test_a_pulumi_that_will_not_do_is_named(
    binaries: Path, capfd: pytest.CaptureFixture[str], version: str, says: str
) -> None:
    _program(binaries / "pulumi", version)
    assert install.installed() is None
    assert capfd.readouterr().err == says.format(binaries / "pulumi")


WANTED = "please install Go 1.25.11 or newer, to build the Pulumi engine (or pulumi >= 3.247.0 on PATH)"


def test_no_go(binaries: Path) -> None:
    with pytest.raises(SetUpError) as refused:
        install.engine_folder()
    assert str(refused.value) == f"no go on PATH: {WANTED}"


@pytest.mark.parametrize(("says", "code"), [('{"GOVERSION": "go1.19.8"}', 0), ("go.mod requires go >= 1.25.11", 1)])
def test_an_old_go(binaries: Path, says: str, code: int) -> None:
    _program(binaries / "go", says, code)
    with pytest.raises(SetUpError) as refused:
        install.engine_folder()
    assert str(refused.value) == f"{binaries / 'go'} is too old: {WANTED}"


def test_missing_packages_are_named_where_they_cannot_be_installed(
    binaries: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "SYSTEM_PATH", str(binaries))
    _program(binaries / "there", "")
    packages.require({"there": "present"})
    with pytest.raises(SetUpError) as refused:
        packages.require({"b": "package-b", "there": "present", "a": "package-a"})
    assert str(refused.value) == "please install: apt-get install package-a package-b"


def test_an_environment_that_is_not_ours_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link = tmp_path / ".venv"
    monkeypatch.setattr(environment, "LINK", link)
    environment.link(tmp_path / "a")
    environment.link(tmp_path / "b")
    assert link.readlink() == tmp_path / "b"
    link.unlink()
    link.mkdir()
    with pytest.raises(SetUpError) as refused:
        environment.link(tmp_path / "b")
    assert str(refused.value) == (f"{link} is a folder that `make install` has not made: move it away and try again")


def test_the_mirror_is_the_one_of_the_main_archive() -> None:
    targets = """\
DEP-11 bookworm main http://127.0.0.1/debian/
Packages bookworm-security main http://127.0.0.1/security/
Packages nodistro main http://127.0.0.1/other/
Packages bookworm contrib http://127.0.0.1/contrib/
Packages bookworm main http://127.0.0.1/debian/
"""
    assert choose_mirror(targets) == "http://127.0.0.1/debian/"


def test_no_mirror() -> None:
    with pytest.raises(SetUpError) as refused:
        choose_mirror("Packages noble main http://127.0.0.1/ubuntu/\n")
    assert str(refused.value) == (
        "apt's sources name no Debian release: set DEBIAN_MIRROR to the address of a Debian mirror"
    )


def test_only_what_decides_how_the_mirror_is_reached_is_taken_over() -> None:
    dump = """\
APT::Architecture "amd64";
Acquire::Languages:: "none";
Acquire::http::Proxy "http://127.0.0.1:3142";
Acquire::https::Verify-Peer "";
Acquire::Check-Valid-Until "false";
"""
    assert choose_options(dump) == [
        'Acquire::http::Proxy "http://127.0.0.1:3142";',
        'Acquire::Check-Valid-Until "false";',
    ]
