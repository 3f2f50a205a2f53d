"""Hands the policies to Pulumi, which runs this file in the pack's own environment and asks it about each resource."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from pulumi_policy import (
    EnforcementLevel,
    PolicyConfigSchema,
    PolicyPack,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError

# Pulumi puts this folder on the path; it is imported as a package, as the tests do, so the one above is needed too.
sys.path.append(str(Path(__file__).resolve().parents[1]))

from policy.pack import NAME, POLICIES, Policy  # noqa: E402
from policy.subject import UNKNOWN, NotKnownError, Resource  # noqa: E402


def validate(policy: Policy, args: ResourceValidationArgs, report: ReportViolation) -> None:
    """Reports each fault. What is not known in a preview is judged by the `up` after it, before it is created."""
    resource = Resource(
        urn=args.urn, type=args.resource_type, name=args.name, properties=plain(args.props), protect=args.opts.protect
    )
    try:
        for fault in policy.faults(resource, args.get_config()):
            report(fault)
    except NotKnownError as path:
        args.not_applicable(f"{path} is not known yet")


def plain(value: Any) -> Any:
    """The SDK's guarded values as plain ones: reading an unknown of theirs raises."""
    if isinstance(value, Mapping):
        return {key: _item(value, key) for key in value}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_item(value, place) for place in range(len(value))]
    return value


def _item(values: Any, key: Any) -> Any:
    try:
        return plain(values[key])
    except UnknownValueError:
        return UNKNOWN


PolicyPack(
    name=NAME,
    enforcement_level=EnforcementLevel.MANDATORY,
    policies=[
        ResourceValidationPolicy(
            name=policy.name,
            description=policy.description,
            config_schema=PolicyConfigSchema(policy.schema) if policy.defaults else None,
            validate=partial(validate, policy),
        )
        for policy in POLICIES
    ],
)
