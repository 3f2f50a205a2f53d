"""`ci/run preview STACK`: what a pull request would change, as one comment on it that is edited in place."""

from __future__ import annotations

import sys

from ci import publish
from ci.comment import marker, preview
from ci.engine import policy, pulumi


def run(stack: str, number: int | None, policy_pack: str | None) -> int:
    """
    Previews and publishes. Exit code of the engine: a refused preview and a broken policy fail the job.

    Raises PipelineError, with nothing published and nothing in the log, if the engine's words hold a secret.
    """
    result = pulumi("preview", "--diff", "--stack", stack, *policy(policy_pack), aloud=False)
    # Before it is cut: the log has all of it.
    publish.refuse_secrets(result.text, stack)
    print(result.text, end="", file=sys.stderr, flush=True)
    body = preview(result, publish.about(stack))
    publish.refuse_secrets(body, stack)
    publish.comment(marker("preview", stack), body, number)
    return result.exit_code
