"""What a preview or an update does to the resources, as a table that a reviewer reads in seconds."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from lab.engine.result import Result

# What takes something away stands first.
_GRAVITY = {"delete": "🔴 delete", "replace": "🟠 replace", "update": "🟡 update", "create": "🟢 create"}
_OTHERS = {"import": "import", "discard": "forget"}
_SHOWN = {**_GRAVITY, **_OTHERS}
_REASONS = 4


@dataclass(frozen=True, order=True)
class Row:
    """One resource that changes. Ordered by gravity, then by type and name."""

    gravity: int
    type: str
    name: str
    op: str
    because: tuple[str, ...]
    """Paths of the properties that make the step necessary."""


def rows(result: Result) -> list[Row]:
    """The resources that change, each once: a replacement's two halves are one row."""
    reasons: dict[tuple[str, str], list[str]] = defaultdict(list)
    for change in result.changes():
        reasons[change.type, change.name].append(change.path)
    order = list(_SHOWN)
    found = {
        Row(order.index(one.op), one.type, one.name, one.op, tuple(reasons[one.type, one.name]))
        for one in result.operations()
        if one.op in _SHOWN
    }
    return sorted(found)


def summary(changed: Sequence[Row]) -> str:
    """Such as `1 to replace, 2 to update`; `nothing changes` where that is so."""
    counts = Counter(row.op for row in changed)
    return ", ".join(f"{counts[op]} to {op}" for op in _SHOWN if counts[op]) or "nothing changes"


def table(changed: Sequence[Row]) -> str:
    """A Markdown table."""
    lines = ["| | Resource | Type | Because of |", "| --- | --- | --- | --- |"]
    for row in changed:
        because = [f"`{path}`" for path in row.because[:_REASONS]]
        if len(row.because) > _REASONS:
            because.append(f"{len(row.because) - _REASONS} more")
        lines.append(f"| {_SHOWN[row.op]} | `{row.name}` | `{row.type}` | {', '.join(because)} |")
    return "\n".join(lines)
