"""What the keeper says: to systemd, to the journal and the console, and to `vpn-status`."""

from __future__ import annotations

import json
import os
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any

FOLDER = Path("/run/aws-oci-libreswan")
STATUS = FOLDER / "status.json"
KEYS = FOLDER / "keys.json"


def say(text: str) -> None:
    """To the journal, and to the console: there an operator reads it even when nothing else answers any more."""
    print(text, flush=True)
    with suppress(OSError), Path("/dev/console").open("w") as console:
        console.write(f"aws-oci-libreswan: {text}\n")


def tell_systemd(state: str) -> None:
    """sd_notify(3)."""
    address = os.environ.get("NOTIFY_SOCKET")
    if address:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify, suppress(OSError):
            notify.sendto(state.encode(), address.replace("@", "\0", 1) if address[0] == "@" else address)


def read(path: Path) -> dict[str, Any]:
    """What was written last; nothing where that is nothing."""
    try:
        said: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return said


def write(path: Path, status: dict[str, Any]) -> None:
    """Never half written."""
    new = path.with_suffix(".new")
    with suppress(OSError):
        new.write_text(json.dumps(status))
        new.replace(path)
