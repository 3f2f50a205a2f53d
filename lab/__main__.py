"""The lab: the program, run by the real engine against two clouds on this machine.

python -m lab up [--rule]
python -m lab status
python -m lab shell [PLACE] [-- COMMAND ...]
python -m lab down
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Mapping, Sequence

from lab.command.down import down
from lab.command.running import folder_of
from lab.command.shell import PLACES, shell
from lab.command.status import status
from lab.command.up import up
from lab.setup.steps import SetUpError, main


def arguments(words: Sequence[str], environment: Mapping[str, str]) -> argparse.Namespace:
    """What is asked for; what follows `--` is the `command` of a shell. Exits with 2 where it is nothing sensible."""
    own, command = list(words), list[str]()
    if "--" in own:
        border = own.index("--")
        own, command = own[:border], own[border + 1 :]
    name = argparse.ArgumentParser(add_help=False)
    name.add_argument("--name", default=environment.get("LAB") or "dev", help="one of several labs (default: dev)")
    parser = argparse.ArgumentParser(
        prog="python -m lab", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    what = parser.add_subparsers(dest="what", required=True)
    starts = what.add_parser("up", parents=[name], help="make or update it, and measure")
    starts.add_argument(
        "--rule",
        action="store_true",
        default=environment.get("LAB_RULE", "") not in ("", "0"),
        help="no machines: a rule says whether a tunnel is up (also LAB_RULE=1)",
    )
    what.add_parser("status", parents=[name], help="measure it again")
    opens = what.add_parser("shell", parents=[name], help="a terminal, or a command, in one of its places")
    opens.add_argument("place", nargs="?", default="host", choices=PLACES)
    what.add_parser("down", parents=[name], help="destroy it and end all that runs")
    given = parser.parse_args(own)
    # It becomes a folder, which `down` removes.
    if not re.fullmatch(r"\w[\w-]*", given.name):
        parser.error(f"a lab's name consists of letters, digits, _ and -, unlike {given.name!r}")
    if command and given.what != "shell":
        parser.error("only `shell` takes a command")
    given.command = command
    return given


def run(given: argparse.Namespace) -> None:
    """Raises SetUpError; exits with a command's own code."""
    folder = folder_of(given.name)
    try:
        if given.what == "up":
            up(folder, rule=given.rule)
        elif given.what == "status":
            status(folder)
        elif given.what == "shell":
            sys.exit(shell(folder, given.place, given.command))
        else:
            down(folder)
    except KeyboardInterrupt:
        raise SetUpError("interrupted: `make lab` goes on from here, `make lab-down` cleans up") from None


if __name__ == "__main__":
    given = arguments(sys.argv[1:], os.environ)
    main(lambda: run(given))
