"""Signs in to AWS from the stack's aws:* configuration, else as every AWS tool does."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from commands.invocation import CommandError

SESSION_NAME = "aws-oci-libreswan"
# Settings that name another identity than boto3 would find: ignoring them would look with the wrong eyes.
UNSUPPORTED = ("assumeRoleWithWebIdentity", "sharedConfigFiles", "sharedCredentialsFiles", "endpoints")
# What sts:AssumeRole takes, by the name of pulumi-aws.
ROLE_OPTIONS = {
    "roleArn": "RoleArn",
    "sessionName": "RoleSessionName",
    "externalId": "ExternalId",
    "policy": "Policy",
    "sourceIdentity": "SourceIdentity",
    "transitiveTagKeys": "TransitiveTagKeys",
}


def ec2_client(settings: Mapping[str, object], region: str) -> Any:
    """A boto3 EC2 client for the region; AWS_ENDPOINT_URL is honoured by boto3. Raises CommandError."""
    return client("ec2", session(settings, region))


def session(settings: Mapping[str, object], region: str | None) -> Any:
    """
    A boto3 session with the identity that pulumi-aws would use.

    Without a region it is that of the profile, if any.
    Reads profile, accessKey, secretKey, token, assumeRole, assumeRoles (in this order, one after the other).
    Raises CommandError without a secret in it.
    """
    boto3: Any = import_module("boto3")
    roles = assumed_roles(settings)
    try:
        current = boto3.Session(
            region_name=region,
            profile_name=_text(settings, "profile"),
            aws_access_key_id=_text(settings, "accessKey"),
            aws_secret_access_key=_text(settings, "secretKey"),
            aws_session_token=_text(settings, "token"),
        )
        for role in roles:
            given = client("sts", current).assume_role(**role)["Credentials"]
            current = boto3.Session(
                region_name=region,
                aws_access_key_id=given["AccessKeyId"],
                aws_secret_access_key=given["SecretAccessKey"],
                aws_session_token=given["SessionToken"],
            )
    except _failures() as failure:
        raise CommandError(f"AWS sign-in failed: {' '.join(str(failure).split())}") from None
    return current


def client(service: str, session: Any) -> Any:
    """A client that gives up within a minute: what calls it looks again anyway."""
    config = import_module("botocore.config").Config(
        connect_timeout=10, read_timeout=30, retries={"mode": "standard", "max_attempts": 3}
    )
    return session.client(service, config=config)


def assumed_roles(settings: Mapping[str, object]) -> list[dict[str, Any]]:
    """Arguments of sts:AssumeRole, one role after the other. Raises CommandError if unsupported."""
    for name in UNSUPPORTED:
        if settings.get(name):
            raise CommandError(
                f"aws:{name} is refused: the proof of the tunnels cannot use it; "
                "use aws:profile, aws:assumeRoles or the AWS_… variables of the environment"
            )
    roles: list[object] = []
    for name in ("assumeRole", "assumeRoles"):
        given = settings.get(name)
        if isinstance(given, str):
            try:
                given = json.loads(given)
            except ValueError:
                raise CommandError(f"aws:{name} is refused: it must be JSON") from None
        if given:
            roles.extend(given if isinstance(given, list) else [given])
    return [_role(role) for role in roles]


def _role(role: object) -> dict[str, Any]:
    if not isinstance(role, dict) or not role.get("roleArn"):
        raise CommandError("aws:assumeRoles is refused: each role must be an object with a roleArn")
    arguments = {theirs: role[ours] for ours, theirs in ROLE_OPTIONS.items() if role.get(ours)}
    arguments.setdefault("RoleSessionName", SESSION_NAME)
    if role.get("duration"):
        arguments["DurationSeconds"] = seconds(role["duration"])
    if role.get("policyArns"):
        arguments["PolicyArns"] = [{"arn": arn} for arn in role["policyArns"]]
    if role.get("tags"):
        arguments["Tags"] = [{"Key": key, "Value": value} for key, value in role["tags"].items()]
    return arguments


def seconds(duration: str) -> int:
    """Seconds of a duration as pulumi-aws writes it: `1h`, `1h30m`, `900s`. Raises CommandError."""
    found = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", duration)
    if found is None or not duration:
        raise CommandError(f"aws:assumeRoles duration: {duration!r} is refused: it must be like 1h30m")
    hours, minutes, rest = (int(part or 0) for part in found.groups())
    return hours * 3600 + minutes * 60 + rest


def _text(settings: Mapping[str, object], name: str) -> str | None:
    value = settings.get(name)
    return str(value) if value else None


def _failures() -> tuple[type[Exception], ...]:
    exceptions: Any = import_module("botocore.exceptions")
    return (exceptions.BotoCoreError, exceptions.ClientError)
