"""Writes what a stack registered as one flat Python file: the same resources, without components or settings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

_HEAD = """import pulumi
import pulumi_aws
import pulumi_command
import pulumi_oci

aws = pulumi_aws.Provider("aws", region="us-east-1")
keys = pulumi.Config("oci")
oci = pulumi_oci.Provider(
    "oci",
    region="us-ashburn-1",
    tenancy_ocid=keys.require("tenancyOcid"),
    user_ocid=keys.require("userOcid"),
    fingerprint=keys.require("fingerprint"),
    private_key_path=keys.require("privateKeyPath"),
)
with_aws = pulumi.ResourceOptions(provider=aws)
with_oci = pulumi.ResourceOptions(provider=oci)
"""

# Maps whose keys are the user's own, not names of properties.
_USER_MAPS = frozenset({"tags", "freeformTags", "definedTags", "environment"})


def flat_program(resources: Iterable[Mapping[str, Any]]) -> str:
    """Source of a program that registers these resources (type, name, inputs), every value written out."""
    calls = [_call(resource) for resource in resources]
    return "\n".join([_HEAD, *calls])


def _call(resource: Mapping[str, Any]) -> str:
    package, module, name = _class(resource["type"])
    options = {"pulumi_aws": ", opts=with_aws", "pulumi_oci": ", opts=with_oci"}.get(package, "")
    path = ".".join(part for part in (package, module, name) if part)
    arguments = "".join(
        f",\n    {_snake(key)}={_literal(value, user_map=key in _USER_MAPS)}"
        for key, value in resource["inputs"].items()
    )
    return f"{path}(\n    {resource['name']!r}{arguments}{options}\n)"


def _class(token: str) -> tuple[str, str, str]:
    package, module, name = token.split(":")
    if package == "pulumi":
        return "pulumi", "", name
    return f"pulumi_{package}", module.split("/")[0].lower(), name


def _literal(value: Any, *, user_map: bool = False) -> str:
    if isinstance(value, Mapping):
        names = {key: key if user_map else _snake(key) for key in value}
        pairs = (f"{names[key]!r}: {_literal(item)}" for key, item in value.items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_literal(item) for item in value) + "]"
    if isinstance(value, float) and value.is_integer():
        return repr(int(value))
    return repr(value)


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])([A-Z])|(?<=\d)([A-Z])", r"_\1\2", name).lower()
