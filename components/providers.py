"""Explicit providers: each cloud's settings from the stack's `aws:` and `oci:` configuration, passed on once."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws
import pulumi_oci as oci

from commands import aws_sign_in, oci_sign_in
from commands.invocation import CommandError
from components.configuration import SettingError, read
from components.settings import Settings

# Oracle answers 409 while a connection is provisioning, which takes minutes; only this file makes the provider
# try longer than two. Relative, so that every checkout previews the same.
OCI_RETRIES = "oci-retries.json"


@dataclass(frozen=True, kw_only=True)
class Providers:
    """Both clouds' providers, and what the commands need to sign in by themselves."""

    aws: aws.Provider
    oci: oci.Provider
    sign_in: pulumi.Output[str]
    """Secret JSON of the `aws:` and `oci:` configuration: the standard input of every command."""


def make_providers(settings: Settings, environment: Mapping[str, str]) -> Providers:
    """Raises SettingError for a provider setting that does not exist, or that the commands cannot sign in by."""
    aws_values, aws_secrets = read("aws", environment)
    oci_values, oci_secrets = read("oci", environment)
    aws_arguments = _arguments("aws", aws.Provider, aws_values, aws_secrets)
    oci_arguments = _arguments("oci", oci.Provider, oci_values, oci_secrets)
    if faults := _sign_in_faults(settings, aws_values, oci_values, environment):
        raise SettingError("\n".join(faults))
    if prefixes := settings.aws.ignored_aws_tag_prefixes:
        # A plain dict would reach the provider with its keys as they are written here, in snake_case.
        aws_arguments.setdefault("ignore_tags", aws.ProviderIgnoreTagsArgs(key_prefixes=list(prefixes)))
    if ignored := settings.oci.ignored_defined_tags:
        oci_arguments.setdefault("ignore_defined_tags", list(ignored))
    oci_arguments.setdefault("retries_config_file", OCI_RETRIES)
    return Providers(
        aws=aws.Provider("aws", **aws_arguments),
        oci=oci.Provider("oci", **oci_arguments),
        sign_in=pulumi.Output.secret(json.dumps({"aws": aws_values, "oci": oci_values}, sort_keys=True)),
    )


def _sign_in_faults(
    settings: Settings, aws_values: Mapping[str, str], oci_values: Mapping[str, str], environment: Mapping[str, str]
) -> list[str]:
    """Why a command could not sign in where the providers can: known now, and not in the middle of an `up`."""
    faults = []
    if refusal := oci_sign_in.refusal(oci_values, environment):
        faults.append(refusal)
    # Of the commands only the proof asks AWS.
    if settings.stack.proof:
        try:
            aws_sign_in.assumed_roles(aws_values)
        except CommandError as refused:
            faults.append(str(refused))
    return faults


def _arguments(
    namespace: str, provider: type, values: Mapping[str, str], secret_keys: frozenset[str]
) -> dict[str, Any]:
    parameters = inspect.signature(provider._internal_init).parameters  # type: ignore[attr-defined]
    known = parameters.keys() - {"__self__", "__props__", "resource_name", "opts"}
    arguments: dict[str, Any] = {}
    for key, text in values.items():
        name = re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", key).lower()
        if name not in known:
            raise SettingError(f"{namespace}:{key}: the {namespace} provider has no such setting")
        try:
            value = json.loads(text) if text[:1] in ("[", "{") else {"true": True, "false": False}.get(text, text)
        except json.JSONDecodeError as fault:
            # Without the value: it may be a secret.
            raise SettingError(f"{namespace}:{key}: a list or map is written as JSON: {fault.msg}") from None
        arguments[name] = pulumi.Output.secret(value) if key in secret_keys else value
    return arguments
