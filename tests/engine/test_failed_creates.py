"""Each type of resource is refused once by its cloud: `up` says so, and goes on where it stopped, or `destroy` does.

Not proven: that the real clouds refuse with these words.
"""

from __future__ import annotations

import pytest

from lab.engine.result import Result
from lab.lab import Lab
from tests.engine.interrupted import known_types, made_types

pytestmark = pytest.mark.long


def refusal(kind: str) -> str:
    return f"creating {kind}: LimitExceeded: not one more of these"


def refuse_once(lab: Lab, kinds: list[str], turn: str) -> None:
    """The first of each kind, and not again; a refusal of another turn counts anew."""
    lab.inject(
        *(
            {"type": kind, "operation": "create", "error": f"{refusal(kind)} ({turn})", "times": 1}
            for kind in sorted(kinds)
        )
    )


def refused_types(up: Result) -> set[str]:
    """The types that failed, each with the cloud's own words and without a stack trace of the program."""
    failed = {one.type for one in up.failures()}
    assert failed, up.text
    assert {kind for kind in failed if refusal(kind) not in up.text} == set()
    assert "Traceback" not in up.text
    return failed


def test_up_again_goes_on_after_each_types_refusal(lab: Lab) -> None:
    kinds = list(known_types())
    refuse_once(lab, kinds, "up again")
    refused: set[str] = set()
    while not (up := lab.project.up()).ok:
        now = refused_types(up)
        assert now.isdisjoint(refused), "each type is refused once"
        refused |= now
    assert refused == made_types(lab)
    assert lab.project.outputs()["tunnelStates"] == {"tunnel-1": "UP", "tunnel-2": "UP"}
    lab.project.destroy().check()
    assert lab.leftovers() == {}


def test_destroy_passes_after_each_types_refusal(lab: Lab) -> None:
    """`up` from nothing each time, until nothing is refused: every one that fails is destroyed at the first try."""
    refuse_once(lab, list(known_types()), "destroy")
    refused: set[str] = set()
    while not (up := lab.project.up()).ok:
        refused |= refused_types(up)
        lab.project.destroy().check()
        assert lab.leftovers() == {}
    assert refused == made_types(lab)
    lab.project.destroy().check()
    assert lab.leftovers() == {}
