"""Nothing of a lab is left running, however it ends: its machines are children of a process that may be killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.command.running import CONNECTION, SOCKETS
from lab.engine.project import REPOSITORY

pytestmark = pytest.mark.long

START_SECONDS = 240.0
END_SECONDS = 10.0


@pytest.fixture
def name() -> Iterator[str]:
    """A lab of this test alone; ended whatever happens."""
    chosen = f"test-{uuid.uuid4().hex[:8]}"
    yield chosen
    down(chosen)


def down(name: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "lab", "down", "--name", name]
    return subprocess.run(
        command, cwd=REPOSITORY, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )


def machines_of(sockets: Path) -> list[int]:
    """QEMU processes whose sockets lie in the folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = entry.read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if command.startswith(b"qemu-system") and str(sockets).encode() in command:
            found.append(int(entry.parent.name))
    return found


def wait_until_gone(sockets: Path) -> list[int]:
    deadline = time.monotonic() + END_SECONDS
    while (left := machines_of(sockets)) and time.monotonic() < deadline:
        time.sleep(0.2)
    return left


@pytest.mark.parametrize("ending", ["the lab's process is killed", "Ctrl-C, then `make lab-down`"])
def test_no_machine_outlives_its_lab(name: str, ending: str) -> None:
    folder = REPOSITORY / ".lab" / name
    up = subprocess.Popen(
        # As from a terminal: what runs these tests in the background may have told its children to ignore Ctrl-C.
        ["env", "--default-signal=INT", sys.executable, "-m", "lab", "up", "--name", name],
        cwd=REPOSITORY,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + START_SECONDS
    while not (folder / CONNECTION).exists():
        assert up.poll() is None, "the lab has not come up"
        assert time.monotonic() < deadline, "the lab takes too long"
        time.sleep(0.2)
    sockets = (folder / SOCKETS).readlink()
    assert machines_of(sockets), "the fabric is a machine"
    if ending.startswith("Ctrl-C"):
        up.send_signal(signal.SIGINT)
        assert up.wait(120) == 1
        assert down(name).returncode == 0
    else:
        os.kill(json.loads((folder / CONNECTION).read_text())["process"], signal.SIGKILL)
        assert up.wait(120) == 1
    assert wait_until_gone(sockets) == []
