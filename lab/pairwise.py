"""Which kinds of stack the lab really boots: a table in which every two choices meet, and what that leaves unproven.

All 48 combinations would take hours; most faults need two choices to meet. `python -m lab.pairwise` writes
docs/proven.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from itertools import product
from pathlib import Path
from typing import Any, Literal, get_args, get_type_hints

from components.host_os import HOST_OS
from lab.image.packages import Flavour, Os

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "proven.md"


@dataclass(frozen=True)
class Stack:
    """One kind of stack, by the choices that decide what the host does."""

    os: Os
    ike_version: Literal["IKEv2", "IKEv1"]
    keys: Literal["parameterStore", "userData"]
    networks: Literal["created", "given"]
    interface: Literal["vti", "xfrm"]
    image: Flavour

    @property
    def name(self) -> str:
        return " ".join(astuple(self))

    @property
    def settings(self) -> dict[str, Any]:
        """The keys of the stack file, but for those that name given networks."""
        return {
            "hostOs": self.os,
            "ikeVersion": int(self.ike_version[-1]),
            "preSharedKeyDelivery": self.keys,
            "interfaceKind": self.interface,
        }


# Every two values that can go together do so in one of these lines.
DEV = Stack("debian-13", "IKEv2", "parameterStore", "created", "vti", "ready")
FIRST_BOOT = Stack("debian-13", "IKEv1", "parameterStore", "created", "xfrm", "official")
OTHERS = (
    Stack("debian-12", "IKEv1", "userData", "created", "vti", "ready"),
    Stack("debian-13", "IKEv2", "userData", "given", "xfrm", "ready"),
    Stack("debian-13", "IKEv1", "userData", "given", "xfrm", "official"),
    Stack("debian-12", "IKEv2", "parameterStore", "given", "vti", "official"),
)
# A host boots for minutes on an emulated processor: one stack for all of `make test`, the others in `make test-long`.
SHORT = (DEV,)
LONG = (FIRST_BOOT, *OTHERS)
PROVEN = (*SHORT, *LONG)


def every_stack() -> list[Stack]:
    """All combinations that the program accepts."""
    hints = get_type_hints(Stack)
    choices = [get_args(hints[field.name]) for field in fields(Stack)]
    return [
        stack
        for stack in (Stack(*values) for values in product(*choices))
        if stack.interface in HOST_OS[stack.os].interface_kinds
    ]


def pairs(stack: Stack) -> set[tuple[tuple[str, str], tuple[str, str]]]:
    """Every two choices that meet in it."""
    values = [(field.name, getattr(stack, field.name)) for field in fields(Stack)]
    return {(one, other) for place, one in enumerate(values) for other in values[place + 1 :]}


def document() -> str:
    """docs/proven.md."""
    head = ["os", "IKE", "keys", "networks", "interface", "image"]
    unproven = [stack for stack in every_stack() if stack not in PROVEN]
    return "\n".join(
        [
            "# What the lab boots, and what is not proven",
            "",
            "Written by `python -m lab.pairwise`; a test compares it with the code.",
            "",
            "## Booted, with packets both ways",
            "",
            "Every two choices that can go together meet in at least one line of these two tables. In `make test`:",
            "",
            *_table(head, SHORT),
            "",
            "In `make test-long`:",
            "",
            *_table(head, LONG),
            "",
            "## Not proven",
            "",
            f"These {len(unproven)} combinations, of choices that have each been booted with each other choice:",
            "",
            *_table(head, unproven),
            "",
            f"And every combination with {', '.join(os for os in HOST_OS if os not in get_args(Os))}: no image of",
            "these can be had where the tests run. Every processor but the one QEMU emulates; arm64; hardware crypto.",
            "",
        ]
    )


def _table(head: list[str], stacks: Sequence[Stack]) -> list[str]:
    lines = [head, ["---"] * len(head), *(list(astuple(stack)) for stack in stacks)]
    return [f"| {' | '.join(line)} |" for line in lines]


if __name__ == "__main__":
    DOCUMENT.write_text(document())
