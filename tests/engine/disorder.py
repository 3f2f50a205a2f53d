"""Delays that shuffle the order in which the clouds answer."""

from __future__ import annotations

import random
from typing import Any

from lab.clouds.plugins import aws, command, oci


def delays(seed: int, operation: str, longest: float) -> list[dict[str, Any]]:
    """For every type that the plugins know, a delay of its own of that operation, in seconds."""
    chance = random.Random(seed)
    kinds = sorted(kind for table in (aws, command, oci) for kind in table.plugin({}).resources)
    return [{"type": kind, "operation": operation, "delay": round(chance.uniform(0, longest), 2)} for kind in kinds]
