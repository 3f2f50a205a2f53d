"""Peak memory of the program that an engine runs, read from /proc while it runs."""

from __future__ import annotations

import time
from pathlib import Path

LAUNCHER = "pulumi-language-python-exec"
PERIOD = 0.02  # seconds


def peak_of_program(engine: int) -> int:
    """
    Waits for the engine's process to end; the largest resident set, in bytes, that its Python program ever had.
    The kernel keeps the high-water mark (`VmHWM`), so only its last reading counts.
    """
    peak = 0
    while _alive(engine):
        for process in Path("/proc").iterdir():
            if process.name.isdigit() and _is_program(process, engine):
                peak = max(peak, _high_water(process))
        time.sleep(PERIOD)
    return peak


def _alive(process: int) -> bool:
    try:
        state = (Path("/proc") / str(process) / "stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def _is_program(process: Path, engine: int) -> bool:
    try:
        # The engine leads a session of its own, and so does all it starts.
        session = int((process / "stat").read_text().rpartition(")")[2].split()[3])
        command = (process / "cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError, IndexError):
        return False
    return session == engine and b"python" in command[0] and any(LAUNCHER.encode() in word for word in command[:4])


def _high_water(process: Path) -> int:
    try:
        status = (process / "status").read_text()
    except OSError:
        return 0
    for line in status.splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0
