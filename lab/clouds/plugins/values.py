"""Property values as the engine sends them, and back: numbers, text, lists, maps, secrets, unknowns.

The wire form is a protobuf Struct in which a secret is a map that carries a signature and an unknown is a
text constant (pulumi.runtime.rpc has the same constants). Here a secret is `Secret(value)` and an unknown is
`UNKNOWN`; assets and archives stay the maps they are on the wire.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from google.protobuf import json_format
from google.protobuf.struct_pb2 import NULL_VALUE, Struct, Value

Values = dict[str, Any]

SIGNATURE_KEY = "4dabf18193072939515e22adb298388d"
SECRET_SIGNATURE = "1b47061264138c4ac30d75fd1eb44270"
OUTPUT_SIGNATURE = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
UNKNOWN_TEXT = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
# The engine has one constant a type; a provider never needs to tell them apart.
_UNKNOWN_TEXTS = frozenset(
    {
        UNKNOWN_TEXT,
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    }
)


class Unknown:
    """The type of `UNKNOWN`, a value that is known only after the real operation."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN = Unknown()


@dataclass(frozen=True)
class Secret:
    """A value the engine encrypts in its state and hides in what it prints."""

    value: Any

    def __repr__(self) -> str:
        return "Secret(…)"


def from_struct(struct: Struct) -> Values:
    """Values of a wire Struct. Absent and null are the same to a provider, so nulls are dropped."""
    return {key: _from_wire(value) for key, value in struct.fields.items() if not _is_null(value)}


def from_json(text: str) -> Any:
    """The value of a JSON text: the engine writes nested provider configuration so, signatures and all."""
    return _from_wire(json_format.Parse(text, Value()))


def to_struct(values: Values) -> Struct:
    """The wire Struct of values; None is dropped, as the engine would."""
    struct = Struct()
    for key, value in values.items():
        if value is not None:
            struct.fields[key].CopyFrom(_to_wire(value))
    return struct


def plain(value: Any) -> Any:
    """The value without its Secret wrappers, at any depth. Unknowns stay."""
    if isinstance(value, Secret):
        return plain(value.value)
    return _map(value, plain)


def redacted(value: Any) -> Any:
    """A JSON-able copy in which secrets read `[secret]` and unknowns `[unknown]`."""
    if isinstance(value, Secret):
        return "[secret]"
    if value is UNKNOWN:
        return "[unknown]"
    return _map(value, redacted)


def has_secret(value: Any) -> bool:
    """True where a secret lies anywhere inside."""
    return _any(value, lambda leaf: isinstance(leaf, Secret))


def has_unknown(value: Any) -> bool:
    """True where an unknown lies anywhere inside."""
    return _any(plain(value), lambda leaf: leaf is UNKNOWN)


def secret_like(value: Any, pattern: Any) -> Any:
    """The plain value made secret where the pattern is, level by level for maps, else as a whole.

    This is what the engine does to the outputs of a bridged provider with the inputs of the same names
    (`annotateSecrets` in its provider plugin client).
    """
    if isinstance(value, dict) and isinstance(pattern, dict):
        return {key: secret_like(item, pattern.get(key)) for key, item in value.items()}
    if value is None or isinstance(value, Secret) or not has_secret(pattern):
        return value
    return Secret(value)


def _from_wire(value: Value) -> Any:
    match value.WhichOneof("kind"):
        case "number_value":
            number = value.number_value
            return int(number) if number.is_integer() else number
        case "string_value":
            return UNKNOWN if value.string_value in _UNKNOWN_TEXTS else value.string_value
        case "bool_value":
            return value.bool_value
        case "list_value":
            return [_from_wire(item) for item in value.list_value.values]
        case "struct_value":
            return _from_wire_map(from_struct(value.struct_value))
        case _:
            return None


def _from_wire_map(values: Values) -> Any:
    signature = values.get(SIGNATURE_KEY)
    if signature == SECRET_SIGNATURE:
        return Secret(values.get("value"))
    if signature == OUTPUT_SIGNATURE:
        inner = values.get("value", UNKNOWN)
        return Secret(inner) if values.get("secret") else inner
    return values


def _to_wire(value: Any) -> Value:
    match value:
        case Secret():
            inner = {SIGNATURE_KEY: SECRET_SIGNATURE, "value": value.value}
            return Value(struct_value=to_struct(inner))
        case Unknown():
            return Value(string_value=UNKNOWN_TEXT)
        case None:
            return Value(null_value=NULL_VALUE)
        case bool():
            return Value(bool_value=value)
        case int() | float():
            return Value(number_value=value)
        case str():
            return Value(string_value=value)
        case dict():
            return Value(struct_value=to_struct(value))
        case list() | tuple():
            wire = Value()
            # An empty list must be set to exist at all.
            wire.list_value.SetInParent()
            wire.list_value.values.extend(_to_wire(item) for item in value)
            return wire
        case _:
            raise TypeError(f"a property value of type {type(value).__name__} has no wire form")


def _is_null(value: Value) -> bool:
    return value.WhichOneof("kind") in (None, "null_value")


def _map(value: Any, change: Callable[[Any], Any]) -> Any:
    if isinstance(value, dict):
        return {key: change(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [change(item) for item in value]
    return value


def _any(value: Any, is_so: Callable[[Any], bool]) -> bool:
    if is_so(value):
        return True
    if isinstance(value, Secret):
        return _any(value.value, is_so)
    if isinstance(value, dict):
        return any(_any(item, is_so) for item in value.values())
    if isinstance(value, list | tuple):
        return any(_any(item, is_so) for item in value)
    return False
