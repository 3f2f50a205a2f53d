"""`ci/run deploy STACK`: `pulumi up` of what was merged, and a table of what it did for the job's summary."""

from __future__ import annotations

import os
from pathlib import Path

from ci.changes import rows, summary, table
from ci.engine import policy, pulumi


def run(stack: str, policy_pack: str | None) -> int:
    """Exit code of the engine. Its preview goes first, so that what policy or protection refuses begins nothing."""
    result = pulumi("up", "--yes", "--stack", stack, *policy(policy_pack))
    done = rows(result)
    said = summary(done) if result.ok else f"it failed ({summary(done)})"
    text = f"### `pulumi up` of `{stack}`: {said}\n\n{table(done) if done else ''}\n"
    if file := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(file).open("a", encoding="utf-8") as job:
            job.write(text)
    else:
        print(text)
    return result.exit_code
