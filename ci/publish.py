"""From a text to GitHub, or to the terminal where there is no token; never with a secret in it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from ci import scrub
from ci.comment import About
from ci.engine import PipelineError, ask, settings
from ci.github import GitHub


def about(stack: str, environment: Mapping[str, str] = os.environ) -> About:
    """A stack, with the commit and the log's address that a job's environment names."""
    run = environment.get("GITHUB_RUN_ID")
    place = f"{environment.get('GITHUB_SERVER_URL')}/{environment.get('GITHUB_REPOSITORY')}/actions/runs"
    # On a pull request GITHUB_SHA is a merge that nobody has seen; the workflow names the commit.
    commit = environment.get("COMMIT") or environment.get("GITHUB_SHA") or ""
    return About(stack=stack, commit=commit, log=f"{place}/{run}" if run else "")


def refuse_secrets(text: str, stack: str, environment: Mapping[str, str] = os.environ) -> None:
    """
    Raises PipelineError, which quotes nothing, if the text holds a secret.

    Known are the environment's, those of the stack's settings and all that its state has encrypted.
    """
    state = ask("stack", "export", "--show-secrets", "--stack", stack)
    known = {**scrub.of_environment(environment), **scrub.of_config(settings(stack)), **scrub.of_state(state)}
    if leaked := scrub.found_in(text, known):
        raise PipelineError(f"nothing is published of {stack}: the text holds {', '.join(leaked)}")


def comment(first_line: str, body: str, number: int | None, environment: Mapping[str, str] = os.environ) -> None:
    """On the pull request of that number, as the one comment with that first line; else on the terminal."""
    github = GitHub.of(environment)
    if github is None or number is None:
        print(body)
    else:
        print(github.put_comment(number, first_line, body), file=sys.stderr)
