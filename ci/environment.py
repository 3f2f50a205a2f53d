"""`ci/run environment up|down NUMBER`: a pull request's own stack, `pr-NUMBER`, thrown away with all that is in it."""

from __future__ import annotations

import re
import sys

from ci.engine import PipelineError, ask, check, policy, pulumi, stacks

PREFIX = "pr-"
# OCI has few CPEs and IPSec connections a region, AWS five elastic IPs, and each environment takes one of each.
CAP = 2


def name(number: int) -> str:
    """The stack of a pull request."""
    return f"{PREFIX}{number}"


def number_of(stack: str) -> int | None:
    """The pull request of a stack; None for every other stack."""
    found = re.fullmatch(rf"{PREFIX}([1-9]\d*)", stack)
    return int(found[1]) if found else None


def refuse_too_many(number: int, there: list[str], cap: int) -> None:
    """Raises PipelineError if one more test environment would be more than `cap`. One that is there may be updated."""
    others = [stack for stack in there if number_of(stack) not in (None, number)]
    if len(others) >= cap and name(number) not in there:
        raise PipelineError(
            f"{name(number)} is refused: there are {len(others)} test environments ({', '.join(sorted(others))}), "
            f"and at most {cap} are allowed; take the label off one of those pull requests, or close it"
        )


def up(number: int, base: str, cap: int, policy_pack: str | None) -> int:
    """Makes or updates the environment with the settings of stack `base`. Exit code of the engine."""
    stack = name(number)
    there = stacks()
    refuse_too_many(number, there, cap)
    if stack not in there:
        check(pulumi("stack", "init", stack, "--no-select"))
    # A checkout has no file for this stack: its settings are those of the base at this commit, every time.
    check(pulumi("config", "cp", "--stack", base, "--dest", stack))
    check(pulumi("config", "set", "--stack", stack, "disposable", "true"))
    return pulumi("up", "--yes", "--stack", stack, *policy(policy_pack)).exit_code


def down(number: int) -> int:
    """
    Destroys the environment and forgets its stack; well done if there is none. Exit code of the engine.

    What one cloud refuses to delete does not keep the rest, above all not that of the other cloud.
    A lock that a killed `up` left is taken away: the workflow lets no two jobs of one pull request run at a time.
    """
    stack = name(number)
    if stack not in stacks():
        print(f"{stack}: there is none", file=sys.stderr)
        return 0
    pulumi("cancel", "--yes", "--stack", stack)
    destroyed = pulumi("destroy", "--yes", "--skip-preview", "--continue-on-error", "--stack", stack)
    if not destroyed.ok:
        return destroyed.exit_code
    for one in in_flight(stack):
        print(f"{stack}: {one} was being made when an `up` was killed: the sweep looks for it", file=sys.stderr)
    return pulumi("stack", "rm", "--yes", "--force", "--stack", stack).exit_code


def in_flight(stack: str) -> list[str]:
    """Type and name of what the state says was being made: it may be there, and nobody knows its id."""
    deployment = ask("stack", "export", "--stack", stack).get("deployment") or {}
    pending = deployment.get("pending_operations") or []
    return [one["resource"]["urn"].split("::", 2)[2] for one in pending if one["type"] == "creating"]
