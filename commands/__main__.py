"""`python -m commands NAME`: runs one command, says one line when it cannot, and exits 0, 1 or 2."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import TextIO

from commands import check_tunnels, one_rule, wait_for_tunnels
from commands.invocation import CommandError, Invocation, SignInSettings


# Imported when asked for: the other commands run many times in an `up`, and have no need of the program's settings.
def _doctor(invocation: Invocation) -> None:
    import_module("commands.doctor").run(invocation)


def _field_report(invocation: Invocation) -> None:
    import_module("commands.field_report").run(invocation)


COMMANDS: Mapping[str, Callable[[Invocation], None]] = {
    "wait-for-tunnels": wait_for_tunnels.run,
    "check-tunnels": check_tunnels.run,
    "add-rule": one_rule.add,
    "remove-rule": one_rule.remove,
    "doctor": _doctor,
    "field-report": _field_report,
}


def main(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    stdin: TextIO,
    stdout: TextIO,
    stderr: TextIO,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Exit code: 0 done, 1 the command failed, 2 no such command, 130 interrupted."""
    command = COMMANDS.get(arguments[0]) if len(arguments) == 1 else None
    if command is None:
        print(f"usage: commands/run {'|'.join(COMMANDS)}", file=stderr)
        return 2
    name = arguments[0]
    settings = SignInSettings()
    try:
        # A person at a terminal is not asked for secrets: the usual sign-in of both clouds is used.
        settings = SignInSettings.parse("" if stdin.isatty() else stdin.read())
        command(
            Invocation(
                environment=environment,
                settings=settings,
                tell=lambda line: print(settings.masked(line), file=stderr, flush=True),
                answer=lambda text: print(text, file=stdout, flush=True),
                clock=clock,
                sleep=sleep,
            )
        )
    except KeyboardInterrupt:
        print(f"{name}: interrupted", file=stderr)
        return 130
    except CommandError as failure:
        print(settings.masked(f"{name}: {failure}"), file=stderr)
        return 1
    except Exception as unexpected:  # A fault of ours is told in one line too; a traceback could hold a secret.
        reason = " ".join(str(unexpected).split())
        print(settings.masked(f"{name}: unexpected {type(unexpected).__name__}: {reason}"), file=stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ, sys.stdin, sys.stdout, sys.stderr))
