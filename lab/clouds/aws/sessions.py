"""Credentials that instances got for their role, and whose they are.

moto keeps them as those of an assumed role, so that its GetCallerIdentity knows the instance too.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from moto.iam.models import Role
from moto.sts.models import sts_backends

from lab.clouds.aws.images import ACCOUNT

# How long credentials live is not documented; that new ones are there five minutes before the old ones expire is.
# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-security-credentials.html
LIFE = timedelta(hours=6)
RENEWED_BEFORE_END = timedelta(minutes=5)


@dataclass(frozen=True, kw_only=True)
class Session:
    """One set of an instance's credentials."""

    instance_id: str
    role_id: str
    """Not the name: a role that is made again under its old name is another one."""
    arn: str
    """Of the caller, as AWS names it in a refusal."""
    access_key: str
    secret_key: str
    token: str
    expiration: datetime

    def expired(self) -> bool:
        return datetime.now(UTC) >= self.expiration


class Sessions:
    """Every session of the running stand-in."""

    def __init__(self) -> None:
        self._by_key: dict[str, Session] = {}
        self._newest: dict[tuple[str, str], Session] = {}

    def of_instance(self, instance_id: str, role: Role, region: str) -> Session:
        """The credentials that the metadata service shows now: the same ones until they are about to expire."""
        newest = self._newest.get((instance_id, role.id))
        if newest is None or datetime.now(UTC) > newest.expiration - RENEWED_BEFORE_END:
            newest = _assume(instance_id, role, region)
            self._newest[instance_id, role.id] = newest
            self._by_key[newest.access_key] = newest
        return newest

    def find(self, access_key: str) -> Session | None:
        return self._by_key.get(access_key)


def _assume(instance_id: str, role: Role, region: str) -> Session:
    assumed = sts_backends[ACCOUNT][role.partition].assume_role(
        region_name=region,
        role_session_name=instance_id,
        role_arn=role.arn,
        policy="",
        duration=int(LIFE.total_seconds()),
        external_id="",
    )
    return Session(
        instance_id=instance_id,
        role_id=role.id,
        arn=assumed.arn,
        access_key=assumed.access_key_id,
        secret_key=assumed.secret_access_key,
        token=assumed.session_token,
        # moto's has no time zone, and is UTC.
        expiration=assumed.expiration.replace(tzinfo=UTC),
    )
