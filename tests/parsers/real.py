"""What the real parsers say: Libreswan's addconn and algparse, cloud-init's schema, and systemd-analyze."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.parsers.roots import Version, call, root


@dataclass(frozen=True)
class Parsed:
    """A parser's verdict, and all that it said."""

    ok: bool
    output: str

    @property
    def clean(self) -> bool:
        """Accepted without a word. Libreswan 5 only warns of a wrong value, and then ignores its keyword."""
        return self.ok and not self.output.strip()


def parse_conf(version: Version, conf: str) -> Parsed:
    """
    An ipsec.conf as `addconn --checkconfig` of Libreswan 4 or 5 takes it.

    It checks keywords, and values that are numbers or one of a list. It does not look at addresses, marks or
    proposals (parse_algorithms does that), nor for a conn's secret.
    """
    return _judge(version, conf, "/usr/libexec/ipsec/addconn", "--checkconfig", "--config")


def parse_algorithms(version: Version, ike_version: Literal[1, 2], proposal: str) -> Parsed:
    """A proposal such as `ike=aes256-sha2_384;dh20`, as algparse of Libreswan 4 or 5 takes it, with PFS on."""
    ended = call(version, "/usr/libexec/ipsec/algparse", f"-v{ike_version}", "-pfs=yes", proposal)
    return Parsed(ended.returncode == 0, ended.stdout)


def check_cloud_config(version: Version, text: str) -> Parsed:
    """User-data as `cloud-init schema` takes it: 22.4 beside Libreswan 4, 25.1 beside 5; the newer is stricter."""
    return _judge(version, text, "/usr/bin/cloud-init", "schema", "--config-file")


def check_units(version: Version, units: Mapping[str, str]) -> Parsed:
    """
    Units and drop-ins, by their paths in /etc/systemd/system, as `systemd-analyze verify` takes them: 252 beside
    Libreswan 4, 257 beside 5.

    It checks keys, values, and that commands exist; it does not run them.
    """
    with tempfile.TemporaryDirectory(dir=root(version) / "tmp") as name:
        folder = Path(name)
        for path, text in units.items():
            (folder / path).parent.mkdir(exist_ok=True)
            (folder / path).write_text(text)
        # A drop-in is read with the unit that it is about.
        about = sorted({path.split(".d/")[0] for path in units})
        # Nobody installs manual pages here, and of other units only those are judged that ours need.
        command = 'SYSTEMD_UNIT_PATH=$0:/usr/lib/systemd/system exec systemd-analyze verify --man=no "$@"'
        ended = call(version, "sh", "-c", command, f"/tmp/{folder.name}", "--recursive-errors=no", *about)
    return Parsed(ended.returncode == 0, ended.stdout)


def _judge(version: Version, text: str, *command: str) -> Parsed:
    # A file of its own, because tests run at the same time.
    with tempfile.NamedTemporaryFile("w", dir=root(version) / "tmp") as file:
        file.write(text)
        file.flush()
        # cloud-init 22.4 run by another user than root refuses to be asked about root's files.
        Path(file.name).chmod(0o644)
        ended = call(version, *command, f"/tmp/{Path(file.name).name}")
    return Parsed(ended.returncode == 0, ended.stdout)
