"""What Oracle's headends and pre-shared keys hang on, and that a slip could delete."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

from policy.subject import Resource

PROTECTED = frozenset({"aws:ec2/eip:Eip", "oci:Core/cpe:Cpe", "oci:Core/ipsec:Ipsec"})


def faults(resource: Resource, *, disposable_stacks: Sequence[str]) -> Iterator[str]:
    """
    Elastic IP, CPE and IPSec connection are protected, but in a stack whose name matches one of `disposable_stacks`
    (as a shell matches file names). The stack's own `disposable` is no excuse: it is what is checked.
    """
    if resource.type not in PROTECTED or resource.protect:
        return
    if not any(fnmatchcase(resource.stack, pattern) for pattern in disposable_stacks):
        yield (
            f"{resource.name} is not protected, and stack {resource.stack!r} is none of the disposable ones "
            f"({', '.join(disposable_stacks) or 'none'}): set disposable to false"
        )
