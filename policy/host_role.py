"""Rights of roles beyond what the host needs: its own two parameters, and sessions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from policy.subject import Resource

ROLE = "aws:iam/role:Role"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
POLICY = "aws:iam/policy:Policy"
ATTACHMENTS = ("aws:iam/rolePolicyAttachment:RolePolicyAttachment", "aws:iam/policyAttachment:PolicyAttachment")

# What an action with these prefixes reaches is secret: its resource is written out to the last letter.
_SECRET = ("ssm:", "kms:", "secretsmanager:")


def faults(resource: Resource, *, any_resource: Sequence[str]) -> Iterator[str]:
    """
    Statements that allow more than named actions on named resources, and managed policies, which are somebody else's to
    change: Amazon's AmazonSSMManagedInstanceCore reads every parameter of the account. `any_resource` are the actions
    that may say "*" for a resource.
    """
    if resource.type in ATTACHMENTS:
        yield _managed(resource.read("policyArn"))
    elif resource.type in (ROLE_POLICY, POLICY):
        yield from _document(resource, resource.read("policy"), any_resource)
    elif resource.type == ROLE:
        for arn in resource.read("managedPolicyArns") or ():
            yield _managed(arn)
        for path in resource.items("inlinePolicies"):
            yield from _document(resource, resource.read(*path, "policy"), any_resource)


def _managed(arn: object) -> str:
    return f"{arn} is a managed policy: write the rights that are needed into a RolePolicy"


def _document(resource: Resource, text: object, any_resource: Sequence[str]) -> Iterator[str]:
    try:
        statements = _listed(json.loads(str(text))["Statement"])
    except (ValueError, KeyError, TypeError):
        yield "the policy is no JSON object with a Statement"
        return
    for statement in statements:
        if statement.get("Effect") == "Allow":
            yield from _allowed(resource, statement, any_resource)


def _allowed(resource: Resource, statement: Mapping[str, Any], any_resource: Sequence[str]) -> Iterator[str]:
    for inverse in ("NotAction", "NotResource"):
        if inverse in statement:
            yield f"{inverse} allows all the rest: name what is allowed"
    for action in _listed(statement.get("Action")):
        if "*" in action or "?" in action:
            yield f"{action} allows more than one action: name each"
        elif action not in any_resource:
            for allowed in _listed(statement.get("Resource")):
                yield from _on(resource, action, allowed)


def _on(resource: Resource, action: str, allowed: str) -> Iterator[str]:
    own = f"/libreswan/{resource.project}/{resource.stack}/"
    # Of a log group, `:*` are its streams.
    named = allowed if action.startswith(_SECRET) else allowed.removesuffix(":*")
    if "*" in named or "?" in named:
        yield f"{action} is allowed on {allowed}: name the resource"
    elif action.startswith("ssm:") and not allowed.partition(":parameter")[2].startswith(own):
        yield f"{action} is allowed on {allowed}: allow it on this stack's own parameters, {own}…"


def _listed(value: Any) -> list[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]
