"""The programs that are shipped to the host: their decisions, and that a shell and a linter can read them.

Does not prove what they do to a kernel (the lab does).
"""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHELL = ["host/boot", "commands/run", ".ci/run"]


@pytest.fixture(scope="module")
def tunnel_routes() -> ModuleType:
    loader = SourceFileLoader("tunnel_routes", str(ROOT / "host" / "tunnel-routes"))
    spec = spec_from_loader("tunnel_routes", loader)
    assert spec is not None
    module = module_from_spec(spec)
    # Nothing but the program itself goes to the host: no byte code beside it.
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = before
    return module


@pytest.mark.parametrize(
    ("devices", "command"),
    [
        ([], "route del 172.16.0.0/16 metric 100"),
        (["vti2"], "route replace 172.16.0.0/16 metric 100 nexthop dev vti2 weight 1"),
        (
            ["vti1", "vti2"],
            "route replace 172.16.0.0/16 metric 100 nexthop dev vti1 weight 1 nexthop dev vti2 weight 1",
        ),
    ],
)
def test_the_route_over_the_tunnels_that_are_there(tunnel_routes: ModuleType, devices: list[str], command: str) -> None:
    assert " ".join(tunnel_routes.route_command("172.16.0.0/16", devices)) == command


def test_the_last_resort_is_worse_than_any_tunnel(tunnel_routes: ModuleType) -> None:
    assert 100 < int(tunnel_routes.LAST_RESORT) < 2**32


def test_a_device_that_is_not_there_is_not_up(tunnel_routes: ModuleType) -> None:
    assert tunnel_routes.is_up("no-such-device") is False
    assert tunnel_routes.is_up("lo") is True


@pytest.mark.parametrize("script", SHELL)
def test_a_posix_shell_can_read_it(script: str) -> None:
    done = subprocess.run(["sh", "-n", ROOT / script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("script", SHELL)
def test_shellcheck_has_nothing_to_say(script: str) -> None:
    """SC1091: host.env is on the host only. SC2086: a list of packages is meant to be split."""
    shellcheck = Path(sys.executable).parent / "shellcheck"
    done = subprocess.run(
        [shellcheck, "--shell=sh", "--exclude=SC1091,SC2086", ROOT / script],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("program", ["tunnel-routes", "fetch-pre-shared-keys"])
def test_a_program_needs_no_python_newer_than_the_oldest_host_has(program: str) -> None:
    """RHEL 9 and its kin have Python 3.9."""
    source = (ROOT / "host" / program).read_text(encoding="utf-8")
    assert source.startswith("#!/usr/bin/python3\n")
    assert ast.parse(source, feature_version=(3, 9))
