"""`ci/run drift STACK`: whether somebody has changed the clouds behind Pulumi's back; one issue says what."""

from __future__ import annotations

import os
import sys

from ci import publish
from ci.changes import rows
from ci.comment import body, marker
from ci.engine import PipelineError, pulumi
from ci.github import GitHub

LABEL = "drift"
# The engine says it after its last event, and its exit code is that of every failure.
_PROPOSED = "no changes were expected for preview but changes were proposed"
_WORDS = (
    "A preview after a refresh of this commit finds changes that no commit made. Either put the clouds back with "
    "`pulumi up --refresh`, or make the change part of the program. This issue is written anew at each check, and "
    "closed when nothing differs."
)


def run(stack: str) -> int:
    """
    Exit code: 0 nothing differs, 3 it does and the issue says what.

    Judged by the changes that a preview proposes, not by the refresh itself: tunnel states and times move at every
    look. Raises PipelineError where the preview fails for another reason, such as a sign-in: that is no drift.
    """
    result = pulumi("preview", "--refresh", "--expect-no-changes", "--diff", "--stack", stack, aloud=False)
    publish.refuse_secrets(result.text, stack)
    print(result.text, end="", file=sys.stderr, flush=True)
    drifted = not result.ok and _PROPOSED in result.text
    if not result.ok and not drifted:
        raise PipelineError(f"the preview of {stack} fails, so that nothing is known of drift")
    github, first_line = GitHub.of(os.environ), marker("drift", stack)
    title = f"Drift: {stack}"
    if not drifted:
        if github and (closed := github.close_issue(LABEL, first_line, "Nothing differs any more.")):
            print(f"closed {closed}", file=sys.stderr)
        return 0
    text = body(first_line, f"{title}: {len(rows(result))} resources differ", result, publish.about(stack), _WORDS)
    publish.refuse_secrets(text, stack)
    print(github.put_issue(title, LABEL, first_line, text) if github else text)
    return 3
