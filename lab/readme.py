"""The README's tables, from the code they are about: `python -m lab.readme` writes them."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from commands.oci_sign_in import MODES
from components.crypto import PROFILES
from components.host_os import HOST_OS

REPOSITORY = Path(__file__).resolve().parents[1]


def configuration() -> str:
    """A row a key of Pulumi.yaml: type, default, meaning."""
    project: dict[str, Any] = yaml.safe_load((REPOSITORY / "Pulumi.yaml").read_text())
    rows = []
    for key, schema in project["config"].items():
        default = schema.get("default")
        shown = "**required**" if "default" not in schema else "" if default in ("", []) else f"`{json.dumps(default)}`"
        rows.append((f"`{key}`", schema["type"], shown, schema["description"]))
    return _table(("Key", "Type", "Default", "Meaning"), rows)


def profiles() -> str:
    """A row a crypto profile: Oracle's names of both phases."""
    rows = [
        (
            f"`{name}`",
            f"{profile.ike_encryption}, {profile.ike_integrity}, {profile.group}",
            ", ".join(filter(None, (profile.child_encryption, profile.child_integrity, f"PFS {profile.group}"))),
            "1 and 2" if profile.supports(1) else "2",
        )
        for name, profile in PROFILES.items()
    ]
    return _table(("cryptoProfile", "IKE SA", "child SA", "IKE version"), rows)


def operating_systems() -> str:
    """A row an operating system, with what is known of the files that are rendered for it."""
    known = {
        "booted": "the lab boots it, and packets cross; its files are parsed by this very Libreswan in the tests",
        "assumed": "assumed: neither parsed by this Libreswan nor booted",
    }
    rows = [(f"`{name}`", os.libreswan, ", ".join(os.interface_kinds), known[os.proof]) for name, os in HOST_OS.items()]
    return _table(("hostOs", "Libreswan", "interfaceKind", "Known"), rows)


def sign_in_modes() -> str:
    """The values of `oci:auth`."""
    return "Values of `oci:auth`: " + ", ".join(f"`{mode}`" for mode in MODES) + "."


SECTIONS = {
    "configuration": configuration,
    "crypto profiles": profiles,
    "operating systems": operating_systems,
    "sign-in modes": sign_in_modes,
}


def with_sections(readme: str) -> str:
    """The README with every generated section as the code has it now. Raises KeyError for an unknown one."""

    def generated(found: re.Match[str]) -> str:
        name = found["name"]
        return f"<!-- begin {name} -->\n{SECTIONS[name]()}\n<!-- end {name} -->"

    return re.sub(r"<!-- begin (?P<name>[\w -]+) -->.*?<!-- end (?P=name) -->", generated, readme, flags=re.DOTALL)


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ("---",) * len(head), *rows))


if __name__ == "__main__":
    path = REPOSITORY / "README.md"
    path.write_text(with_sections(path.read_text()))
