"""Check: keys, defaults and names of a resource's inputs, as the bridged providers do it."""

from __future__ import annotations

import random

from lab.clouds.plugins.table import Failure, Resource
from lab.clouds.plugins.values import Values, plain, secret_like

DEFAULTS_KEY = "__defaults"
"""Input in which a bridged provider notes which inputs it named itself, so that the next run keeps them."""


def checked(
    resource: Resource, name: str, old: Values, new: Values, seed: bytes, config: Values
) -> tuple[Values, list[Failure]]:
    """Inputs as the later calls get them, secrets kept, and what is refused about them."""
    given = {key: value for key, value in new.items() if key != DEFAULTS_KEY}
    failures = [
        Failure(key, f"Invalid or unknown key: {key!r}; implemented here: {', '.join(sorted(resource.inputs))}")
        for key in sorted(given.keys() - resource.inputs)
    ]
    failures += [
        Failure(key, f"Missing required argument: {key!r} is required, but no definition was found")
        for key in sorted(resource.required - given.keys())
    ]
    named = _named(resource, name, old, given, seed)
    filled = resource.defaults(plain(given | named), config)
    if not failures:
        failures = list(resource.check(filled, config))
    inputs: Values = {key: secret_like(value, given.get(key)) for key, value in filled.items()}
    if named:
        inputs[DEFAULTS_KEY] = sorted(named)
    return inputs, failures


def auto_named(inputs: Values) -> frozenset[str]:
    """The inputs that were named by the provider, not by the program."""
    return frozenset(inputs.get(DEFAULTS_KEY, ()))


def _named(resource: Resource, name: str, old: Values, given: Values, seed: bytes) -> Values:
    key = resource.auto_name
    if key is None or key in given:
        return {}
    if key in auto_named(old) and key in old:
        return {key: old[key]}
    # The engine's seed makes a preview and the run that follows it agree; without one any name is as good.
    digits = random.Random(seed or None).choices("0123456789abcdef", k=7)
    return {key: f"{name}-{''.join(digits)}"}
