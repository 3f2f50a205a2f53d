"""`make lab`, `make lab-status` and `make lab-down`, as a user runs them.

In the quick mode without machines. Does not prove the set-up before them (Python environment, engine), which this
test has already, nor the machines.
"""

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
from typing import Any

import pytest

from lab.engine.project import REPOSITORY
from tests.engine.interrupted import wait_until_creating

SECONDS = 300


@pytest.fixture
def name() -> Iterator[str]:
    """A lab of this test alone; ended whatever happens."""
    chosen = f"test-{uuid.uuid4().hex[:8]}"
    yield chosen
    lab(chosen, "down")


def lab(name: str, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lab", *command],
        env={**os.environ, "LAB": name, "LAB_RULE": "1", **environment},
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


def served_by(name: str) -> int:
    connection: dict[str, Any] = json.loads((folder(name) / "connection.json").read_text())
    return int(connection["process"])


def runs(process: int) -> bool:
    """Whether it does, and is not only a number that nobody has asked for the end of."""
    command = Path(f"/proc/{process}/cmdline")
    return command.exists() and bool(command.read_bytes())


def started(name: str) -> subprocess.Popen[str]:
    """An `up` under way, as in a terminal: what runs these tests in the background may ignore Ctrl-C."""
    return subprocess.Popen(
        ["env", "--default-signal=INT", sys.executable, "-u", "-m", "lab", "up", "--rule", "--name", name],
        cwd=REPOSITORY,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def until(running: subprocess.Popen[str], wanted: str) -> str:
    """What it has said when it says what is wanted."""
    assert running.stdout is not None
    said = ""
    for line in running.stdout:
        said += line
        if wanted in line:
            return said
    raise AssertionError(f"it ended without {wanted!r}: {said}")


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
    os.kill(served_by(name), signal.SIGKILL)
    sockets = (folder(name) / "sockets").readlink()
    assert sockets.is_dir()
    anew = lab(name, "up")
    assert not sockets.exists()
    assert anew.returncode == 0, anew.stdout
    assert "70 created" in anew.stdout

    down = lab(name, "down")
    assert down.returncode == 0
    assert "left in both clouds: nothing" in down.stdout
    assert not folder(name).exists()


def test_a_killed_command_leaves_an_engine_that_down_ends(name: str) -> None:
    running = started(name)
    until(running, "ok stand-in clouds")
    wait_until_creating(folder(name) / "stack", "oci-connection")
    engine = int((folder(name) / "engine").read_text())
    # It would be done with the connection before `down` comes.
    os.kill(engine, signal.SIGSTOP)
    running.kill()
    running.wait(SECONDS)
    assert runs(engine)

    down = lab(name, "down")
    assert "no destroy: a killed engine has left " in down.stdout, down.stdout
    assert "left in both clouds: {" in down.stdout, down.stdout
    assert down.returncode == 1
    assert not runs(engine)
    assert not folder(name).exists()


def test_what_serves_a_lab_is_ended_also_before_it_can_answer(name: str) -> None:
    running = started(name)
    until(running, "stand-in clouds")
    process = folder(name) / "process"
    while not (process.exists() and process.read_text()):
        time.sleep(0.01)
    running.kill()
    running.wait(SECONDS)
    serving = int(process.read_text())
    sockets = (folder(name) / "sockets").readlink()
    assert lab(name, "down").returncode == 0
    assert not runs(serving)
    assert not sockets.exists()


def test_a_second_command_on_the_same_lab_is_refused(name: str) -> None:
    running = started(name)
    until(running, "ok stand-in clouds")
    second = lab(name, "down")
    assert second.stdout == "error: another `make lab` or `make lab-down` is at work on this lab\n"
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=SECONDS)
    assert lab(name, "up", LAB_RULE="").stdout == (
        "error: the lab that is up has no machines (--rule): `make lab-down` ends it first\n"
    )
    assert lab(name, "shell", "client", "--", "true").stdout == "error: this lab has no machines (--rule)\n"


def test_ctrl_c_ends_the_engine_and_leaves_nothing_that_down_cannot_clean(name: str) -> None:
    running = started(name)
    said = until(running, "oci-connection creating")
    running.send_signal(signal.SIGINT)
    rest, _ = running.communicate(timeout=SECONDS)
    assert running.returncode == 1, said + rest
    assert rest.endswith("error: interrupted: `make lab` goes on from here, `make lab-down` cleans up\n")
    assert "left in both clouds: nothing" in lab(name, "down").stdout


def test_status_without_a_lab_says_how_to_make_one(name: str) -> None:
    status = lab(name, "status")
    assert (status.returncode, status.stdout) == (1, "error: no lab is up: `make lab` makes one\n")


def test_shell_without_a_lab_says_how_to_make_one(name: str) -> None:
    shell = lab(name, "shell", "client", "--", "true")
    assert (shell.returncode, shell.stdout) == (1, "error: no lab is up: `make lab` makes one\n")


def test_weather_that_cannot_be_is_refused_before_anything_starts(name: str) -> None:
    up = lab(name, "up", LAB_LOSS_PERCENT="101")
    assert (up.returncode, up.stdout) == (1, "error: LAB_LOSS_PERCENT is '101': it must be a number from 0 to 100\n")
    assert not folder(name).exists()


def test_down_without_a_lab_is_no_error(name: str) -> None:
    down = lab(name, "down")
    assert (down.returncode, down.stdout) == (0, "no lab is up\n")
