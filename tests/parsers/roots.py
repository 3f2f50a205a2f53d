"""Minimal Debian roots with the real Libreswan 4 and 5 and cloud-init: `python3 -m tests.parsers.roots` makes them.

Packages are unpacked, not configured: the parsers need no more, and that takes ten seconds and no privilege.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Literal

from lab.setup.cache import fingerprint, make_once
from lab.setup.debian import apt_options, mirror
from lab.setup.packages import SYSTEM_PATH, require
from lab.setup.steps import SetUpError, main, run, step

Version = Literal[4, 5]
"""Of Libreswan, the major one."""

# Debian 12 has Libreswan 4.10 and cloud-init 22.4, Debian 13 Libreswan 5.2 and cloud-init 25.1.
SUITES: dict[Version, str] = {4: "bookworm", 5: "trixie"}
# The units of the host run these.
RUN_BY_UNITS = "systemd,apt,bash,dash,nftables"
PACKAGES = f"base-files,libreswan,cloud-init,ca-certificates,{RUN_BY_UNITS}"

# bookworm's packages still name folders that have since moved below /usr.
MERGED_USR = 'for name in bin sbin lib lib64; do mkdir -p "$1/usr/$name"; ln -s "usr/$name" "$1/$name"; done'


MAJOR, MINOR = 1, 9  # /dev/urandom, Linux's list of devices


def root(version: Version) -> Path:
    """The root with that Libreswan, made if it is new (10 s each). Raises SetUpError."""
    suite = SUITES[version]
    return make_once(f"parsers-{suite}-{fingerprint(Path(__file__))}", lambda folder: _make(folder, suite))


def call(version: Version, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command inside that root; stderr comes with stdout."""
    return subprocess.run(
        [*_enter(root(version)), *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # The folders of a Debian root and a locale that it has, whatever the host's are.
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"},
        check=False,
    )


def _make(folder: Path, suite: str) -> None:
    require({"mmdebstrap": "mmdebstrap", "unshare": "util-linux"})
    with step(f"Debian {suite} root with {PACKAGES}"):
        archive = folder / "root.tar"
        # Chrootless is the mode that needs neither root nor a range of user ids.
        run(
            ["mmdebstrap", "--variant=extract", "--mode=chrootless", f"--setup-hook={MERGED_USR}"]
            + [f"--aptopt={option}" for option in apt_options()]
            + [f"--include={PACKAGES}", suite, str(archive), mirror()]
        )
        run(["tar", "--extract", "--no-same-owner", "--exclude=./dev/*", "--file", archive, "--directory", folder])
        archive.unlink()
        _complete(folder)


def _complete(folder: Path) -> None:
    """What the packages' own scripts, and a running system, would have made."""
    authorities = sorted((folder / "usr/share/ca-certificates").rglob("*.crt"))
    bundle = folder / "etc/ssl/certs/ca-certificates.crt"
    bundle.write_text("".join(certificate.read_text() for certificate in authorities))
    # addconn 4 complains of a machine without one, however right the file is.
    (folder / "etc/hosts").write_text("127.0.0.1 localhost\n")
    device = folder / "dev/urandom"
    with suppress(PermissionError):
        os.mknod(device, 0o20666, os.makedev(MAJOR, MINOR))
    device.touch()


def _enter(inside: Path) -> list[str]:
    """
    How to run something inside: chroot as root, else a namespace of the user's own.

    NSS takes its randomness from /dev/urandom alone, and refuses a plain file because that repeats itself.
    """
    if os.geteuid() == 0 and (inside / "dev/urandom").is_char_device():
        return [_tool("chroot"), str(inside)]
    script = 'mount --bind /dev/urandom "$0/dev/urandom" && exec chroot "$0" "$@"'
    return [_tool("unshare"), "--map-root-user", "--mount", _tool("sh"), "-c", script, str(inside)]


def _tool(name: str) -> str:
    found = shutil.which(name, path=SYSTEM_PATH)
    if found is None:
        raise SetUpError(f"no {name} on this machine: please install coreutils and util-linux")
    return found


def make_all() -> None:
    """Both roots. Raises SetUpError."""
    for version in SUITES:
        root(version)


if __name__ == "__main__":
    main(make_all)
