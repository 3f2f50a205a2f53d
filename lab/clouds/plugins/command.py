"""Stand-in for pulumi-command 1.2: `command:local:Command` really runs its commands, as the engine's child.

What a command sees is the engine's environment, not the program's: no virtual environment, and its working
directory is the project's.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO

from lab.clouds.plugins.table import EMPTY, Call, Failure, Plugin, ProviderError, Resource
from lab.clouds.plugins.values import UNKNOWN, Values

_SHELL = ["/bin/sh", "-c"]
_LOGGED = {
    "none": frozenset[str](),
    "stdout": frozenset({"stdout"}),
    "stderr": frozenset({"stderr"}),
    "stdoutAndStderr": frozenset({"stdout", "stderr"}),
}
_NOTHING_RUN: Values = {"stdout": "", "stderr": ""}


def plugin(environment: Mapping[str, str]) -> Plugin:
    """The command plugin; commands get exactly this environment, and `PWD` in it is the project directory."""
    return Plugin(
        name="command",
        version="1.2.1",
        environment=environment,
        resources=_RESOURCES,
        any_secret_hides_all=True,
    )


def _check(inputs: Values, _config: Values) -> Iterable[Failure]:
    logging = inputs.get("logging", "stdoutAndStderr")
    if logging is not UNKNOWN and logging not in _LOGGED:
        yield Failure("logging", f"logging: {logging!r} is refused: it is one of {', '.join(_LOGGED)}")


def _create(call: Call, inputs: Values) -> tuple[str, Values]:
    outputs = _run(call, inputs["create"], inputs, {}) if "create" in inputs else _NOTHING_RUN
    return f"{call.name}{secrets.token_hex(4)}", outputs


def _update(call: Call, _identifier: str, state: Values, inputs: Values) -> Values:
    command = inputs.get("update", inputs.get("create"))
    return _NOTHING_RUN if command is None else _run(call, command, inputs, _previous(state, inputs))


def _delete(call: Call, _identifier: str, state: Values) -> None:
    if "delete" in state:
        _run(call, state["delete"], state, _previous(state, state))


def _previous(state: Values, inputs: Values) -> dict[str, str]:
    if not inputs.get("addPreviousOutputInEnv", True):
        return {}
    return {
        "PULUMI_COMMAND_STDOUT": state.get("stdout", ""),
        "PULUMI_COMMAND_STDERR": state.get("stderr", ""),
    }


def _run(call: Call, command: str, inputs: Values, previous: Mapping[str, str]) -> Values:
    """Output of the command. Raises ProviderError with all it printed if its exit status is not 0."""
    process = subprocess.Popen(
        [*inputs.get("interpreter", _SHELL), command],
        cwd=Path(call.environment.get("PWD", "")) / inputs.get("dir", ""),
        env={**call.environment, **inputs.get("environment", {}), **previous},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A group of its own, so that stopping a shell stops what it has started.
        start_new_session=True,
    )
    assert process.stdin is not None and process.stdout is not None and process.stderr is not None
    logged = _LOGGED[inputs.get("logging", "stdoutAndStderr")]
    printed: dict[str, list[str]] = {"stdout": [], "stderr": [], "both": []}
    readers = [
        threading.Thread(target=_read, args=(call, stream, (printed[name], printed["both"]), name in logged))
        for name, stream in (("stdout", process.stdout), ("stderr", process.stderr))
    ]
    for reader in readers:
        reader.start()
    threading.Thread(target=_feed, args=(process.stdin, inputs.get("stdin", "")), daemon=True).start()
    _wait(call, process)
    for reader in readers:
        reader.join()
    if process.returncode != 0:
        raise ProviderError(
            f"{_ending(process.returncode)}: running {json.dumps(command)}:\n{''.join(printed['both'])}"
        )
    return {name: "".join(printed[name]).removesuffix("\n") for name in ("stdout", "stderr")}


def _ending(code: int) -> str:
    """How the process ended, in the words of Go's os/exec, which the real plugin uses."""
    return f"exit status {code}" if code > 0 else f"signal: {signal.strsignal(-code)}".lower()


def _wait(call: Call, process: subprocess.Popen[str]) -> None:
    while True:
        try:
            process.wait(timeout=0.1)
        except subprocess.TimeoutExpired:
            if not call.cancelled.is_set():
                continue
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        return


def _read(call: Call, stream: IO[str], kept: tuple[list[str], ...], logged: bool) -> None:
    for line in stream:
        for lines in kept:
            lines.append(line)
        if logged:
            call.log(line.removesuffix("\n"))


def _feed(stream: IO[str], text: str) -> None:
    try:
        stream.write(text)
        stream.close()
    except BrokenPipeError:
        # A command need not read what it is given; its exit status is the judge.
        return


_RESOURCES = {
    "command:local:Command": Resource(
        inputs=frozenset(
            {
                "create",
                "update",
                "delete",
                "triggers",
                "stdin",
                "environment",
                "dir",
                "interpreter",
                "logging",
                "addPreviousOutputInEnv",
            }
        ),
        force_new=frozenset({"triggers"}),
        computed=frozenset({"stdout", "stderr"}),
        recomputed={"stdout": EMPTY, "stderr": EMPTY},
        check=_check,
        create=_create,
        update=_update,
        delete=_delete,
    )
}
