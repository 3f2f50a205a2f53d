"""What a person sees of a set-up: a line when a step begins, a line when it ends, one line when it cannot."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

# A compiler or package manager says what went wrong at the end; all of it would bury the one line that counts.
TAIL_LINES = 25

END_SECONDS = 20.0


class SetUpError(Exception):
    """The set-up cannot go on. The message is one readable line: what is missing and what to do about it."""


def say(text: str) -> None:
    """One line to stderr: stdout belongs to results that another program reads."""
    print(text, file=sys.stderr, flush=True)


@contextmanager
def step(doing: str) -> Iterator[None]:
    """Announce a step before it begins and tell how many seconds it took once it has ended well."""
    say(f".. {doing}")
    began = time.monotonic()
    yield
    say(f"ok {doing}: {time.monotonic() - began:.0f} s")


def run(command: Sequence[str | Path], *, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> str:
    """Run a command, give back its stdout. Raises SetUpError with the end of what it said if it fails."""
    with subprocess.Popen(
        command, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            out, err = process.communicate()
        except BaseException:
            # Ctrl-C: it takes away what it has begun, and what it has started ends before it does.
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.communicate(timeout=END_SECONDS)
            process.kill()
            raise
    if process.returncode != 0:
        said = (out + err).strip().splitlines()[-TAIL_LINES:]
        # The command's own name is enough: its arguments are long and its own words say more.
        raise SetUpError("\n".join([f"{Path(command[0]).name} ended with {process.returncode}", *said]))
    return out


def main(work: Callable[[], None]) -> None:
    """Run a set-up program: a SetUpError becomes its one line and exit code 1, never a traceback."""
    try:
        work()
    except SetUpError as error:
        sys.exit(f"error: {error}")
