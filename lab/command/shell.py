"""`make lab-shell`: a terminal, or one command, in a place of the lab."""

from __future__ import annotations

import os
import select
import shutil
import signal
import socket
import sys
import termios
import tty
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.command.status import running
from lab.fabric.fabric import SHELLS
from lab.machine.guest import Guest, GuestError
from lab.setup.steps import SetUpError, say

PLACES = ("host", *SHELLS)
COMMAND_SECONDS = 600.0
ESCAPE = b"\x1d"
"""Ctrl-]"""


@dataclass(frozen=True)
class Spot:
    """Where a place's shell and agent are."""

    sockets: Path
    console: int
    prefix: tuple[str, ...]
    """What goes before a command that is to run there."""

    @property
    def guest(self) -> Guest:
        return Guest(self.sockets / "agent")


def shell(folder: Path, place: str, command: Sequence[str]) -> int:
    """A terminal, or where there is a command, its output and exit code. Raises SetUpError."""
    here = spot(place, running(folder).ask("sockets"))
    if command:
        return _run(here, command)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise SetUpError("no terminal here: give a command, as in `python -m lab shell client -- ip address`")
    say(f"{place}: Enter shows a prompt, Ctrl-] ends")
    _terminal(here)
    say("")
    return 0


def spot(place: str, sockets: dict[str, str]) -> Spot:
    """Of a place, from the folder of sockets of each machine. Raises SetUpError where it is not there."""
    if place not in PLACES:
        raise SetUpError(f"no place {place}: there are {', '.join(PLACES)}")
    machine = "host" if place == "host" else "fabric"
    if machine not in sockets:
        raise SetUpError("no instance runs" if "fabric" in sockets else "this lab has no machines (--rule)")
    if place == "host":
        return Spot(Path(sockets["host"]), 0, ())
    number = [name for name in SHELLS].index(place)  # type: ignore[arg-type]
    return Spot(Path(sockets["fabric"]), number, ("ip", "netns", "exec", place))


def _run(here: Spot, command: Sequence[str]) -> int:
    try:
        ran = here.guest.run(*here.prefix, *command, seconds=COMMAND_SECONDS)
    except (GuestError, OSError) as error:
        raise SetUpError(str(error)) from None
    sys.stdout.write(ran.out)
    sys.stderr.write(ran.err)
    return ran.code


def _terminal(here: Spot) -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        try:
            sock.connect(str(here.sockets / f"shell{here.console}"))
        except OSError as error:
            raise SetUpError(f"no console there: {error}") from None
        _resize(here)
        signal.signal(signal.SIGWINCH, lambda *_: _resize(here))
        before = termios.tcgetattr(sys.stdin)
        try:
            tty.setraw(sys.stdin)
            sock.sendall(b"\r")
            _relay(sock)
        finally:
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def _resize(here: Spot) -> None:
    """Through the agent, so that it does not get among what a program in the terminal reads."""
    size = shutil.get_terminal_size()
    words = ["rows", str(size.lines), "cols", str(size.columns)]
    with suppress(GuestError, OSError):
        here.guest.run("stty", "-F", f"/dev/hvc{here.console}", *words)


def _relay(sock: socket.socket) -> None:
    """Until Ctrl-], or until the machine has gone."""
    here, there = sys.stdin.fileno(), sock.fileno()
    while True:
        ready: list[Any] = select.select([here, there], [], [])[0]
        if there in ready:
            said = sock.recv(4096)
            if not said:
                return
            os.write(sys.stdout.fileno(), said)
        if here in ready:
            typed, escape, _ = os.read(here, 4096).partition(ESCAPE)
            sock.sendall(typed)
            if escape:
                return
