"""One line of the truth table, asked of the reachability function over what a lab's clouds were really told."""

from __future__ import annotations

from lab.clouds.cluster import REGION
from lab.fabric.declared import Declared
from lab.fabric.mutants import Mutant
from lab.fabric.probes import PROBES, Boot, Probe, verdict
from lab.fabric.read import read
from lab.lab import Lab


def declared(lab: Lab) -> Declared:
    return read(lab.clouds.aws, lab.clouds.oci, REGION)


def failing(lab: Lab, boot: Boot) -> dict[Probe, str]:
    """Every probe that does not pass, and what is missing for it."""
    now = declared(lab)
    verdicts = {probe: verdict(now, probe, boot) for probe in PROBES}
    return {probe: str(one.missing) for probe, one in verdicts.items() if not one.arrives}


def check(lab: Lab, mutant: Mutant) -> None:
    """Spoils, asks, and undoes: exactly the named probes fail, for the named cause, and then none does."""
    undo = mutant.spoil(lab.clouds, declared(lab))
    try:
        found = failing(lab, mutant.scope)
    finally:
        undo()
    assert found.keys() == mutant.fails | mutant.unsure
    for missing in found.values():
        assert mutant.cause in missing
    assert failing(lab, mutant.scope) == {}
