"""Reads the stack's configuration once, into settings that can work or a refusal that says why not."""

from __future__ import annotations

import difflib
import json
import typing
from collections.abc import Collection, Mapping
from typing import Any

from pydantic import SecretStr, ValidationError

from components.rules import faults
from components.settings import Group, Settings


class SettingError(ValueError):
    """Configuration that cannot work: a line a fault, each with key, value (never a secret's) and rule."""


def read(namespace: str, environment: Mapping[str, str]) -> tuple[dict[str, str], frozenset[str]]:
    """
    The values set under a namespace, by key, and which of the keys are secret.

    The SDK's `Config` can read a key but not list them, and an unknown key must be refused: so this reads what the
    engine hands to the program, `PULUMI_CONFIG` and `PULUMI_CONFIG_SECRET_KEYS`.
    """
    prefix = f"{namespace}:"
    values: dict[str, str] = json.loads(environment.get("PULUMI_CONFIG", "{}"))
    secret: list[str] = json.loads(environment.get("PULUMI_CONFIG_SECRET_KEYS", "[]"))
    return (
        {key.removeprefix(prefix): value for key, value in values.items() if key.startswith(prefix)},
        frozenset(key.removeprefix(prefix) for key in secret if key.startswith(prefix)),
    )


def parse(given: Mapping[str, str], secret_keys: Collection[str] = ()) -> Settings:
    """
    Settings from the project's values: text as the engine hands them over, JSON for lists and maps.
    Raises SettingError with every fault found, not only the first.
    """
    known = keys()
    # In Pulumi.yaml a key without a default is a required one, so the optional ones default to an empty text.
    given = {key: text for key, text in given.items() if text}
    found = [_unknown(key, known) for key in sorted(given) if key not in known]
    found += [
        f"{key}: it is in plain text; set it with `pulumi config set --secret {key}`"
        for key in sorted(given)
        if _is_secret(key) and key not in secret_keys
    ]
    groups: dict[str, Group] = {}
    for name, group in _groups().items():
        own_keys = group.keys()
        own = {key: _value(key, text) for key, text in given.items() if key in own_keys}
        try:
            groups[name] = group.model_validate(own)
        except ValidationError as refused:
            found += [_fault(dict(fault)) for fault in refused.errors()]
    if not found:
        settings = Settings(**groups)
        found = faults(settings)
        if not found:
            return settings
    raise SettingError("\n".join(dict.fromkeys(found)))


def keys() -> dict[str, Any]:
    """Every configuration key, with the type of its value."""
    return {key: kind for group in _groups().values() for key, kind in group.keys().items()}


def _groups() -> dict[str, type[Group]]:
    return {name: typing.cast(type[Group], field.annotation) for name, field in Settings.model_fields.items()}


def _unknown(key: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(key, known, n=1)
    return f"{key}: no such key{f'; did you mean {near[0]}?' if near else ''}"


def _is_secret(key: str) -> bool:
    return SecretStr.__name__ in str(keys().get(key))


def _value(key: str, text: str) -> object:
    """Lists and maps come as JSON; everything else pydantic reads from the text itself."""
    if text[:1] in ("[", "{") and not _is_secret(key):
        try:
            return json.loads(text)
        except json.JSONDecodeError:
            return text
    return text


def _fault(fault: dict[str, Any]) -> str:
    key = str(fault["loc"][0])
    where = key + "".join(f"[{part}]" for part in fault["loc"][1:])
    if fault["type"] == "missing":
        return f"{key}: it is required; set it with `pulumi config set {key} …`"
    if _is_secret(key):
        return f"{key}: the value is refused: {fault['msg']}"
    return f"{where}: {fault['input']!r} is refused: {fault['msg']}"
