"""The engine's words while it works, and between them what the booting instance says on its console."""

from __future__ import annotations

import re
import time
from pathlib import Path

from lab.command.running import ENGINE
from lab.engine.project import Project, Running
from lab.setup.steps import SetUpError

PERIOD_SECONDS = 0.3
TAIL_LINES = 25

_STEP = re.compile(r"aws-oci-libreswan: (step .*)")


class InterruptedByUserError(SetUpError):
    """Ctrl-C."""


class BootSteps:
    """The steps of every boot in a folder of machines, each once, with the seconds since its console was first seen."""

    def __init__(self, machines: Path) -> None:
        self._machines = machines
        self._began: dict[Path, float] = {}
        self._said: set[tuple[Path, str]] = set()
        # What was there before is nothing new.
        self.fresh()

    def fresh(self) -> list[str]:
        """Lines for a person, of what has come since the last call."""
        lines = []
        for console in consoles(self._machines):
            instance, now = console.parent.name, time.monotonic()
            if console not in self._began:
                self._began[console] = now
                lines.append(f"   {instance}: power on")
            for said in _STEP.findall(_complete(console)):
                # The boot program's words come twice: its own, and as cloud-init repeats them.
                if (console, said) not in self._said:
                    self._said.add((console, said))
                    lines.append(f"   {instance}, {now - self._began[console]:.0f} s: {said}")
        return lines


def consoles(machines: Path) -> list[Path]:
    """The console files of the instances that there are."""
    return sorted(machines.glob("i-*/console.log"))


def tail(machines: Path) -> str:
    """The end of the newest instance's console; empty where there is none."""
    newest = max(consoles(machines), key=lambda console: console.stat().st_mtime, default=None)
    if newest is None:
        return ""
    lines = [line.rstrip() for line in newest.read_text(errors="replace").splitlines()]
    last = [line for line in lines if line][-TAIL_LINES:]
    return "\n".join([f"the end of the console of {newest.parent.name}:", *(f"    {line}" for line in last)])


def streamed(project: Project, folder: Path, *arguments: str) -> None:
    """Run the engine and show what it says while it says it. Raises SetUpError if it fails."""
    steps = BootSteps(folder / "clouds" / "machines")
    running = project.start(*arguments, "--stack", project.stack)
    (folder / ENGINE).write_text(str(running.process.pid))
    try:
        _show(running, steps)
    except KeyboardInterrupt:
        # The engine is in a session of its own: the terminal does not tell it.
        running.interrupt()
        running.wait()
        raise InterruptedByUserError("interrupted: `make lab` goes on from here, `make lab-down` cleans up") from None
    finally:
        (folder / ENGINE).unlink(missing_ok=True)
    if not running.wait().ok:
        raise SetUpError(f"pulumi {arguments[0]} failed: see above; `make lab-down` cleans up, or run it again")


def _show(running: Running, steps: BootSteps) -> None:
    """Prints what the engine says until it has ended."""
    shown = 0
    path = Path(running.output.name)
    while True:
        ended = running.process.poll() is not None
        text = path.read_text()
        print(text[shown:], end="", flush=True)
        shown = len(text)
        if lines := steps.fresh():
            # The engine draws dots while it waits: not in the middle of them.
            start = "" if text.endswith("\n") or not text else "\n"
            print(start + "\n".join(lines), flush=True)
        if ended:
            return
        time.sleep(PERIOD_SECONDS)


def _complete(console: Path) -> str:
    """All whole lines."""
    try:
        return console.read_text(errors="replace").replace("\r", "").rpartition("\n")[0]
    except FileNotFoundError:
        return ""
