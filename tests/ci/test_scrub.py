"""No secret in a text: by value in every form, and by shape; what is no secret is let through."""

from __future__ import annotations

import base64
import json

import pytest

from ci import scrub

KEY = "Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9v"
SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}


@pytest.mark.parametrize("before", ["", "x", "xy", "xyz"])
def test_a_known_value_is_found_in_every_form(before: str) -> None:
    encoded = base64.b64encode(f'{before}PSK {KEY}"'.encode()).decode()
    assert scrub.found_in(f"a {KEY} b", {"tunnel 1": KEY}) == ["tunnel 1"]
    assert scrub.found_in(encoded, {"tunnel 1": KEY}) == ["tunnel 1"]
    assert scrub.found_in(encoded, {"tunnel 2": KEY[::-1]}) == []


def test_a_value_of_several_lines_is_found_in_json() -> None:
    assert scrub.found_in(json.dumps({"a": "first line\nsecond"}), {"file": "first line\nsecond"}) == ["file"]


def test_a_short_value_is_a_word() -> None:
    assert scrub.found_in("the lab is up", {"passphrase": "lab"}) == []


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("-----BEGIN " + "RSA PRIVATE KEY-----", "a private key"),
        (f'203.0.113.1 198.51.100.1 : PSK "{KEY}"', "a line of ipsec.secrets"),
        ("AKIA" + "IOSFODNN7EXAMPLE", "an AWS access key"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY.SflKxwRJSMeKKF2QT4f", "a JSON web token"),
        ("ghs_" + "a" * 36, "a GitHub token"),
        ("pul-" + "0" * 40, "a Pulumi token"),
    ],
)
def test_what_looks_like_a_secret_is_found_unknown(text: str, name: str) -> None:
    assert scrub.found_in(f"before {text} after", {}) == [name]


@pytest.mark.parametrize(
    "text",
    [
        "secretKey: [secret]",
        'PSK "[secret]"',
        """f'{left} {right} : PSK "{key}"'""",
        "ocid1.ipsecconnection.oc1.us-ashburn-1.bhgwcisr6njchvf4lf7q3oplzcsdx24m4qmlgwdnxx5wfryveiw5a76c54ki",
        "-----BEGIN CERTIFICATE-----",
    ],
)
def test_what_is_no_secret_is_let_through(text: str) -> None:
    assert scrub.found_in(text, {}) == []


def test_secrets_of_the_environment_are_known_by_their_names() -> None:
    secret = {"PULUMI_CONFIG_PASSPHRASE": "a", "GITHUB_TOKEN": "b", "AWS_SECRET_ACCESS_KEY": "c"}
    none = {"PATH": "d", "OCI_WORKLOAD_IDENTITY_TOKEN_PATH": "e", "AWS_ACCESS_KEY_ID": "f"}
    assert scrub.of_environment({**secret, **none}) == secret


def test_secrets_of_the_settings_are_those_that_the_engine_marks() -> None:
    config = {"a": {"value": "open", "secret": False}, "b": {"value": KEY, "secret": True}}
    assert scrub.of_config(config) == {"b": KEY}


def test_secrets_of_the_state_are_named_by_resource_and_property() -> None:
    inputs = {"open": "text", "list": [{"deep": {**SECRET, "plaintext": json.dumps({"keys": [KEY, 1]})}}]}
    outputs = {"key": {**SECRET, "plaintext": json.dumps(KEY)}}
    state = {"deployment": {"resources": [{"urn": "a::b::host", "inputs": inputs, "outputs": outputs}]}}
    assert scrub.of_state(state) == {"host inputs.list[0].deep.keys[0]": KEY, "host outputs.key": KEY}


@pytest.mark.parametrize("state", [{}, {"deployment": None}, {"deployment": {"resources": None}}])
def test_an_empty_state_has_none(state: dict[str, None]) -> None:
    assert scrub.of_state(state) == {}
