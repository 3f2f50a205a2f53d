"""`ci/run sweep`: deletes, by its tags, what test environments of closed pull requests have left in both clouds.

A killed `up` leaves what it was making at that moment, and nothing in the state knows of it. Dry without `--yes`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from ci import environment, sweep_aws, sweep_oci
from ci.engine import PipelineError, settings, stacks
from ci.github import GitHub
from ci.leftover import Leftover
from commands.invocation import SignInSettings

REFUSALS = (*sweep_aws.REFUSALS, *sweep_oci.REFUSALS)
_PAUSE_SECONDS = 10.0

Look = Callable[[], list[Leftover]]


def run(base: str, given: list[str] | None, minutes: float, really: bool, variables: Mapping[str, str]) -> int:
    """
    Exit code: 0 nothing is left, or it was only to be listed; 1 something could not be deleted.

    First the stacks that the backend still has are destroyed by the engine, then what carries their tags goes.
    Raises PipelineError, CommandError where it cannot look.
    """
    project = str(yaml.safe_load(Path("Pulumi.yaml").read_text(encoding="utf-8"))["name"])
    look = clouds(settings(base), project, variables)
    is_swept = chosen(given, variables)
    there = [number for stack in stacks() if (number := environment.number_of(stack)) and is_swept(stack)]
    stuck = [number for number in there if not _destroyed(number, really)]

    def swept() -> list[Leftover]:
        return [one for one in look() if is_swept(one.stack)]

    if not really:
        for one in swept():
            print(f"{one.stack}: {one.kind} {one.id} would be deleted")
        return 0
    exit_code = report(delete_all(swept, minutes * 60))
    for number in stuck:
        # What held it is away.
        print(f"{environment.name(number)}: its stack is destroyed once more")
        exit_code = max(exit_code, environment.down(number))
    return exit_code


def _destroyed(number: int, really: bool) -> bool:
    """Whether the engine has destroyed a stack that is still there; also if it was not to do so."""
    stack = environment.name(number)
    print(f"{stack}: its stack is still there" + (", and is destroyed" if really else ""))
    if not really or environment.down(number) == 0:
        return True
    print(f"{stack}: its stack could not be destroyed; what carries its tags is deleted nevertheless")
    return False


def chosen(given: list[str] | None, variables: Mapping[str, str]) -> Callable[[str], bool]:
    """
    Whether a stack is to be swept: it is named, or else GitHub says that its pull request is closed.

    Raises PipelineError for a name that is none of a test environment, and where GitHub cannot be asked.
    """
    for stack in given or []:
        if environment.number_of(stack) is None:
            raise PipelineError(f"--stack {stack!r} is refused: only pr-NUMBER is swept")
    if given:
        return set(given).__contains__
    github = GitHub.of(variables)
    if github is None:
        raise PipelineError("which pull requests are closed is not known: set GITHUB_TOKEN, or name stacks (--stack)")
    known: dict[str, bool] = {}

    def is_closed(stack: str) -> bool:
        number = environment.number_of(stack)
        if stack not in known:
            known[stack] = number is not None and github.is_closed(number)
        return known[stack]

    return is_closed


def clouds(config: Mapping[str, Mapping[str, Any]], project: str, variables: Mapping[str, str]) -> Look:
    """Both clouds, where and as whom the base stack is. Raises CommandError, and PipelineError without a place."""
    values = {key: entry.get("objectValue", entry.get("value")) for key, entry in config.items()}
    sign_in = SignInSettings(
        oci={key.removeprefix("oci:"): str(value) for key, value in values.items() if key.startswith("oci:")},
        aws={key.removeprefix("aws:"): value for key, value in values.items() if key.startswith("aws:")},
    )
    compartment = values.get(f"{project}:compartmentId")
    region = values.get("aws:region") or variables.get("AWS_REGION")
    if not compartment or not region:
        raise PipelineError("the base stack must say compartmentId and aws:region: the sweep looks there")
    amazon = sweep_aws.Amazon.of(sign_in.aws, str(region), project)
    oracle = sweep_oci.Oracle.of(sign_in.oci, variables, str(compartment), project)
    return lambda: [*amazon.leftovers(), *oracle.leftovers()]


def delete_all(
    look: Look,
    seconds: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> list[tuple[Leftover, str]]:
    """
    Round by round, in the order of `look`, until nothing is found: what is left when the time is over, and why.

    What is refused because something else needs it goes in a later round, once that is gone.
    """
    end = clock() + seconds
    while True:
        left = [(one, _try(one)) for one in look()]
        if not left or clock() >= end:
            return left
        sleep(_PAUSE_SECONDS)


def _try(one: Leftover) -> str:
    if one.delete is None:
        return "is on its way"
    try:
        one.delete()
    except REFUSALS as refused:
        return " ".join(str(getattr(refused, "message", None) or refused).split())
    print(f"{one.stack}: {one.kind} {one.id} is deleted")
    return "was asked to go"


def report(left: Iterable[tuple[Leftover, str]]) -> int:
    """Says what is left; the exit code."""
    lines = [f"{one.stack}: {one.kind} {one.id} is left: {reason}" for one, reason in left]
    print("\n".join(lines) or "nothing is left")
    return 1 if lines else 0
