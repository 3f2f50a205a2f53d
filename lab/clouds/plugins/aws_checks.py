"""What the real AWS provider refuses before it asks AWS: one small function a rule.

Each gives failures for the inputs that are there and known; a value that is unknown in a preview passes.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from ipaddress import AddressValueError, IPv4Address, ip_network
from typing import Any

from lab.clouds.plugins.table import Check, Failure
from lab.clouds.plugins.values import UNKNOWN, Values, has_unknown

USER_DATA_BYTES = 16_384
Rule = Callable[[Values], Iterable[Failure]]


def all_of(*rules: Rule) -> Check:
    """A table's check from rules."""
    return lambda inputs, _config: (failure for rule in rules for failure in rule(inputs))


def one_of(path: str, allowed: Collection[str]) -> Rule:
    def rule(value: Any) -> str | None:
        return None if value in allowed else f"expected {path} to be one of {sorted(allowed)}, got {value}"

    return _each(path, rule)


def between(path: str, low: int, high: int) -> Rule:
    def rule(value: Any) -> str | None:
        fits = isinstance(value, int) and low <= value <= high
        return None if fits else f"expected {path} to be in the range ({low} - {high}), got {value}"

    return _each(path, rule)


def at_most(path: str, characters: int) -> Rule:
    def rule(value: Any) -> str | None:
        return (
            None
            if len(value) <= characters
            else f"expected length of {path} to be at most {characters}, got {len(value)}"
        )

    return _each(path, rule)


def cidr(path: str, low: int = 0, high: int = 32) -> Rule:
    """An IPv4 network address with a prefix length from low to high."""

    def rule(value: Any) -> str | None:
        try:
            network = ip_network(value, strict=False)
        except ValueError:
            return f"{path}: {value!r} is not a valid CIDR block"
        if network.version != 4:
            return f"{path}: {value!r} is not a valid IPv4 CIDR block"
        if "/" not in value or str(network) != value:
            return f"{path}: {value!r} is not a valid CIDR block; did you mean {str(network)!r}?"
        if not low <= network.prefixlen <= high:
            return (
                f"expected {path} to contain a network Value with between {low} and {high} significant bits, "
                f"got: {network.prefixlen}"
            )
        return None

    return _each(path, rule)


def address(path: str) -> Rule:
    def rule(value: Any) -> str | None:
        try:
            IPv4Address(value)
        except AddressValueError:
            return f"expected {path} to contain a valid IPv4 address, got: {value}"
        return None

    return _each(path, rule)


def json_object(path: str) -> Rule:
    def rule(value: Any) -> str | None:
        try:
            fits = isinstance(json.loads(value), dict)
        except ValueError:
            fits = False
        return None if fits else f"{path} contains an invalid JSON policy: not a JSON object"

    return _each(path, rule)


def security_group_name(path: str) -> Rule:
    """Amazon reserves `sg-`, also where the name was made from the resource's. No more than 255 characters."""

    def rule(value: Any) -> str | None:
        if re.match(r"sg-", value):
            return f"invalid value for {path} (cannot begin with sg-): {value!r}"
        return None if len(value) <= 255 else f"{path} cannot be longer than 255 characters"

    return _each(path, rule)


def user_data(inputs: Values) -> Iterator[Failure]:
    """Given once, and no more than Amazon stores."""
    if "userData" in inputs and "userDataBase64" in inputs:
        yield Failure("userData", "userData conflicts with userDataBase64")
    plain_text, encoded = inputs.get("userData", ""), inputs.get("userDataBase64", "")
    if plain_text is not UNKNOWN and len(plain_text.encode()) > USER_DATA_BYTES:
        yield Failure("userData", _too_long("userData", len(plain_text.encode())))
    if encoded is UNKNOWN:
        return
    try:
        size = len(base64.b64decode(encoded, validate=True))
    except binascii.Error:
        yield Failure("userDataBase64", "expected userDataBase64 to be a base64 string")
    else:
        if size > USER_DATA_BYTES:
            yield Failure("userDataBase64", _too_long("userDataBase64", size))


def conflicting(*keys: str) -> Rule:
    """At most one of the keys."""

    def rule(inputs: Values) -> Iterator[Failure]:
        known = [key for key in keys if key in inputs and inputs[key] is not UNKNOWN]
        if len(known) > 1:
            yield Failure(known[0], f"{known[0]} conflicts with {', '.join(known[1:])}")

    return rule


def exactly_one(*keys: str) -> Rule:
    """One of the keys and no other. A second one passes as long as all but one are unknown."""

    def rule(inputs: Values) -> Iterator[Failure]:
        if not any(key in inputs for key in keys):
            yield Failure("", f"one of {', '.join(keys)} must be specified")

    return lambda inputs: [*rule(inputs), *conflicting(*keys)(inputs)]


def not_settable(path: str) -> Rule:
    return _each(path, lambda _: f"can't configure a value for {path}: it is decided by the provider")


def _too_long(key: str, size: int) -> str:
    # The value itself may hold secrets.
    return f"expected length of {key}, decoded, to be at most {USER_DATA_BYTES} bytes, got {size}"


def _each(path: str, rule: Callable[[Any], str | None]) -> Rule:
    """The rule for the value at a dotted path, if it is there and known."""

    def check(inputs: Values) -> Iterator[Failure]:
        value: Any = inputs
        for step in path.split("."):
            if not isinstance(value, dict) or step not in value:
                return
            value = value[step]
        if not has_unknown(value) and (reason := rule(value)) is not None:
            yield Failure(path, reason)

    return check
