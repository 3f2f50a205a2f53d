"""What the sweep works with: one thing in a cloud, and whose it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ci.environment import number_of


@dataclass(frozen=True)
class Leftover:
    """A resource of a test environment. `delete` is None while it is already going away."""

    kind: str
    id: str
    stack: str
    delete: Callable[[], None] | None = field(repr=False, compare=False)


def stack_of(tags: Mapping[str, str], project: str) -> str | None:
    """
    The test environment that these tags name, or None: then the resource is not the sweep's to touch.

    All three of the program's own tags must be there (components/labels.py), and the stack must be a `pr-NUMBER`.
    """
    if tags.get("managed-by") != "pulumi" or tags.get("project") != project:
        return None
    stack = tags.get("stack", "")
    return stack if number_of(stack) is not None else None
