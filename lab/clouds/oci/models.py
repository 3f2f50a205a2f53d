"""Request bodies against the models of Oracle's own SDK: attributes, types, enums, what is required."""

from __future__ import annotations

import re
from datetime import datetime
from functools import cache
from typing import Any

from oci.core import models as core
from oci.monitoring import models as monitoring
from oci.ons import models as notifications

from lab.clouds.oci.errors import ApiError, invalid, missing

# No two of them have a model of the same name.
_SDK: dict[str, Any] = {**vars(core), **vars(monitoring), **vars(notifications)}
_UNRECOGNISED = "UNKNOWN_ENUM_VALUE"
_REQUIRED = "**[Required]**"
_PLAIN: dict[str, tuple[type, ...]] = {"str": (str,), "int": (int,), "bool": (bool,), "float": (int, float)}


def checked(model: str, body: object) -> dict[str, Any]:
    """The body without its nulls. Raises 400 naming the first attribute that the model refuses."""
    return _object(model, body, "")


def _object(model: str, body: object, path: str) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise invalid(path, f"{model} must be an object") if path else _unreadable(model)
    attributes, required = _shape(_concrete(model, body, path))
    given = {key: value for key, value in body.items() if value is not None}
    for key in given:
        if key not in attributes:
            raise invalid(_join(path, key), f"unknown attribute of {model}")
    for key in sorted(required - given.keys()):
        raise missing(_join(path, key))
    result = {key: _value(attributes[key][1], value, _join(path, key)) for key, value in given.items()}
    _check_enums(_concrete(model, body, path), result, path)
    return result


def _unreadable(model: str) -> ApiError:
    return ApiError(400, "CannotParseRequest", f"the body must be a JSON object, a {model}")


def _value(declared: str, value: object, path: str) -> Any:
    if inner := re.fullmatch(r"list\[(.+)\]", declared):
        if not isinstance(value, list):
            raise invalid(path, "must be a list")
        return [_value(inner[1], item, f"{path}[{place}]") for place, item in enumerate(value)]
    if inner := re.fullmatch(r"dict\(str, (.+)\)", declared):
        if not isinstance(value, dict):
            raise invalid(path, "must be an object")
        return {key: _value(inner[1], item, _join(path, key)) for key, item in value.items()}
    if declared == "object":
        return value
    if declared == "datetime":
        return _time(value, path)
    if declared in _PLAIN:
        # A bool is an int to Python, never to JSON.
        if not isinstance(value, _PLAIN[declared]) or (isinstance(value, bool) and declared != "bool"):
            raise invalid(path, f"must be of type {declared}")
        return value
    return _object(declared, value, path)


def _time(value: object, path: str) -> str:
    try:
        datetime.fromisoformat(str(value))
    except ValueError:
        raise invalid(path, "must be an RFC 3339 time") from None
    return str(value)


def _concrete(model: str, body: dict[str, Any], path: str) -> str:
    """The subtype that the body's discriminator names, as the SDK itself finds it."""
    subtype = getattr(_SDK[model], "get_subtype", None)
    if subtype is None:
        return model
    try:
        return str(subtype(body))
    except KeyError as discriminator:
        raise missing(_join(path, str(discriminator.args[0]))) from None


@cache
def _shape(model: str) -> tuple[dict[str, tuple[str, str]], frozenset[str]]:
    """(API attribute -> SDK attribute and declared type, required API attributes)."""
    kind = _SDK[model]
    blank = kind()
    attributes = {api: (name, blank.swagger_types[name]) for name, api in blank.attribute_map.items()}
    required = frozenset(
        api for api, (name, _) in attributes.items() if _REQUIRED in (getattr(kind, name).__doc__ or "")
    )
    return attributes, required


def _check_enums(model: str, body: dict[str, Any], path: str) -> None:
    attributes, _ = _shape(model)
    probe = _SDK[model]()
    for key, value in body.items():
        name = attributes[key][0]
        try:
            setattr(probe, name, value)
        except ValueError as refusal:
            raise invalid(_join(path, key), f"must {str(refusal).partition(', must ')[2]}") from None
        # Models that are also answers map what they do not know instead of refusing it.
        if getattr(probe, name) == _UNRECOGNISED and value != _UNRECOGNISED:
            raise invalid(_join(path, key), "not one of the values of its enumeration")


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
