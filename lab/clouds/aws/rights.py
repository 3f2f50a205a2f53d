"""The rights of roles, and how late AWS knows them.

IAM is eventually consistent: a change works some time after the call that made it, and the old rights until then.
https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass

from moto.iam.models import IAMBackend, Role, iam_backends

from lab.clouds.aws.authorization import Policy, Verdict, judge
from lab.clouds.aws.behaviour import Behaviour
from lab.clouds.aws.images import ACCOUNT


@dataclass(frozen=True, kw_only=True)
class Rights:
    """Policy documents as IAM keeps them, to be compared."""

    policies: tuple[str, ...] = ()
    boundary: str | None = None

    def refusal(self, action: str, resource: str) -> str | None:
        """Why a call is not allowed, as AWS ends its message; None when it is.

        https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
        """
        judged = [("an identity-based policy", "no identity-based policy", self.policies)]
        if self.boundary is not None:
            judged.append(("a permissions boundary", "no permissions boundary", (self.boundary,)))
        verdicts = [(judge(map(_parsed, documents), action, resource), a, no) for a, no, documents in judged]
        for verdict, a, _ in verdicts:
            if verdict is Verdict.DENIED:
                return f"with an explicit deny in {a}"
        for verdict, _, no in verdicts:
            if verdict is Verdict.NOT_ALLOWED:
                return f"because {no} allows the {action} action"
        return None


_NONE = Rights()


class KnownRights:
    """What AWS goes by: what each role's rights were `role_seconds` ago."""

    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        self._versions: dict[str, list[tuple[float, Rights]]] = {}

    def observe(self) -> None:
        """Looks for changes; called after every call of IAM, so that the moment of a change is right."""
        now = time.monotonic()
        present = {role.id: rights_of(iam, role) for iam in _backends() for role in iam.roles.values()}
        for role_id in {*self._versions, *present}:
            versions = self._versions.setdefault(role_id, [])
            rights = present.get(role_id, _NONE)
            if not versions or versions[-1][1] != rights:
                versions.append((now, rights))

    def of(self, role_id: str) -> Rights:
        """The rights that a role's calls are judged by now."""
        then = time.monotonic() - self._behaviour.role_seconds
        known = [rights for moment, rights in self._versions.get(role_id, []) if moment <= then]
        return known[-1] if known else _NONE


def rights_of(iam: IAMBackend, role: Role) -> Rights:
    attached = [_default_document(iam, arn) for arn in role.managed_policies]
    boundary = role.permissions_boundary_arn
    return Rights(
        policies=(*role.policies.values(), *attached),
        boundary=_default_document(iam, boundary) if boundary else None,
    )


def _default_document(iam: IAMBackend, arn: str) -> str:
    policy = iam.managed_policies.get(arn)
    if policy is None:
        # A boundary that is not there allows nothing.
        return "{}"
    [document] = [one.document for one in policy.versions if one.version_id == policy.default_version_id]
    return document if isinstance(document, str) else json.dumps(document)


def _backends() -> list[IAMBackend]:
    return list(iam_backends[ACCOUNT].values())


def _parsed(document: str) -> Policy:
    parsed: Policy = json.loads(document)
    return parsed
