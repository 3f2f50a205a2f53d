"""The AWS identity that the stack's aws:* configuration names, against a server that answers as STS and EC2.

Does not prove that AWS accepts it.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

import pytest
from botocore.awsrequest import AWSResponse

from commands.aws_sign_in import assumed_roles, ec2_client, seconds, session
from commands.invocation import CommandError


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """Every request that boto3 would send, answered as STS would: the nth role gets the key AKIAn."""
    sent: list[dict[str, str]] = []

    def send(_: Any, request: Any) -> AWSResponse:
        body = {name: value[0] for name, value in parse_qs(str(request.body)).items()}
        signature = request.headers["Authorization"].decode()
        sent.append({**body, "url": request.url, "key": signature.split("Credential=")[1].split("/")[0]})
        text = f"""<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
            <AccessKeyId>AKIA{len(sent)}</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>
            <Expiration>2036-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"""
        if body["RoleArn"].endswith("forbidden"):
            text = "<ErrorResponse><Error><Code>AccessDenied</Code><Message>not you</Message></Error></ErrorResponse>"
        answer = AWSResponse(request.url, 403 if "Error" in text else 200, {}, None)
        answer._content = text.encode()
        return answer

    monkeypatch.setattr("botocore.httpsession.URLLib3Session.send", send)
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "environment")
    monkeypatch.setenv("AWS_CONFIG_FILE", "none")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "none")
    return sent


def test_without_configuration_the_usual_chain_is_used(calls: list[dict[str, str]]) -> None:
    found = session({}, "eu-central-1")
    assert found.get_credentials().access_key == "AKIAENV"
    assert found.region_name == "eu-central-1"
    assert calls == []


def test_keys_of_the_configuration_win(calls: list[dict[str, str]]) -> None:
    found = session({"accessKey": "AKIACONF", "secretKey": "s", "token": "t"}, "eu-central-1")
    given = found.get_credentials()
    assert (given.access_key, given.secret_key, given.token) == ("AKIACONF", "s", "t")


def test_profile(calls: list[dict[str, str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    file = tmp_path / "credentials"
    file.write_text("[lab]\naws_access_key_id=AKIALAB\naws_secret_access_key=s\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    assert session({"profile": "lab"}, "eu-central-1").get_credentials().access_key == "AKIALAB"


def test_roles_are_assumed_one_after_the_other(calls: list[dict[str, str]]) -> None:
    settings = {
        "assumeRole": '{"roleArn": "arn:aws:iam::1:role/first", "duration": "15m", "externalId": "xy"}',
        "assumeRoles": [
            {
                "roleArn": "arn:aws:iam::2:role/second",
                "sessionName": "mine",
                "policyArns": ["arn:aws:iam::2:policy/narrow"],
                "tags": {"a": "b"},
            }
        ],
    }
    found = session(settings, "eu-central-1")
    assert found.get_credentials().access_key == "AKIA2"
    first, second = calls
    assert (first["key"], first["RoleArn"], first["DurationSeconds"], first["ExternalId"]) == (
        "AKIAENV",
        "arn:aws:iam::1:role/first",
        "900",
        "xy",
    )
    assert first["RoleSessionName"] == "aws-oci-libreswan"
    assert (second["key"], second["RoleArn"], second["RoleSessionName"]) == (
        "AKIA1",
        "arn:aws:iam::2:role/second",
        "mine",
    )
    assert (second["PolicyArns.member.1.arn"], second["Tags.member.1.Key"]) == ("arn:aws:iam::2:policy/narrow", "a")
    assert second["url"] == "https://sts.eu-central-1.amazonaws.com/"


def test_a_refused_role(calls: list[dict[str, str]]) -> None:
    with pytest.raises(CommandError) as refused:
        session({"assumeRoles": [{"roleArn": "arn:aws:iam::1:role/forbidden"}]}, "eu-central-1")
    assert str(refused.value) == (
        "AWS sign-in failed: An error occurred (AccessDenied) when calling the AssumeRole operation: not you"
    )


def test_an_unknown_profile(calls: list[dict[str, str]]) -> None:
    with pytest.raises(CommandError) as refused:
        session({"profile": "nobody"}, "eu-central-1")
    assert str(refused.value) == "AWS sign-in failed: The config profile (nobody) could not be found"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"assumeRoles": "hunter2"}, "aws:assumeRoles is refused: it must be JSON"),
        ({"assumeRoles": ["hunter2"]}, "aws:assumeRoles is refused: each role must be an object with a roleArn"),
        ({"assumeRole": {"externalId": "x"}}, "aws:assumeRoles is refused: each role must be an object with a roleArn"),
        (
            {"assumeRoles": [{"roleArn": "r", "duration": "soon"}]},
            "aws:assumeRoles duration: 'soon' is refused: it must be like 1h30m",
        ),
        (
            {"assumeRoleWithWebIdentity": {"roleArn": "r"}},
            "aws:assumeRoleWithWebIdentity is refused: the proof of the tunnels cannot use it; use aws:profile, "
            "aws:assumeRoles or the AWS_… variables of the environment",
        ),
        (
            {"endpoints": [{"ec2": "x"}]},
            "aws:endpoints is refused: the proof of the tunnels cannot use it; use aws:profile, aws:assumeRoles or the "
            "AWS_… variables of the environment",
        ),
    ],
)
def test_refused_settings(settings: dict[str, object], message: str) -> None:
    with pytest.raises(CommandError) as refused:
        assumed_roles(settings)
    assert str(refused.value) == message


@pytest.mark.parametrize(("text", "number"), [("1h", 3600), ("1h30m", 5400), ("900s", 900), ("1h0m1s", 3601)])
def test_durations(text: str, number: int) -> None:
    assert seconds(text) == number


@pytest.mark.parametrize("text", ["", "1d", "30", "m5"])
def test_refused_durations(text: str) -> None:
    with pytest.raises(CommandError) as refused:
        seconds(text)
    assert str(refused.value) == f"aws:assumeRoles duration: {text!r} is refused: it must be like 1h30m"


def test_the_endpoint_of_the_environment_is_used(calls: list[dict[str, str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    assert ec2_client({}, "eu-central-1").meta.endpoint_url == "http://127.0.0.1:9"
