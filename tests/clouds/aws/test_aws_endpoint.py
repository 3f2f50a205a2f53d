"""The regional endpoint as an instance's SDK meets it: over TLS, as its role, and with no right beside the declared.

Does not prove that signatures are right, nor AWS' wording but for the refusals that its guide shows.
"""

from __future__ import annotations

import json
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from itertools import count
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.utils import InstanceMetadataFetcher
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from lab.clouds.aws import sessions
from lab.clouds.aws.server import AwsCloud, start_aws
from tests.clouds.aws.recording_hypervisor import RecordingHypervisor

REGION = "eu-central-1"
OWN = "/libreswan/dev/tunnel-1/pre-shared-key"
OTHER = "/libreswan/prod/tunnel-1/pre-shared-key"
ARN = f"arn:aws:ssm:{REGION}:123456789012:parameter"
# A role's name is the account's, and each test has a role of its own.
NUMBERS = count(1)


@dataclass(frozen=True, kw_only=True)
class Files:
    certificate: Path
    key: Path
    record: Path


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = tmp_path_factory.mktemp("endpoint")
    made = Files(certificate=folder / "cert.pem", key=folder / "key.pem", record=folder / "calls.jsonl")
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "the lab's Amazon")])
    now = datetime.now(UTC)
    hosts = [x509.DNSName(f"*.{REGION}.amazonaws.com"), x509.IPAddress(IPv4Address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName(hosts), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(private, hashes.SHA256())
    )
    made.certificate.write_bytes(certificate.public_bytes(Encoding.PEM))
    made.key.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return made


@pytest.fixture(scope="module")
def hypervisor() -> RecordingHypervisor:
    return RecordingHypervisor()


@pytest.fixture(scope="module")
def cloud(hypervisor: RecordingHypervisor, files: Files) -> Iterator[AwsCloud]:
    running = start_aws(record=files.record, hypervisor=hypervisor)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def port(cloud: AwsCloud, files: Files) -> int:
    return cloud.start_endpoint(files.certificate, files.key)


def statement(action: str | list[str], resource: str | list[str], effect: str = "Allow") -> dict[str, Any]:
    return {"Effect": effect, "Action": action, "Resource": resource}


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


@dataclass(frozen=True, kw_only=True)
class Guest:
    """An instance with a role of its own, and the clients that a program in it has."""

    iam: Any
    instance: str
    role: str
    certificate: Path
    port: int
    credentials: dict[str, Any] = field(repr=False)

    def client(self, service: str, **given: Any) -> Any:
        keys = {
            "aws_access_key_id": self.credentials["access_key"],
            "aws_secret_access_key": self.credentials["secret_key"],
            "aws_session_token": self.credentials["token"],
        }
        return boto3.client(
            service,
            region_name=REGION,
            verify=str(self.certificate),
            config=Config(retries={"total_max_attempts": 1}),
            **{"endpoint_url": f"https://127.0.0.1:{self.port}", **keys, **given},
        )

    def read(self, name: str, **given: Any) -> str:
        found = self.client("ssm", **given).get_parameter(Name=name, WithDecryption=True)
        return str(found["Parameter"]["Value"])

    def put(self, *statements: dict[str, Any]) -> None:
        self.iam.put_role_policy(RoleName=self.role, PolicyName="keys", PolicyDocument=policy(*statements))

    def refused(self, call: Callable[[], Any]) -> tuple[str, str, int]:
        with pytest.raises(ClientError) as refusal:
            call()
        error = refusal.value.response["Error"]
        return error["Code"], error["Message"], refusal.value.response["ResponseMetadata"]["HTTPStatusCode"]

    def denied(self, action: str, resource: str, why: str) -> tuple[str, str, int]:
        who = f"arn:aws:sts::123456789012:assumed-role/{self.role}/{self.instance}"
        message = f"User: {who} is not authorized to perform: {action} on resource: {resource} {why}"
        return "AccessDeniedException", message, 400


def nothing_allows(action: str) -> str:
    return f"because no identity-based policy allows the {action} action"


@pytest.fixture
def guest(
    cloud: AwsCloud,
    hypervisor: RecordingHypervisor,
    stack: Any,
    port: int,
    files: Files,
) -> Iterator[Guest]:
    iam, ssm = cloud.client("iam", REGION), cloud.client("ssm", REGION)
    role = f"host-{next(NUMBERS)}"
    iam.create_role(RoleName=role, AssumeRolePolicyDocument=policy())
    iam.create_instance_profile(InstanceProfileName=role)
    iam.add_role_to_instance_profile(InstanceProfileName=role, RoleName=role)
    for name in (OWN, OTHER):
        ssm.put_parameter(Name=name, Value=f"key of {name}", Type="SecureString", Overwrite=True)
    instance = stack.launch(SubnetId=stack.subnet, IamInstanceProfile={"Name": role})
    metadata = f"http://127.0.0.1:{hypervisor.launches[instance].metadata_port}/"
    credentials = InstanceMetadataFetcher(base_url=metadata, env={}).retrieve_iam_role_credentials()
    yield Guest(
        iam=iam, instance=instance, role=role, certificate=files.certificate, port=port, credentials=credentials
    )
    cloud.behaviour.role_seconds = 0.0
    cloud.behaviour.endpoint_away = False


def test_a_role_reads_its_own_parameter_and_no_other(guest: Guest) -> None:
    guest.put(statement("ssm:GetParameter", [f"{ARN}{OWN}"]))
    assert guest.read(OWN) == f"key of {OWN}"
    assert guest.refused(lambda: guest.read(OTHER)) == guest.denied(
        "ssm:GetParameter", f"{ARN}{OTHER}", nothing_allows("ssm:GetParameter")
    )
    # Another action than the allowed one.
    names = [OWN]
    assert guest.refused(lambda: guest.client("ssm").get_parameters(Names=names)) == guest.denied(
        "ssm:GetParameters", f"{ARN}{OWN}", nothing_allows("ssm:GetParameters")
    )


def test_a_program_needs_no_endpoint_but_the_region(guest: Guest, monkeypatch: pytest.MonkeyPatch) -> None:
    """As host/keeper/keys.py calls: the name is AWS' own, and the way to it is the network's matter."""
    guest.put(statement("ssm:GetParameter", f"{ARN}{OWN}"))
    asked: list[str] = []
    real = socket.getaddrinfo

    def lead(host: Any, port: Any, *rest: Any, **more: Any) -> Any:
        asked.append(str(host))
        return real("127.0.0.1", guest.port, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", lead)
    monkeypatch.setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")
    assert guest.read(OWN, endpoint_url=None) == f"key of {OWN}"
    assert asked == [f"ssm.{REGION}.amazonaws.com"]


def test_a_parameter_that_is_not_there_is_refused_by_right_first(guest: Guest) -> None:
    assert guest.refused(lambda: guest.read("/nobody/knows"))[0] == "AccessDeniedException"
    guest.put(statement("ssm:GetParameter", f"{ARN}/nobody/*"))
    assert guest.refused(lambda: guest.read("/nobody/knows"))[0] == "ParameterNotFound"


@pytest.mark.parametrize("name", [f"{ARN}{OWN}", f"{OWN}:1", f"{ARN}{OWN}:1"])
def test_arn_and_version_name_the_same_parameter(guest: Guest, name: str) -> None:
    assert guest.refused(lambda: guest.read(name)) == guest.denied(
        "ssm:GetParameter", f"{ARN}{OWN}", nothing_allows("ssm:GetParameter")
    )
    guest.put(statement("ssm:GetParameter", f"{ARN}{OWN}"))
    assert guest.read(name) == f"key of {OWN}"


def test_several_parameters_need_a_right_each(guest: Guest) -> None:
    guest.put(statement("ssm:GetParameters", f"{ARN}{OWN}"))
    ssm = guest.client("ssm")
    assert [one["Name"] for one in ssm.get_parameters(Names=[OWN])["Parameters"]] == [OWN]
    assert guest.refused(lambda: ssm.get_parameters(Names=[OWN, OTHER])) == guest.denied(
        "ssm:GetParameters", f"{ARN}{OTHER}", nothing_allows("ssm:GetParameters")
    )


def test_public_parameters_are_in_no_account(guest: Guest) -> None:
    name = "/aws/service/debian/release/13/latest/amd64"
    arn = f"arn:aws:ssm:{REGION}::parameter{name}"
    assert guest.refused(lambda: guest.read(name)) == guest.denied(
        "ssm:GetParameter", arn, nothing_allows("ssm:GetParameter")
    )
    guest.put(statement("ssm:GetParameter", arn))
    assert guest.read(name).startswith("ami-")


def test_attached_policies_count_and_a_denial_wins(guest: Guest) -> None:
    document = policy(statement("ssm:GetParameter", "*"))
    arn = guest.iam.create_policy(PolicyName=guest.role, PolicyDocument=document)["Policy"]["Arn"]
    guest.iam.attach_role_policy(RoleName=guest.role, PolicyArn=arn)
    assert guest.read(OTHER) == f"key of {OTHER}"
    guest.put(statement("ssm:*", f"{ARN}{OTHER}", effect="Deny"))
    assert guest.refused(lambda: guest.read(OTHER)) == guest.denied(
        "ssm:GetParameter", f"{ARN}{OTHER}", "with an explicit deny in an identity-based policy"
    )
    assert guest.read(OWN) == f"key of {OWN}"


def test_newest_version_of_an_attached_policy_counts(guest: Guest) -> None:
    document = policy(statement("ssm:GetParameter", f"{ARN}{OTHER}"))
    arn = guest.iam.create_policy(PolicyName=guest.role, PolicyDocument=document)["Policy"]["Arn"]
    guest.iam.attach_role_policy(RoleName=guest.role, PolicyArn=arn)
    assert guest.refused(lambda: guest.read(OWN))[0] == "AccessDeniedException"
    document = policy(statement("ssm:GetParameter", f"{ARN}{OWN}"))
    guest.iam.create_policy_version(PolicyArn=arn, PolicyDocument=document, SetAsDefault=True)
    assert guest.read(OWN) == f"key of {OWN}"
    guest.iam.detach_role_policy(RoleName=guest.role, PolicyArn=arn)
    assert guest.refused(lambda: guest.read(OWN))[0] == "AccessDeniedException"


@pytest.mark.parametrize(
    ("boundary", "why"),
    [
        (statement("ssm:*", "*"), None),
        (statement("s3:*", "*"), "because no permissions boundary allows the ssm:GetParameter action"),
        (statement("*", "*", effect="Deny"), "with an explicit deny in a permissions boundary"),
    ],
)
def test_a_permissions_boundary_must_allow_too(guest: Guest, boundary: dict[str, Any], why: str | None) -> None:
    guest.put(statement("ssm:GetParameter", f"{ARN}{OWN}"))
    document = policy(boundary)
    arn = guest.iam.create_policy(PolicyName=f"{guest.role}-b", PolicyDocument=document)["Policy"]["Arn"]
    guest.iam.put_role_permissions_boundary(RoleName=guest.role, PermissionsBoundary=arn)
    if why is None:
        assert guest.read(OWN) == f"key of {OWN}"
    else:
        assert guest.refused(lambda: guest.read(OWN)) == guest.denied("ssm:GetParameter", f"{ARN}{OWN}", why)


@pytest.mark.parametrize("named", ["KeyId", "Arn", "alias"])
def test_a_key_of_ones_own_needs_a_right_too(cloud: AwsCloud, guest: Guest, named: str) -> None:
    kms = cloud.client("kms", REGION)
    key = kms.create_key()["KeyMetadata"]
    alias = f"alias/{guest.role}"
    kms.create_alias(AliasName=alias, TargetKeyId=key["KeyId"])
    name = f"/own/{guest.role}"
    cloud.client("ssm", REGION).put_parameter(Name=name, Value="x", Type="SecureString", KeyId=key.get(named, alias))
    may_get = statement("ssm:GetParameter", f"{ARN}{name}")
    guest.put(may_get)
    assert guest.refused(lambda: guest.read(name)) == guest.denied(
        "kms:Decrypt", key["Arn"], nothing_allows("kms:Decrypt")
    )
    # Its ciphertext may be read.
    guest.client("ssm").get_parameter(Name=name, WithDecryption=False)
    guest.put(may_get, statement("kms:Decrypt", key["Arn"]))
    assert guest.read(name) == "x"


def test_a_new_role_is_unknown_for_a_while(cloud: AwsCloud, guest: Guest) -> None:
    cloud.behaviour.role_seconds = 1.0
    guest.put(statement("ssm:GetParameter", f"{ARN}{OWN}"))
    denied = guest.denied("ssm:GetParameter", f"{ARN}{OWN}", nothing_allows("ssm:GetParameter"))
    assert guest.refused(lambda: guest.read(OWN)) == denied
    time.sleep(1.05)
    assert guest.read(OWN) == f"key of {OWN}"
    # A change is as late, and the old rights are the rights until then.
    guest.iam.delete_role_policy(RoleName=guest.role, PolicyName="keys")
    assert guest.read(OWN) == f"key of {OWN}"
    time.sleep(1.05)
    assert guest.refused(lambda: guest.read(OWN)) == denied


def test_a_changed_role_of_the_profile_has_new_credentials(
    hypervisor: RecordingHypervisor, cloud: AwsCloud, guest: Guest
) -> None:
    guest.put(statement("ssm:GetParameter", f"{ARN}{OWN}"))
    other = f"{guest.role}-other"
    guest.iam.create_role(RoleName=other, AssumeRolePolicyDocument=policy())
    guest.iam.remove_role_from_instance_profile(InstanceProfileName=guest.role, RoleName=guest.role)
    guest.iam.add_role_to_instance_profile(InstanceProfileName=guest.role, RoleName=other)
    metadata = f"http://127.0.0.1:{hypervisor.launches[guest.instance].metadata_port}/"
    credentials = InstanceMetadataFetcher(base_url=metadata, env={}).retrieve_iam_role_credentials()
    assert credentials["role_name"] == other
    changed = Guest(**{**vars(guest), "role": other, "credentials": credentials})
    assert changed.refused(lambda: changed.read(OWN)) == changed.denied(
        "ssm:GetParameter", f"{ARN}{OWN}", nothing_allows("ssm:GetParameter")
    )
    # The old role's credentials live on.
    assert guest.read(OWN) == f"key of {OWN}"


def test_a_role_made_again_is_another_one(guest: Guest) -> None:
    guest.put(statement("ssm:GetParameter", f"{ARN}{OWN}"))
    guest.iam.remove_role_from_instance_profile(InstanceProfileName=guest.role, RoleName=guest.role)
    guest.iam.delete_role_policy(RoleName=guest.role, PolicyName="keys")
    guest.iam.delete_role(RoleName=guest.role)
    guest.iam.create_role(RoleName=guest.role, AssumeRolePolicyDocument=policy())
    guest.put(statement("ssm:GetParameter", f"{ARN}{OWN}"))
    assert guest.refused(lambda: guest.read(OWN))[0] == "AccessDeniedException"


INVALID = "The security token included in the request is invalid."


@pytest.mark.parametrize(
    "wrong",
    [
        {"aws_access_key_id": "AKIALABDEPLOYER00000"},
        {"aws_session_token": None},
        {"aws_session_token": "made-up"},
    ],
)
def test_strangers_are_refused(guest: Guest, wrong: dict[str, Any]) -> None:
    guest.put(statement("ssm:GetParameter", f"{ARN}{OWN}"))
    assert guest.refused(lambda: guest.read(OWN, **wrong)) == ("UnrecognizedClientException", INVALID, 400)
    identity = guest.client("sts", **wrong).get_caller_identity
    assert guest.refused(identity) == ("InvalidClientTokenId", INVALID, 403)


def test_unsigned_calls_are_refused(guest: Guest) -> None:
    unsigned = Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1})
    client = boto3.client(
        "ssm",
        region_name=REGION,
        endpoint_url=f"https://127.0.0.1:{guest.port}",
        verify=str(guest.certificate),
        config=unsigned,
    )
    assert guest.refused(lambda: client.get_parameter(Name=OWN)) == (
        "MissingAuthenticationTokenException",
        "Missing Authentication Token",
        400,
    )


def test_credentials_expire_and_are_renewed_before(
    hypervisor: RecordingHypervisor, guest: Guest, stack: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "LIFE", timedelta(seconds=0))
    instance = stack.launch(SubnetId=stack.subnet, IamInstanceProfile={"Name": guest.role})
    address = f"http://127.0.0.1:{hypervisor.launches[instance].metadata_port}/"
    fetcher = InstanceMetadataFetcher(base_url=address, env={})
    first, second = (fetcher._get_credentials(guest.role, fetcher._fetch_metadata_token()) for _ in range(2))
    assert first["AccessKeyId"] != second["AccessKeyId"]
    keys = {
        "aws_access_key_id": first["AccessKeyId"],
        "aws_secret_access_key": first["SecretAccessKey"],
        "aws_session_token": first["Token"],
    }
    assert guest.refused(lambda: guest.read(OWN, **keys)) == (
        "ExpiredTokenException",
        "The security token included in the request is expired",
        400,
    )


def test_a_role_writes_into_its_own_log_group_and_no_other(cloud: AwsCloud, guest: Guest) -> None:
    groups = f"arn:aws:logs:{REGION}:123456789012:log-group"
    admin, logs = cloud.client("logs", REGION), guest.client("logs")
    for group in ("/libreswan/own", "/libreswan/other"):
        admin.create_log_group(logGroupName=group)
    guest.put(statement(["logs:CreateLogStream", "logs:PutLogEvents"], f"{groups}:/libreswan/own:*"))
    where = {"logGroupName": "/libreswan/own", "logStreamName": "i-1"}
    line = {"timestamp": int(time.time() * 1000), "message": "tunnel-1: withdrawn"}
    with pytest.raises(logs.exceptions.ResourceNotFoundException):
        logs.put_log_events(**where, logEvents=[line])
    logs.create_log_stream(**where)
    logs.put_log_events(**where, logEvents=[line])
    assert [event["message"] for event in admin.get_log_events(**where)["events"]] == ["tunnel-1: withdrawn"]
    elsewhere = {"logGroupName": "/libreswan/other", "logStreamName": "i-1"}
    assert guest.refused(lambda: logs.create_log_stream(**elsewhere)) == guest.denied(
        "logs:CreateLogStream",
        f"{groups}:/libreswan/other:log-stream:i-1",
        nothing_allows("logs:CreateLogStream"),
    )


def test_the_caller_is_the_instance(guest: Guest) -> None:
    identity = guest.client("sts").get_caller_identity()
    assert identity["Arn"] == f"arn:aws:sts::123456789012:assumed-role/{guest.role}/{guest.instance}"
    assert identity["Account"] == "123456789012"
    role = guest.iam.get_role(RoleName=guest.role)["Role"]
    assert identity["UserId"] == f"{role['RoleId']}:{guest.instance}"


def test_what_is_not_served_is_refused_by_name(guest: Guest) -> None:
    guest.put(statement("*", "*"))
    put = guest.client("ssm").put_parameter
    assert guest.refused(lambda: put(Name="/x", Value="x", Type="String")) == (
        "UnsupportedOperation",
        "The lab's endpoint does not serve ssm:PutParameter",
        400,
    )
    metrics = guest.client("cloudwatch")
    assert guest.refused(lambda: metrics.list_dashboards())[:2] == (
        "UnsupportedOperation",
        "The lab's endpoint does not serve monitoring:ListDashboards",
    )
    assert guest.refused(guest.client("ec2").describe_vpcs)[:2] == (
        "UnsupportedOperation",
        "The lab's endpoint does not serve ec2:DescribeVpcs",
    )


def test_an_endpoint_that_is_away_comes_back(cloud: AwsCloud, guest: Guest) -> None:
    guest.put(statement("ssm:GetParameter", f"{ARN}{OWN}"))
    cloud.behaviour.endpoint_away = True
    assert guest.refused(lambda: guest.read(OWN)) == (
        "ServiceUnavailable",
        "The service is away, as the lab was told.",
        503,
    )
    cloud.behaviour.endpoint_away = False
    assert guest.read(OWN) == f"key of {OWN}"


def test_calls_are_recorded_as_the_instances_own(guest: Guest, files: Files) -> None:
    guest.put(statement("ssm:GetParameter", f"{ARN}{OWN}"))
    guest.read(OWN)
    guest.refused(lambda: guest.read(OTHER))
    guest.client("sts").get_caller_identity()
    caller = guest.credentials["access_key"]
    calls = [json.loads(line) for line in files.record.read_text().splitlines()]
    assert [call for call in calls if call["caller"] == caller] == [
        {"caller": caller, "service": "ssm", "operation": "GetParameter", "status": 200},
        {"caller": caller, "service": "ssm", "operation": "GetParameter", "status": 400},
        {"caller": caller, "service": "sts", "operation": "GetCallerIdentity", "status": 200},
    ]
    assert caller.startswith("ASIA")


def test_a_silent_client_keeps_nobody_waiting(guest: Guest) -> None:
    guest.put(statement("ssm:GetParameter", f"{ARN}{OWN}"))
    with socket.create_connection(("127.0.0.1", guest.port)):
        assert guest.read(OWN) == f"key of {OWN}"


def test_another_certificate_is_not_served(guest: Guest) -> None:
    context = ssl.create_default_context()
    with (
        socket.create_connection(("127.0.0.1", guest.port)) as plain,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        context.wrap_socket(plain, server_hostname=f"ssm.{REGION}.amazonaws.com")
