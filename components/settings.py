"""What a stack may say: every key and what its value must look like.

The meaning of each key is in Pulumi.yaml, what several keys must agree on in rules.py, and how they are read in
configuration.py.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from ipaddress import IPv4Network
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from components import addresses, packet_size
from components.crypto import DEFAULT_PROFILE, PROFILES, CryptoProfile
from components.host_firewall import FIRST_RULE
from components.host_os import HOST_OS, Architecture, HostOs, InterfaceKind, architecture_of
from components.ingress import Ingress


def _refuse(rule: str) -> PydanticCustomError:
    # The rule may hold braces of its own, which pydantic would read as places to fill in.
    return PydanticCustomError("rule", "{rule}", {"rule": rule})


def _network(text: object) -> object:
    if isinstance(text, IPv4Network):
        return text
    try:
        return addresses.parse_network(str(text))
    except ValueError as fault:
        raise _refuse(str(fault)) from None


def _ingress(text: object) -> object:
    try:
        return text if isinstance(text, Ingress) else Ingress.parse(str(text))
    except ValueError as fault:
        raise _refuse(str(fault)) from None


def _inside(network: IPv4Network) -> IPv4Network:
    if fault := addresses.inside_fault(network):
        raise _refuse(fault)
    return network


def _pre_shared_key(key: SecretStr) -> SecretStr:
    text = key.get_secret_value()
    # OCI takes letters, digits and spaces; Libreswan's FIPS mode wants 24 bytes, Oracle at most 64.
    if not (32 <= len(text) <= 64 and text.isascii() and text.isalnum()):
        raise _refuse("a pre-shared key is 32 to 64 letters and digits")
    return key


def _one_of(names: Collection[str]) -> AfterValidator:
    def check(name: str) -> str:
        if name not in names:
            raise _refuse(f"one of {', '.join(names)}")
        return name

    return AfterValidator(check)


def _instance_type(text: str) -> str:
    try:
        architecture_of(text)
    except ValueError as fault:
        raise _refuse(str(fault)) from None
    return text


# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
_LOG_DAYS = (0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)


def _log_days(days: int) -> int:
    if days not in _LOG_DAYS:
        raise _refuse(f"days that CloudWatch keeps a log, one of {', '.join(map(str, _LOG_DAYS))}")
    return days


def _whole_number(text: object) -> object:
    return int(text) if isinstance(text, str) and text.isdecimal() else text


def _matching(pattern: str, rule: str) -> AfterValidator:
    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise _refuse(rule)
        return text

    return AfterValidator(check)


def _ocid(kind: str) -> AfterValidator:
    return _matching(rf"ocid1\.{kind}\.[\w.-]+", f"an OCID that begins with ocid1.{kind.split('|')[0].strip('(')}.")


def _aws_id(prefix: str) -> AfterValidator:
    return _matching(rf"{prefix}-[0-9a-f]{{8,17}}", f"an id such as {prefix}-0123456789abcdef0")


Network = Annotated[IPv4Network, BeforeValidator(_network)]
InsideNetwork = Annotated[IPv4Network, BeforeValidator(_network), AfterValidator(_inside)]
PreSharedKey = Annotated[SecretStr, AfterValidator(_pre_shared_key)]
Networks = tuple[Network, ...]


class Group(BaseModel):
    """Keys that belong together. In the stack file they are flat, in camelCase, as everywhere in Pulumi."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)

    @classmethod
    def keys(cls) -> dict[str, Any]:
        """The configuration keys of the group, with the type of each."""
        return {str(field.alias): field.annotation for field in cls.model_fields.values()}


class StackSettings(Group):
    disposable: bool = False
    tags: dict[str, str] = {}
    allow_public_cidrs: bool = False
    proof: bool = True
    proof_timeout_minutes: Annotated[int, Field(ge=1, le=120)] = 20


class AwsSettings(Group):
    vpc_cidrs: Networks = ()
    vpc_id: Annotated[str, _aws_id("vpc")] | None = None
    host_subnet_cidr: Network | None = None
    host_subnet_id: Annotated[str, _aws_id("subnet")] | None = None
    client_subnet_cidrs: Networks = ()
    route_table_ids: tuple[Annotated[str, _aws_id("rtb")], ...] = ()
    network_acl_id: Annotated[str, _aws_id("acl")] | None = None
    network_acl_first_rule: Annotated[int, Field(ge=1, le=32_000)] = FIRST_RULE
    availability_zone: str | None = None
    ssh_cidrs: Networks = ()
    ssh_key_name: str | None = None
    ignored_aws_tag_prefixes: tuple[str, ...] = ()


class OciSettings(Group):
    compartment_id: Annotated[str, _ocid("(compartment|tenancy)")]
    vcn_cidrs: Networks = ()
    vcn_id: Annotated[str, _ocid("vcn")] | None = None
    vcn_subnet_cidrs: Networks = ()
    vcn_route_table_ids: tuple[Annotated[str, _ocid("routetable")], ...] = ()
    vcn_security_list_ids: tuple[Annotated[str, _ocid("securitylist")], ...] = ()
    vcn_network_security_group_ids: tuple[Annotated[str, _ocid("networksecuritygroup")], ...] = ()
    vcn_ingress: tuple[Annotated[Ingress, BeforeValidator(_ingress)], ...] = (Ingress.parse("all"),)
    drg_id: Annotated[str, _ocid("drg")] | None = None
    drg_attachment_id: Annotated[str, _ocid("drgattachment")] | None = None
    defined_tags: dict[str, str] = {}
    ignored_defined_tags: tuple[str, ...] = ()


class TunnelSettings(Group):
    ike_version: Annotated[Literal[1, 2], BeforeValidator(_whole_number)] = 2
    crypto_profile: Annotated[str, _one_of(PROFILES)] | None = None
    interface_kind: InterfaceKind = "vti"
    tunnel1_inside_cidr: InsideNetwork = IPv4Network("169.254.21.0/30")
    tunnel2_inside_cidr: InsideNetwork = IPv4Network("169.254.22.0/30")
    tunnel1_pre_shared_key: PreSharedKey | None = None
    tunnel2_pre_shared_key: PreSharedKey | None = None
    pre_shared_key_delivery: Literal["parameterStore", "userData"] = "parameterStore"
    kms_key_arn: Annotated[str, _matching(r"arn:[\w-]+:kms:.+:key/.+", "the ARN of a KMS key")] | None = None
    path_mtu: Annotated[int, Field(ge=packet_size.SMALLEST_PATH_MTU, le=packet_size.LARGEST_PATH_MTU)] = 1500

    @property
    def profile(self) -> CryptoProfile:
        """The chosen crypto profile, or the default of the IKE version."""
        return PROFILES[self.crypto_profile or DEFAULT_PROFILE[self.ike_version]]

    @property
    def inside_cidrs(self) -> tuple[IPv4Network, IPv4Network]:
        return self.tunnel1_inside_cidr, self.tunnel2_inside_cidr

    @property
    def pre_shared_keys(self) -> tuple[SecretStr | None, SecretStr | None]:
        return self.tunnel1_pre_shared_key, self.tunnel2_pre_shared_key


class HostSettings(Group):
    host_os: Annotated[str, _one_of(HOST_OS)] = "debian-13"
    instance_type: Annotated[str, AfterValidator(_instance_type)] = "t3.small"
    image_id: Annotated[str, _aws_id("ami")] | None = None
    image_revision: Annotated[int, Field(ge=1)] = 1
    root_volume_gib: Annotated[int, Field(ge=10, le=1024)] = 16
    upgrade_window: Annotated[
        str,
        _matching(
            r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun) ([01]\d|2[0-3]):[0-5]\d", "a day of the week and a time, as in Sun 03:00"
        ),
    ] = "Sun 03:00"
    instance_profile_name: str | None = None
    permissions_boundary_arn: (
        Annotated[str, _matching(r"arn:[\w-]+:iam::.+:policy/.+", "the ARN of an IAM policy")] | None
    ) = None

    @property
    def os(self) -> HostOs:
        return HOST_OS[self.host_os]

    @property
    def architecture(self) -> Architecture:
        return architecture_of(self.instance_type)


class WatchingSettings(Group):
    cloud_watch_log_days: Annotated[int, AfterValidator(_log_days)] = 0
    alarms: bool = False
    alarm_email: Annotated[str, _matching(r"[^@\s]+@[^@\s]+\.[^@\s]+", "an e-mail address")] | None = None


class Settings(BaseModel):
    """All that the stack says about its own project, checked key by key."""

    model_config = ConfigDict(frozen=True)

    stack: StackSettings
    aws: AwsSettings
    oci: OciSettings
    tunnel: TunnelSettings
    host: HostSettings
    watching: WatchingSettings
