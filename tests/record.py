"""What a run of tests has seen, as a dated file in Markdown: how bench/long_boots.md and its like are made.

`make test` proves itself each time it is run. What takes hours is run now and then, and this is what is kept of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Seen:
    """The end of one test."""

    name: str
    outcome: str
    """passed, failed or skipped."""
    seconds: float
    measured: Sequence[str] = ()


def document(command: str, made: str, seen: Iterable[Seen]) -> str:
    """A table of tests in the order of their names; `made` says when, where and of which commit."""
    tests = sorted(seen, key=lambda one: one.name)
    counts = [f"{sum(one.outcome == kind for one in tests)} {kind}" for kind in sorted({one.outcome for one in tests})]
    return "\n".join(
        [
            "# Seen by `make test-long`",
            "",
            f"`{command}`, {made}: {', '.join(counts)}.",
            "",
            "| test | | s | measured |",
            "| --- | --- | --- | --- |",
            *(
                f"| {_cell(one.name)} | {one.outcome} | {one.seconds:.0f} | {_cell('; '.join(one.measured))} |"
                for one in tests
            ),
            "",
        ]
    )


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
