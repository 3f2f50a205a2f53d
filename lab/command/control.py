"""Questions to the process that holds a lab: a line of JSON each way, on a Unix socket that only its user can reach."""

from __future__ import annotations

import json
import socket
import socketserver
import threading
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lab.setup.steps import SetUpError

Answers = Mapping[str, Callable[..., Any]]
"""What answers each question; the question's further keys are its arguments."""


def ask(path: Path, question: str, seconds: float = 30.0, **arguments: Any) -> Any:
    """The answer, as JSON gives it back. Raises SetUpError where there is none."""
    try:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(seconds)
            sock.connect(str(path))
            sock.sendall(json.dumps({"question": question, **arguments}).encode() + b"\n")
            answer: dict[str, Any] = json.loads(sock.makefile("rb").readline() or b"{}")
    except OSError as error:
        raise SetUpError(f"the lab does not answer ({question}): {error}") from None
    if "answer" not in answer:
        raise SetUpError(f"the lab cannot say ({question}): {answer.get('fault', 'its process has ended')}")
    return answer["answer"]


def listen(path: Path, answers: Answers) -> None:
    """Answers from now on, until the process ends; each question in a thread of its own."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(json.dumps(_answer(self.rfile.readline(), answers)).encode() + b"\n")

    class Server(socketserver.ThreadingUnixStreamServer):
        daemon_threads = True

    server = Server(str(path), Handler)
    threading.Thread(target=server.serve_forever, name="control", daemon=True).start()


def _answer(line: bytes, answers: Answers) -> dict[str, Any]:
    try:
        arguments: dict[str, Any] = json.loads(line)
        return {"answer": answers[arguments.pop("question")](**arguments)}
    except Exception as fault:
        # For the log; who asked gets the one line.
        traceback.print_exc()
        return {"fault": f"{type(fault).__name__}: {fault}"}
