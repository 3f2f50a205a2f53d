"""What the engine recorded, as the policies judge it; and the same with one thing changed."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from lab.clouds.plugins.values import SECRET_SIGNATURE, SIGNATURE_KEY, UNKNOWN, plain
from policy import subject
from policy.subject import Resource
from tests.program.recording import Recording


def of_state(state: Mapping[str, Any]) -> list[Resource]:
    """The resources of an exported state with its secrets shown: their inputs, in plain values."""
    return [
        Resource(
            urn=resource["urn"],
            type=resource["type"],
            name=resource["urn"].rpartition("::")[2],
            properties=_shown(resource.get("inputs", {})),
            protect=resource.get("protect", False),
        )
        for resource in state["deployment"]["resources"]
        if resource.get("custom")
    ]


def of_recording(recording: Recording) -> list[Resource]:
    """The resources of a run of the program without an engine."""
    return [
        Resource(
            urn=resource.urn,
            type=resource.type,
            name=resource.name,
            properties=_unknown(plain(resource.values)),
            protect=resource.request.protect,
        )
        for resource in recording.resources
        if not resource.is_component
    ]


def one(resources: list[Resource], type_token: str, name: str) -> Resource:
    [found] = [resource for resource in resources if (resource.type, resource.name) == (type_token, name)]
    return found


def changed(resource: Resource, values: Mapping[str, object]) -> Resource:
    """The resource with other values, by paths such as `metadataOptions.httpTokens`; None takes one away."""
    properties = copy.deepcopy(dict(resource.properties))
    for path, value in values.items():
        *above, last = path.split(".")
        inner = properties
        for step in above:
            inner = inner[step]
        # A change of what is not there would change nothing that a policy reads.
        assert last in inner, path
        if value is None:
            del inner[last]
        else:
            inner[last] = value
    return replace(resource, properties=properties)


def with_changes(state: Mapping[str, Any], resources: Iterable[Resource]) -> dict[str, Any]:
    """The state in which the inputs of these resources, and their protection, are as they say."""
    made: dict[str, Any] = copy.deepcopy(dict(state))
    declared = {resource.urn: resource for resource in resources}
    for held in made["deployment"]["resources"]:
        if resource := declared.get(held["urn"]):
            held |= {"inputs": dict(resource.properties), "protect": resource.protect}
    return made


def _shown(value: Any) -> Any:
    if isinstance(value, Mapping):
        if value.get(SIGNATURE_KEY) == SECRET_SIGNATURE:
            return _shown(json.loads(value["plaintext"]))
        return {key: _shown(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_shown(item) for item in value]
    return value


def _unknown(value: Any) -> Any:
    if value is UNKNOWN:
        return subject.UNKNOWN
    if isinstance(value, Mapping):
        return {key: _unknown(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_unknown(item) for item in value]
    return value
