"""A guest agent that says what a test wants, on a Unix socket as QEMU serves it: one connection at a time."""

from __future__ import annotations

import base64
import json
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

Request = dict[str, Any]


class Agent:
    """
    Answers guest-sync and guest-ping by itself, and everything else by `handle`.

    `noise` is sent before the answer to guest-sync: what an earlier connection did not wait for. `silent` are
    commands that get no answer, and at those in `hangs_up` the connection ends.
    """

    def __init__(self, path: Path, handle: Callable[[Request], Request] | None = None) -> None:
        self.path = path
        self.handle = handle or (lambda request: {"return": {}})
        self.noise: list[bytes] = []
        self.silent: set[str] = set()
        self.hangs_up: set[str] = set()
        self.asked: list[Request] = []
        self.first_bytes: list[bytes] = []
        self._over = threading.Event()
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(path))
        self._server.listen(1)  # As QEMU does: one is served and one waits, and the next ones are refused for now.
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        # Wakes the thread that waits for a connection.
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(self.path))
        self._thread.join(5)
        assert not self._thread.is_alive(), "somebody keeps a connection"
        self._server.close()

    def _serve(self) -> None:
        while True:
            connection, _ = self._server.accept()
            if self._over.is_set():
                connection.close()
                return
            with connection, connection.makefile("rb") as lines:
                first = True
                for line in lines:
                    if first:
                        self.first_bytes.append(line[:1])
                    first = False
                    request = json.loads(line.lstrip(b"\xff"))
                    if request["execute"] in self.hangs_up:
                        break
                    if request["execute"] not in self.silent:
                        connection.sendall(self._answer(request))

    def _answer(self, request: Request) -> bytes:
        if request["execute"] == "guest-sync":
            return b"".join(self.noise) + _line({"return": request["arguments"]["id"]})
        if request["execute"] == "guest-ping":
            return _line({"return": {}})
        self.asked.append(request)
        return _line(self.handle(request))


def _line(message: Request) -> bytes:
    return json.dumps(message).encode() + b"\n"


def encoded(content: bytes) -> str:
    """As the agent sends what a command printed."""
    return base64.b64encode(content).decode()
