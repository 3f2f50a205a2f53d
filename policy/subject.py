"""What a policy judges: one resource as it was declared, in plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final


class Unknown:
    """The type of `UNKNOWN`, a value that the cloud decides: in a preview nobody has it yet."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = Unknown()


class NotKnownError(Exception):
    """A policy hangs on a value that is not known yet; the message is the path of that value."""


@dataclass(frozen=True, kw_only=True)
class Resource:
    urn: str
    type: str
    name: str
    # Secrets are in plain text here, as the engine hands them over: no message may quote what can be one.
    properties: Mapping[str, Any] = field(repr=False)
    """In the provider's names, in camelCase."""
    protect: bool

    @property
    def stack(self) -> str:
        return self.urn.split("::")[0].removeprefix("urn:pulumi:")

    @property
    def project(self) -> str:
        return self.urn.split("::")[1]

    def read(self, *path: str | int) -> Any:
        """The value at a path, None where there is none. Raises NotKnownError where the cloud decides it."""
        value: Any = self.properties
        for place, step in enumerate(path, start=1):
            if isinstance(value, Mapping):
                value = value.get(str(step))
            elif isinstance(value, Sequence) and not isinstance(value, str) and isinstance(step, int):
                value = value[step] if step < len(value) else None
            else:
                return None
            if value is UNKNOWN:
                raise NotKnownError(".".join(map(str, path[:place])))
        return value

    def items(self, *path: str | int) -> list[tuple[str | int, ...]]:
        """The paths of a list's items; none where there is no list."""
        return [(*path, place) for place in range(len(self.read(*path) or ()))]
