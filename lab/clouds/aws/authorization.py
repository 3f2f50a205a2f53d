"""Whether identity policies of IAM allow an action on a resource, as far as this lab needs to know.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html. What is not understood,
conditions and policy variables, is taken for the stricter: it never allows, and denies what it may deny.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any

Policy = Mapping[str, Any]


class Verdict(Enum):
    """What some policies say together."""

    ALLOWED = "a statement allows it, none denies it"
    DENIED = "a statement denies it"
    NOT_ALLOWED = "no statement allows it"


def allows(policies: Iterable[Policy], action: str, resource: str) -> bool:
    return judge(policies, action, resource) is Verdict.ALLOWED


def judge(policies: Iterable[Policy], action: str, resource: str) -> Verdict:
    """The verdict of identity policies. A permissions boundary is judged by itself: both must allow."""
    verdict = Verdict.NOT_ALLOWED
    for policy in policies:
        for statement in _listed(policy.get("Statement")):
            strict = statement["Effect"] == "Deny"
            if not _applies(statement, action, resource, strict):
                continue
            if strict:
                return Verdict.DENIED
            verdict = Verdict.ALLOWED
    return verdict


def _applies(statement: Mapping[str, Any], action: str, resource: str, unknown: bool) -> bool:
    """Whether a statement speaks of a call. `unknown` stands for what is not understood."""
    if statement.get("Condition") and not unknown:
        return False
    return _named(statement, "Action", action.lower(), unknown) and _named(statement, "Resource", resource, unknown)


def _named(statement: Mapping[str, Any], element: str, value: str, unknown: bool) -> bool:
    if element in statement:
        return any(_fits(pattern, element, value, unknown) for pattern in _listed(statement[element]))
    # A pattern that is not understood must count against the exception, not for it.
    exceptions = _listed(statement.get(f"Not{element}"))
    return bool(exceptions) and not any(_fits(pattern, element, value, not unknown) for pattern in exceptions)


def _fits(pattern: str, element: str, value: str, unknown: bool) -> bool:
    if "${" in pattern:
        return unknown
    wanted = pattern.lower() if element == "Action" else pattern
    wildcards = {"*": ".*", "?": "."}
    expression = "".join(wildcards.get(letter) or re.escape(letter) for letter in wanted)
    return re.fullmatch(expression, value, re.DOTALL) is not None


def _listed(given: Any) -> list[Any]:
    if given is None:
        return []
    return given if isinstance(given, list) else [given]
