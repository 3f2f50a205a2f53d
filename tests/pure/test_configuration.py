"""Pulumi.yaml, the settings and how they are read: one list of keys with one default each."""

from __future__ import annotations

import inspect
import json
import re
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pulumi_aws as aws
import pulumi_oci as oci
import pytest
import yaml

from components import configuration
from components.configuration import SettingError
from components.host_os import HOST_OS
from components.providers import _arguments
from components.settings import AwsSettings, HostSettings, OciSettings, StackSettings, TunnelSettings, WatchingSettings
from tests.pure.stacks import SECRET, VALID, parse, texts

ROOT = Path(__file__).resolve().parents[2]
PROJECT: dict[str, Any] = yaml.safe_load((ROOT / "Pulumi.yaml").read_text(encoding="utf-8"))
SCHEMA: dict[str, dict[str, Any]] = PROJECT["config"]
GROUPS = (StackSettings, AwsSettings, OciSettings, TunnelSettings, HostSettings, WatchingSettings)


def default_text(key: str) -> str | None:
    """The default as the engine hands it over; None where the user must set the key."""
    if "default" not in SCHEMA[key]:
        return None
    default = SCHEMA[key]["default"]
    return default if isinstance(default, str) else json.dumps(default)


def test_every_key_is_in_both_places() -> None:
    assert sorted(SCHEMA) == sorted(configuration.keys())


@pytest.mark.parametrize("key", SCHEMA)
def test_a_key_is_described_and_typed(key: str) -> None:
    schema = SCHEMA[key]
    assert len(schema["description"]) > 20
    assert schema["type"] in {"string", "integer", "boolean", "array", "object"}
    assert ("items" in schema) == (schema["type"] == "array")
    assert re.fullmatch(r"[a-z][A-Za-z0-9]*", key)


@pytest.mark.parametrize("key", SCHEMA)
def test_the_default_in_pulumi_yaml_is_the_programs(key: str) -> None:
    [field] = [f for group in GROUPS for f in group.model_fields.values() if f.alias == key]
    text = default_text(key)
    if text is None:
        assert field.is_required()
        return
    if key not in VALID:
        assert configuration.parse({**texts({}), key: text}, SECRET) == parse()
    # An empty text or list stands for nothing set; what the program makes of nothing is its own default.
    if text not in ("", "[]", "{}"):
        assert json.loads(field_json(key)) == SCHEMA[key]["default"]


def field_json(key: str) -> str:
    """The program's own default as JSON."""
    [(group, name)] = [(g, n) for g in GROUPS for n, f in g.model_fields.items() if f.alias == key]
    default = group.model_fields[name].default
    if key == "vcnIngress":
        return json.dumps([ingress.label for ingress in default])
    return json.dumps(str(default) if isinstance(default, IPv4Network) else default)


def test_all_defaults_together_are_the_smallest_stack() -> None:
    defaults = {key: text for key in SCHEMA if (text := default_text(key)) is not None}
    assert configuration.parse({**defaults, **texts({})}, SECRET) == parse()


def test_the_descriptions_name_what_can_be_chosen() -> None:
    for name in HOST_OS:
        assert name in SCHEMA["hostOs"]["description"]


def test_keys_are_no_more_secret_in_one_place() -> None:
    kinds = {key for key, kind in configuration.keys().items() if "SecretStr" in str(kind)}
    assert kinds == set(SECRET)


def test_the_engine_that_knows_all_options_used_is_asked_for() -> None:
    assert PROJECT["requiredPulumiVersion"] == ">=3.247.0"
    assert PROJECT["runtime"] == {"name": "python", "options": {"toolchain": "pip", "virtualenv": ".venv"}}


def test_the_example_stack_needs_one_key_more() -> None:
    stack = yaml.safe_load((ROOT / "Pulumi.dev.yaml").read_text(encoding="utf-8"))["config"]
    own = {k.removeprefix("aws-oci-libreswan:"): v for k, v in stack.items() if k.startswith("aws-oci-libreswan:")}
    given = {key: value if isinstance(value, str) else json.dumps(value) for key, value in own.items()}
    with pytest.raises(SettingError) as refused:
        configuration.parse(given)
    assert str(refused.value) == ("compartmentId: it is required; set it with `pulumi config set compartmentId …`")
    settings = configuration.parse({**given, "compartmentId": "ocid1.compartment.oc1..x"})
    assert list(map(str, settings.aws.vpc_cidrs)) == ["10.0.0.0/16"]
    assert list(map(str, settings.oci.vcn_cidrs)) == ["172.16.0.0/16"]


def test_reading_what_the_engine_hands_over() -> None:
    environment = {
        "PULUMI_CONFIG": json.dumps({"p:one": "1", "p:key": "s", "aws:region": "r", "pp:two": "2"}),
        "PULUMI_CONFIG_SECRET_KEYS": json.dumps(["p:key", "oci:privateKey"]),
    }
    assert configuration.read("p", environment) == ({"one": "1", "key": "s"}, frozenset({"key"}))
    assert configuration.read("aws", environment) == ({"region": "r"}, frozenset())
    assert configuration.read("p", {}) == ({}, frozenset())


def test_settings_cannot_change_once_read() -> None:
    settings = parse()
    for holder, name in ((settings.host, "instance_type"), (settings, "host")):
        with pytest.raises(ValueError, match="frozen"):
            setattr(holder, name, "another")


def test_what_follows_from_the_settings() -> None:
    assert parse().tunnel.profile.name == "aes256gcm-group20"
    assert parse(ikeVersion=1).tunnel.profile.name == "aes256gcm-group14"
    assert parse(ikeVersion="1").tunnel.ike_version == 1
    assert parse(instanceType="t4g.small").host.architecture == "arm64"
    assert parse().host.os is HOST_OS["debian-13"]


class TestProviderArguments:
    def test_values_become_arguments(self) -> None:
        values = {"region": "us-east-1", "skipRegionValidation": "true", "ignoreTags": '{"keys": ["a"]}'}
        assert _arguments("aws", aws.Provider, values, frozenset()) == {
            "region": "us-east-1",
            "skip_region_validation": True,
            "ignore_tags": {"keys": ["a"]},
        }

    @pytest.mark.parametrize(("namespace", "provider"), [("aws", aws.Provider), ("oci", oci.Provider)])
    def test_every_setting_of_a_provider_is_found_by_its_name(self, namespace: str, provider: Any) -> None:
        """The SDK's own translation of names, by the names of the properties it reads back."""
        arguments = [
            name
            for name in inspect.signature(provider._internal_init).parameters
            if name not in ("__self__", "__props__", "resource_name", "opts")
        ]
        assert len(arguments) > 10
        for name in arguments:
            head, *rest = name.split("_")
            camel = head + "".join(part.capitalize() for part in rest)
            assert list(_arguments(namespace, provider, {camel: "x"}, frozenset())) == [name]

    @pytest.mark.parametrize("key", ["regoin", "opts", "resourceName", "__self__", "__props__"])
    def test_what_is_no_setting(self, key: str) -> None:
        with pytest.raises(SettingError) as refused:
            _arguments("oci", oci.Provider, {key: "value"}, frozenset())
        assert str(refused.value) == f"oci:{key}: the oci provider has no such setting"

    def test_broken_json_is_refused_without_its_value(self) -> None:
        with pytest.raises(SettingError) as refused:
            _arguments("oci", oci.Provider, {"privateKey": "{hidden"}, frozenset({"privateKey"}))
        assert str(refused.value) == (
            "oci:privateKey: a list or map is written as JSON: Expecting property name enclosed in double quotes"
        )
        assert refused.value.__cause__ is None
