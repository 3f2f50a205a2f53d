"""`ci/run NAME …`: one job's work. Exit codes: the engine's, 1 where a job cannot go on, 2 for wrong arguments."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence

from ci import deploy, drift, environment, oci_token, preview, sweep
from ci.engine import PipelineError
from commands.invocation import CommandError


def parser() -> argparse.ArgumentParser:
    """The commands and their arguments."""
    whole = argparse.ArgumentParser(prog="ci/run", description=__doc__, allow_abbrev=False)
    jobs = whole.add_subparsers(dest="job", required=True)
    packs = argparse.ArgumentParser(add_help=False)
    packs.add_argument("--policy-pack", metavar="FOLDER", help="enforce this policy pack")

    one = jobs.add_parser("preview", parents=[packs], help="comment on what a pull request would change")
    one.add_argument("stack")
    one.add_argument("--pull-request", type=int, metavar="NUMBER", help="where the comment goes; else the terminal")

    one = jobs.add_parser("deploy", parents=[packs], help="bring a stack up")
    one.add_argument("stack")

    one = jobs.add_parser("drift", help="look for changes behind Pulumi's back; exit code 3 if there are any")
    one.add_argument("stack")

    one = jobs.add_parser("environment", parents=[packs], help="a pull request's own stack")
    one.add_argument("action", choices=["up", "down"])
    one.add_argument("number", type=int)
    one.add_argument("--base", default="dev", help="the stack whose settings it gets (default: %(default)s)")
    one.add_argument("--cap", type=int, default=environment.CAP, help="most at a time (default: %(default)s)")

    one = jobs.add_parser("sweep", help="what test environments of closed pull requests have left in the clouds")
    one.add_argument("--base", default="dev", help="the stack that says where, and how to sign in")
    one.add_argument("--stack", action="append", help="sweep this pr-NUMBER without asking GitHub; may be repeated")
    one.add_argument("--minutes", type=float, default=20, help="how long it tries (default: %(default)s)")
    one.add_argument("--yes", action="store_true", help="delete; else it is only listed")
    return whole


def main(arguments: Sequence[str], variables: Mapping[str, str]) -> int:
    """Runs one job. What it refuses is told in one line."""
    given = parser().parse_args(arguments)
    try:
        with oci_token.fresh():
            match given.job, getattr(given, "action", None):
                case "preview", _:
                    return preview.run(given.stack, given.pull_request, given.policy_pack)
                case "deploy", _:
                    return deploy.run(given.stack, given.policy_pack)
                case "drift", _:
                    return drift.run(given.stack)
                case "environment", "up":
                    return environment.up(given.number, given.base, given.cap, given.policy_pack)
                case "environment", _:
                    return environment.down(given.number)
                case _:
                    return sweep.run(given.base, given.stack, given.minutes, given.yes, variables)
    except (PipelineError, CommandError) as refused:
        print(f"error: {refused}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
