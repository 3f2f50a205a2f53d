"""`make lab`, `make lab-status` and `make lab-down`, as a user runs them.

Does not prove the set-up before them (Python environment, engine), which this test has already.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.engine.project import REPOSITORY

SECONDS = 300


@pytest.fixture
def name() -> Iterator[str]:
    """A lab of this test alone; ended whatever happens."""
    chosen = f"test-{uuid.uuid4().hex[:8]}"
    yield chosen
    lab(chosen, "down")


def lab(name: str, command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lab", command, "--name", name],
        cwd=REPOSITORY,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def folder(name: str) -> Path:
    return REPOSITORY / ".lab" / name


def test_a_lab_from_nothing_to_nothing(name: str) -> None:
    first = lab(name, "up")
    assert first.returncode == 0, first.stdout
    table = first.stdout.split("ok pulumi up")[1]
    assert "tunnel-1          UP     headend " in table
    assert "tunnel-2          UP     headend " in table
    assert "No packet has crossed." in table

    again = lab(name, "up")
    assert again.returncode == 0
    assert "70 unchanged" in again.stdout

    assert "tunnel-2          UP     headend " in lab(name, "status").stdout

    # A state without its clouds is of no use: the next `up` begins anew.
    os.kill(json.loads((folder(name) / "connection.json").read_text())["process"], signal.SIGKILL)
    anew = lab(name, "up")
    assert anew.returncode == 0, anew.stdout
    assert "70 created" in anew.stdout

    down = lab(name, "down")
    assert down.returncode == 0
    assert "left in both clouds: nothing" in down.stdout
    assert not folder(name).exists()


def test_ctrl_c_ends_the_engine_and_leaves_nothing_that_down_cannot_clean(name: str) -> None:
    running = subprocess.Popen(
        # As from a terminal: what runs these tests in the background may have told its children to ignore Ctrl-C.
        ["env", "--default-signal=INT", sys.executable, "-u", "-m", "lab", "up", "--name", name],
        cwd=REPOSITORY,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert running.stdout is not None
    said = ""
    for line in running.stdout:
        said += line
        if "oci-connection creating" in line:
            running.send_signal(signal.SIGINT)
            break
    rest, _ = running.communicate(timeout=SECONDS)
    assert running.returncode == 1, said + rest
    assert rest.endswith("error: interrupted: `make lab` goes on from here, `make lab-down` cleans up\n")
    assert "left in both clouds: nothing" in lab(name, "down").stdout


def test_status_without_a_lab_says_how_to_make_one(name: str) -> None:
    status = lab(name, "status")
    assert (status.returncode, status.stdout) == (1, "error: no lab is up: `make lab` makes one\n")


def test_down_without_a_lab_is_no_error(name: str) -> None:
    down = lab(name, "down")
    assert (down.returncode, down.stdout) == (0, "no lab is up\n")
