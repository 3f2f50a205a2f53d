"""Commands inside a machine, through QEMU's guest agent: a way in that needs no network and no password.

https://qemu-project.gitlab.io/qemu/interop/qemu-ga-ref.html
"""

from __future__ import annotations

import base64
import json
import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# The agent answers at once; only a machine that has not booted yet, or is stuck, takes longer.
ANSWER_SECONDS = 10.0

# Programs inside an emulated machine take their time, and asking more often only slows them down.
FIRST_PAUSE = 0.02
LONGEST_PAUSE = 0.25


class GuestError(Exception):
    """The agent does not answer, refuses, or a command has not ended well; the message holds what it said."""


@dataclass(frozen=True)
class Ran:
    """The end of a command inside a machine."""

    code: int
    out: str
    err: str

    def check(self) -> str:
        """What it printed. Raises GuestError unless it ended with 0."""
        if self.code != 0:
            raise GuestError(f"ended with {self.code}: {(self.err + self.out).strip()}")
        return self.out


@dataclass(frozen=True)
class Guest:
    """The agent of one machine, at the Unix socket that QEMU serves. One connection a request: any process may ask."""

    path: Path

    def answers(self) -> bool:
        """Whether the machine has come far enough to be talked to."""
        try:
            self._ask("guest-ping", seconds=1.0)
        except GuestError:
            return False
        return True

    def run(self, *command: str, stdin: str = "", seconds: float = 60.0) -> Ran:
        """Runs a command to its end. Raises GuestError when the agent fails or the time is over."""
        program, *arguments = command
        wanted: dict[str, Any] = {"path": program, "arg": arguments, "capture-output": True}
        if stdin:
            wanted["input-data"] = base64.b64encode(stdin.encode()).decode()
        process = self._ask("guest-exec", **wanted)["pid"]
        deadline, pause = time.monotonic() + seconds, FIRST_PAUSE
        while True:
            status: dict[str, Any] = self._ask("guest-exec-status", pid=process)
            if status["exited"]:
                # A signal ended it: as a shell would say.
                code = status.get("exitcode", 128 + status.get("signal", 0))
                return Ran(code, _text(status, "out-data"), _text(status, "err-data"))
            if time.monotonic() > deadline:
                raise GuestError(f"{program} has not ended after {seconds:.0f} s")
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def script(self, text: str, seconds: float = 60.0) -> str:
        """Runs a shell script, given on its standard input, to its end: what it printed. Raises GuestError."""
        return self.run("/bin/sh", "-eu", stdin=text, seconds=seconds).check()

    def _ask(self, command: str, seconds: float = ANSWER_SECONDS, **arguments: Any) -> Any:
        with self._connected(seconds) as (lines, sock):
            request: dict[str, Any] = {"execute": command, "arguments": arguments}
            sock.sendall(json.dumps(request).encode() + b"\n")
            answer = _message(next(lines, b""))
        if "return" not in answer:
            raise GuestError(f"{command}: {answer.get('error', {}).get('desc', 'no answer')}")
        return answer["return"]

    @contextmanager
    def _connected(self, seconds: float) -> Iterator[tuple[Iterator[bytes], socket.socket]]:
        """A connection past the answers to what others have asked before and not waited for."""
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(seconds)
            mark = secrets.randbelow(2**31)
            try:
                _connect(sock, self.path, seconds)
                # The leading byte makes the agent forget half a request of an earlier connection.
                request = {"execute": "guest-sync", "arguments": {"id": mark}}
                sock.sendall(b"\xff" + json.dumps(request).encode() + b"\n")
                # Closed with the socket, which else stays open as long as somebody keeps the failure's traceback: and
                # QEMU serves one connection at a time.
                with sock.makefile("rb") as lines:
                    for line in lines:
                        if _message(line).get("return") == mark:
                            break
                    yield lines, sock
            except TimeoutError:
                raise GuestError(f"the guest agent has not answered for {seconds:.0f} s") from None
            except OSError as error:
                raise GuestError(f"no guest agent at {self.path}: {error}") from None


def _connect(sock: socket.socket, path: Path, seconds: float) -> None:
    """Waits for its turn: QEMU serves one connection, keeps one waiting, and all others are refused at once."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return sock.connect(str(path))
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise TimeoutError from None
            time.sleep(FIRST_PAUSE)


def _message(line: bytes) -> dict[str, Any]:
    """One line from the agent; nothing where it is half of what an earlier connection did not wait for."""
    try:
        message = json.loads(line.lstrip(b"\xff"))
    except ValueError:
        return {}
    return message if isinstance(message, dict) else {}


def _text(status: dict[str, Any], name: str) -> str:
    return base64.b64decode(status.get(name, "")).decode(errors="replace")
