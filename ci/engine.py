"""Runs the `pulumi` on PATH: its words go on to the log as they come, its events are read afterwards."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any

from lab.engine.result import Result, read_events

WITH_EVENTS = ("up", "preview", "destroy")


class PipelineError(Exception):
    """A job cannot go on. The message is for the log as it is, and holds no secret."""


def pulumi(*arguments: str, aloud: bool = True) -> Result:
    """
    `pulumi …` to its end, whatever that is. What it says is also told on stderr, unless it is not to be `aloud`.

    SIGINT and SIGTERM are passed on once and then waited for: an engine that is told to stop notes what it has
    made, and one that is killed does not.
    """
    with TemporaryDirectory() as folder:
        events = Path(folder) / "events"
        command = (*arguments, "--non-interactive", "--color", "never")
        if arguments[0] in WITH_EVENTS:
            # A slow engine says time and again that it is still at work, and no two comments would be alike.
            command += ("--event-log", str(events), "--suppress-progress")
        lines: list[str] = []
        # A session of its own: Ctrl-C at a terminal would reach it a second time, which makes it stop at once.
        process = subprocess.Popen(
            ["pulumi", *command],
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            start_new_session=True,
        )
        assert process.stdout is not None
        with _passed_on(process):
            for line in process.stdout:
                if aloud:
                    print(line, end="", file=sys.stderr, flush=True)
                lines.append(line)
            process.wait()
        return Result(command=command, exit_code=process.returncode, text="".join(lines), events=read_events(events))


def ask(*arguments: str) -> Any:
    """The JSON that `pulumi …` answers, told to nobody: there may be secrets in it. Raises PipelineError."""
    done = subprocess.run(
        ["pulumi", *arguments, "--non-interactive"],
        env=_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise PipelineError(f"pulumi {' '.join(arguments)} ended with {done.returncode}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def stacks() -> list[str]:
    """The names of the project's stacks in the backend. Raises PipelineError."""
    # Of Pulumi Cloud's organisation/project/stack only the last part is the stack's name.
    return [one["name"].rsplit("/", 1)[-1] for one in ask("stack", "ls", "--json")]


def settings(stack: str) -> dict[str, dict[str, Any]]:
    """A stack's configuration: key to `value` and `secret`, decrypted. Raises PipelineError."""
    config: dict[str, dict[str, Any]] = ask("config", "--json", "--show-secrets", "--stack", stack)
    return config


def policy(folder: str | None) -> tuple[str, ...]:
    """The flags that enforce a policy pack, if there is one."""
    return ("--policy-pack", folder) if folder else ()


def check(result: Result) -> Result:
    """The result, if the command ended well. Raises PipelineError: what it said is in the log already."""
    if not result.ok:
        raise PipelineError(f"pulumi {' '.join(result.command[:2])} ended with {result.exit_code}")
    return result


def _environment() -> dict[str, str]:
    # PULUMI_DEBUG_COMMANDS shows the --event-log option.
    return {**os.environ, "PULUMI_DEBUG_COMMANDS": "true", "PULUMI_SKIP_UPDATE_CHECK": "true"}


@contextmanager
def _passed_on(process: subprocess.Popen[str]) -> Iterator[None]:
    told = False

    def tell(_number: int, _frame: FrameType | None) -> None:
        nonlocal told
        if not told and process.poll() is None:
            process.send_signal(signal.SIGINT)
        told = True

    before = {number: signal.signal(number, tell) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
