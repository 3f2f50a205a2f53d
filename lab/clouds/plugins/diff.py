"""What changed between old and new inputs, and whether that replaces: pure functions of plain values."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from lab.clouds.plugins.table import USER_MAPS, Resource
from lab.clouds.plugins.values import UNKNOWN, Values, has_unknown

Changes = dict[str, str]
"""Property path -> `add`, `delete` or `update`."""

_ABSENT = object()


def changes(resource: Resource, old: Values, new: Values, ignored: Iterable[str] = ()) -> Changes:
    """Changed property paths, e.g. `tags.Name` or `rules[0].port`, but for those `ignoreChanges` names."""
    found: Changes = {}
    for key in sorted((old.keys() | new.keys()) & resource.inputs):
        before, after = old.get(key, _ABSENT), new.get(key, _ABSENT)
        if not (key in resource.unordered and _same_set(before, after)):
            _compare(key, before, after, found)
    return {
        path: kind
        for path, kind in found.items()
        if not any(_inside(path, name) for name in ignored)
        # What the cloud fills in when it is not given, it has filled in already; every resource's region the provider.
        and not (kind == "delete" and path in {*resource.computed, "region"})
    }


def replacing(resource: Resource, found: Changes, old: Values, new: Values) -> list[str]:
    """Those of the changed paths that replace the resource."""
    if resource.update is None:
        return list(found)
    names = {*resource.force_new, *resource.force_new_paths, *resource.replaces_when(old, new)}
    return [path for path in found if any(_inside(path, name) or _inside(name, path) for name in names)]


def refreshed_inputs(resource: Resource, old_inputs: Values, outputs: Values) -> Values:
    """Inputs after a refresh: what the cloud says now for each input there was.

    Without old inputs (an import) every implemented input that has an output is taken.
    """
    keys = old_inputs.keys() if old_inputs else resource.inputs & outputs.keys()
    refreshed = {
        key: _project(key, old_inputs.get(key), outputs[key], key in resource.unordered)
        for key in keys
        if outputs.get(key) is not None
    }
    return refreshed | {key: value for key, value in old_inputs.items() if key.startswith("__")}


def _compare(path: str, old: Any, new: Any, found: Changes) -> None:
    if old is _ABSENT:
        found[path] = "add"
    elif new is _ABSENT:
        found[path] = "delete"
    elif isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            _compare(f"{path}{_step(key)}", old.get(key, _ABSENT), new.get(key, _ABSENT), found)
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            _compare(f"{path}[{index}]", _item(old, index), _item(new, index), found)
    elif new is UNKNOWN or old != new:
        found[path] = "update"


def _project(key: str, old: Any, now: Any, unordered: bool) -> Any:
    if key in USER_MAPS:
        return now
    if unordered and _same_set(old, now):
        return old
    if isinstance(old, dict) and isinstance(now, dict):
        return {name: _project(name, item, now[name], False) for name, item in old.items() if name in now}
    if isinstance(old, list) and isinstance(now, list) and len(old) == len(now):
        return [_project("", before, after, False) for before, after in zip(old, now, strict=True)]
    return now


def _same_set(old: Any, new: Any) -> bool:
    if not (isinstance(old, list) and isinstance(new, list)) or has_unknown([old, new]):
        return False
    return _sorted(old) == _sorted(new)


def _sorted(items: list[Any]) -> list[str]:
    return sorted(json.dumps(item, sort_keys=True) for item in items)


def _item(items: list[Any], index: int) -> Any:
    return items[index] if index < len(items) else _ABSENT


def _step(key: str) -> str:
    return f".{key}" if key.replace("_", "a").isalnum() else f"[{json.dumps(key)}]"


def _inside(path: str, name: str) -> bool:
    return path == name or path.startswith((f"{name}.", f"{name}["))
