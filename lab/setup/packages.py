"""Debian packages that the lab needs: installed where that is allowed, else named in one line."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable

from lab.setup.steps import SetUpError, run, step

# Where a command is that Debian keeps out of an ordinary user's PATH.
SYSTEM_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])


def require(commands: dict[str, str]) -> None:
    """
    Make sure that each command is there; `commands` maps it to the Debian package it comes from.

    Raises SetUpError that names the packages to install, where apt, root or sudo is missing.
    """
    missing = sorted({package for command, package in commands.items() if not _found(command)})
    if not missing:
        return
    prefix = _prefix(missing)
    with step(f"Debian packages {', '.join(missing)}"):
        run([*prefix, "apt-get", "update", "--quiet"])
        run([*prefix, *_install(missing)])


def _found(command: str) -> bool:
    return shutil.which(command, path=SYSTEM_PATH) is not None


def _install(packages: Iterable[str]) -> list[str]:
    return ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "--yes", "--quiet"] + [
        "--no-install-recommends",
        *packages,
    ]


def _prefix(missing: list[str]) -> list[str]:
    """What goes before apt-get: nothing for root, `sudo` where it asks for no password."""
    if shutil.which("apt-get") is not None:
        if os.geteuid() == 0:
            return []
        if shutil.which("sudo") is not None:
            allowed = subprocess.run(["sudo", "--non-interactive", "true"], capture_output=True, check=False)
            if allowed.returncode == 0:
                return ["sudo", "--non-interactive"]
    raise SetUpError(f"please install: apt-get install {' '.join(missing)}")
