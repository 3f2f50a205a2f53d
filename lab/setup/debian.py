"""Debian's archive as this machine's own apt reaches it: mirror and options, so that no host is named here."""

from __future__ import annotations

import os
import re
import shutil

from lab.setup.steps import SetUpError, run

# For a machine whose apt reaches no Debian mirror: another Debian-family system, say.
OVERRIDE = "DEBIAN_MIRROR"

SUITES = ("bookworm", "trixie", "forky", "sid", "oldstable", "stable", "testing", "unstable")

# What decides whether and how the mirror can be reached; the rest of apt's options are its defaults.
REACH = re.compile(r"^Acquire::(?:https?::|ftp::|Retries|Check-Date|Check-Valid-Until)[^ ]* \"[^\"]+\";$")


def mirror() -> str:
    """The address of the Debian mirror in apt's sources. Raises SetUpError where there is none."""
    given = os.environ.get(OVERRIDE)
    if given:
        return given
    if shutil.which("apt-get") is None:
        raise SetUpError(f"no apt-get: the lab needs a Debian-family machine, or {OVERRIDE} and mmdebstrap")
    return choose_mirror(
        run(["apt-get", "indextargets", "--format", "$(CREATED_BY) $(RELEASE) $(COMPONENT) $(REPO_URI)"])
    )


def choose_mirror(targets: str) -> str:
    """
    The mirror among apt's index targets, one a line: created-by, release, component, address.

    A Debian release by its plain name is in the main archive, unlike its updates and security updates, which
    may lie elsewhere. Raises SetUpError where no line names one.
    """
    for line in targets.splitlines():
        created_by, release, component, address = line.split(maxsplit=3)
        if created_by == "Packages" and release in SUITES and component == "main":
            return address
    raise SetUpError(f"apt's sources name no Debian release: set {OVERRIDE} to the address of a Debian mirror")


def apt_options() -> list[str]:
    """This machine's settings for proxies and outdated mirrors, as lines of apt.conf."""
    return choose_options(run(["apt-config", "dump"]))


def choose_options(dump: str) -> list[str]:
    """The lines of `apt-config dump` that decide how a mirror is reached."""
    return [line for line in dump.splitlines() if REACH.match(line)]
