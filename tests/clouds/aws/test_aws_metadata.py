"""The metadata service as an instance meets it: tokens, listings, contents that follow what is declared.

What cloud-init 22.4 and 25.1 ask, and in which form, is from their source; a crawl as theirs is made here. Does not
prove that a guest gets here, nor the hop limit, which are the fabric's.
"""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from botocore.credentials import InstanceMetadataProvider
from botocore.utils import InstanceMetadataFetcher

from lab.clouds.aws.hypervisor import Launch
from lab.clouds.aws.metadata import VERSIONS, Credentials, Facts, Group, Interface, Options, Profile, answer, tree
from lab.clouds.aws.metadata_server import TTL_HEADER, MetadataServer
from lab.clouds.aws.server import AwsCloud, start_aws
from tests.clouds.aws.recording_hypervisor import RecordingHypervisor

TOKEN = "X-aws-ec2-metadata-token"
MAC = "02:00:00:01:02:03"
NOON = datetime(2026, 11, 3, 12, tzinfo=UTC)
FACTS = Facts(
    options=Options(),
    instance_id="i-1",
    image_id="ami-1",
    instance_type="t3.small",
    architecture="x86_64",
    launch_index=0,
    launch_time=NOON,
    reservation_id="r-1",
    owner_id="123456789012",
    partition="aws",
    region="eu-central-1",
    zone="eu-central-1b",
    root_device="/dev/xvda",
    interfaces=[
        Interface(
            device_number=0,
            interface_id="eni-1",
            mac=MAC,
            private_ips=["10.0.1.10", "10.0.1.11"],
            private_dns_name="ip-10-0-1-10.eu-central-1.compute.internal",
            public_ip="203.0.113.7",
            groups=[Group(group_id="sg-1", name="host"), Group(group_id="sg-2", name="more")],
            subnet_id="subnet-1",
            subnet_block="10.0.1.0/24",
            vpc_id="vpc-1",
            vpc_blocks=["10.0.0.0/16", "10.1.0.0/16"],
        )
    ],
    public_keys={"mine": "ssh-ed25519 AAAA"},
    profile=Profile(arn="arn:aws:iam::123456789012:instance-profile/host", profile_id="AIPA1"),
    credentials=Credentials(
        role="host",
        access_key="ASIA1",
        secret_key="s3cret",
        token="t0ken",
        issued=NOON,
        expiration=NOON + timedelta(hours=6),
    ),
    user_data=b"\x1f\x8b\x00",
)


def text(path: str, facts: Facts = FACTS) -> str | None:
    content = answer(tree(facts), path)
    return None if content is None else content.decode()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("", "dynamic\nmeta-data\nuser-data"),
        ("dynamic/", "instance-identity/"),
        # cloud-init asks for this one without a slash, and for each line of it.
        ("dynamic/instance-identity", "document"),
        ("meta-data/placement/", "availability-zone\nregion"),
        ("meta-data/placement/region", "eu-central-1"),
        ("meta-data/instance-id/", "i-1"),
        ("meta-data/security-groups", "host\nmore"),
        ("meta-data/public-keys/", "0=mine"),
        ("meta-data/public-keys/0", "openssh-key"),
        ("meta-data/public-keys/0/openssh-key", "ssh-ed25519 AAAA"),
        ("meta-data/network/interfaces/macs/", f"{MAC}/"),
        (f"meta-data/network/interfaces/macs/{MAC}/local-ipv4s", "10.0.1.10\n10.0.1.11"),
        (f"meta-data/network/interfaces/macs/{MAC}/security-group-ids", "sg-1\nsg-2"),
        (f"meta-data/network/interfaces/macs/{MAC}/vpc-ipv4-cidr-blocks", "10.0.0.0/16\n10.1.0.0/16"),
        (f"meta-data/network/interfaces/macs/{MAC}/ipv4-associations/203.0.113.7", "10.0.1.10"),
        ("meta-data/iam/", "info\nsecurity-credentials/"),
        ("meta-data/iam/security-credentials/", "host"),
        ("meta-data/instance", None),
        ("meta-data/instance-id/more", None),
    ],
)
def test_listings_and_contents(path: str, expected: str | None) -> None:
    assert text(path) == expected


def test_what_is_not_there_is_not_listed() -> None:
    bare = replace(FACTS, profile=None, credentials=None, user_data=None, public_keys={})
    bare = replace(bare, interfaces=[replace(FACTS.interfaces[0], public_ip=None)])
    assert text("", bare) == "dynamic\nmeta-data"
    gone = set(str(text("meta-data")).splitlines()) - set(str(text("meta-data", bare)).splitlines())
    assert gone == {"iam/", "public-keys/", "public-ipv4"}
    assert text("user-data", bare) is None
    assert text("meta-data/iam/security-credentials/", bare) is None
    assert text("meta-data/public-ipv4", bare) is None


def test_a_profile_without_a_role_has_no_credentials() -> None:
    bare = replace(FACTS, credentials=None)
    assert text("meta-data/iam", bare) == "info"
    assert json.loads(str(text("meta-data/iam/info", bare)))["InstanceProfileId"] == "AIPA1"


def test_documents_are_as_in_the_guide() -> None:
    assert json.loads(str(text("meta-data/iam/security-credentials/host"))) == {
        "Code": "Success",
        "LastUpdated": "2026-11-03T12:00:00Z",
        "Type": "AWS-HMAC",
        "AccessKeyId": "ASIA1",
        "SecretAccessKey": "s3cret",
        "Token": "t0ken",
        "Expiration": "2026-11-03T18:00:00Z",
    }
    assert json.loads(str(text("dynamic/instance-identity/document"))) == {
        "accountId": "123456789012",
        "architecture": "x86_64",
        "availabilityZone": "eu-central-1b",
        "billingProducts": None,
        "devpayProductCodes": None,
        "marketplaceProductCodes": None,
        "imageId": "ami-1",
        "instanceId": "i-1",
        "instanceType": "t3.small",
        "kernelId": None,
        "pendingTime": "2026-11-03T12:00:00Z",
        "privateIp": "10.0.1.10",
        "ramdiskId": None,
        "region": "eu-central-1",
        "version": "2017-09-30",
    }


class Served:
    """A metadata service whose facts a test changes."""

    def __init__(self) -> None:
        self.facts = FACTS
        self.server = MetadataServer(lambda: self.facts)
        self.session = requests.Session()
        self.session.trust_env = False
        self.base = f"http://127.0.0.1:{self.server.port}"

    def put(self, path: str = "/latest/api/token", **headers: str) -> requests.Response:
        return self.session.put(self.base + path, headers={k.replace("_", "-"): v for k, v in headers.items()})

    def get(self, path: str, token: str | None = None) -> requests.Response:
        return self.session.get(self.base + path, headers={} if token is None else {TOKEN: token})

    def token(self, seconds: int = 60) -> str:
        given = self.session.put(f"{self.base}/latest/api/token", headers={TTL_HEADER: str(seconds)})
        assert (given.status_code, given.headers[TTL_HEADER]) == (200, str(seconds))
        return given.text


@pytest.fixture
def served() -> Iterator[Served]:
    running = Served()
    yield running
    running.session.close()
    running.server.stop()


def test_versions(served: Served) -> None:
    assert served.get("/").text.splitlines() == list(VERSIONS)
    # Those that cloud-init tries, the best first.
    for version in ("2021-03-23", "2018-09-24", "2016-09-02", "2009-04-04", "latest"):
        assert served.get(f"/{version}/meta-data/instance-id").text == "i-1"
    assert served.get("/2021-03-24/meta-data/instance-id").status_code == 404


@pytest.mark.parametrize("seconds", ["0", "21601", "-1", "x", "", "6 0", "²"])
def test_a_token_lives_as_long_as_it_may(served: Served, seconds: str) -> None:
    refused = served.session.put(f"{served.base}/latest/api/token", headers={TTL_HEADER: seconds.encode()})
    assert (refused.status_code, refused.text) == (400, "400 - Bad Request")


def test_a_token_needs_a_life_and_no_proxy(served: Served) -> None:
    assert served.put().status_code == 400
    through = {TTL_HEADER: "60", "X-Forwarded-For": "10.0.1.99"}
    assert served.session.put(f"{served.base}/latest/api/token", headers=through).status_code == 403
    wrong_place = served.session.put(f"{served.base}/latest/meta-data", data=b"body", headers={TTL_HEADER: "60"})
    assert wrong_place.status_code == 404
    # The connection is still in step.
    assert served.get("/latest/meta-data/instance-id").status_code == 200


def test_no_token_is_refused_only_where_one_is_required(served: Served) -> None:
    assert served.get("/latest/meta-data/instance-id").text == "i-1"
    served.facts = replace(FACTS, options=Options(tokens_required=True))
    for path in ("/", "/latest/meta-data/instance-id", "/latest/user-data", "/nothing"):
        assert (served.get(path).status_code, served.get(path).text) == (401, "401 - Unauthorized")
    token = served.token()
    assert served.get("/latest/user-data", token).content == b"\x1f\x8b\x00"
    assert served.get("/nothing", token).status_code == 404


def test_a_wrong_or_old_token_is_refused_even_where_none_is_required(served: Served) -> None:
    assert served.get("/latest/meta-data/instance-id", "made-up").status_code == 401
    token = served.token(seconds=1)
    assert served.get("/latest/meta-data/instance-id", token).status_code == 200
    time.sleep(1.05)
    assert served.get("/latest/meta-data/instance-id", token).status_code == 401


def test_a_disabled_service_serves_nobody(served: Served) -> None:
    token = served.token()
    served.facts = replace(FACTS, options=Options(enabled=False))
    assert served.get("/latest/meta-data/instance-id", token).status_code == 403
    assert served.put(**{TTL_HEADER: "60"}).status_code == 403


@pytest.fixture(scope="module")
def hypervisor() -> RecordingHypervisor:
    return RecordingHypervisor()


@pytest.fixture(scope="module")
def cloud(hypervisor: RecordingHypervisor) -> Iterator[AwsCloud]:
    running = start_aws(hypervisor=hypervisor)
    yield running
    running.stop()


def read(launch: Launch, path: str) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        base = f"http://127.0.0.1:{launch.metadata_port}/latest"
        token = session.put(f"{base}/api/token", headers={TTL_HEADER: "60"}).text
        return session.get(f"{base}/{path}", headers={TOKEN: token})


def crawl(launch: Launch, path: str) -> dict[str, Any]:
    """What cloud-init makes of a directory: every line asked for, a line with a slash gone into."""
    found: dict[str, Any] = {}
    for line in read(launch, path).text.splitlines():
        name = line.rstrip("/")
        if name == "security-credentials":
            continue
        if line.endswith("/"):
            found[name] = crawl(launch, f"{path}{line}")
        else:
            number, equals, _ = line.partition("=")
            leaf = read(launch, f"{path}{number}/openssh-key" if equals else f"{path}{line}")
            assert leaf.status_code == 200, line
            found[name] = leaf.text
    return found


def test_an_instance_reads_what_was_declared(hypervisor: RecordingHypervisor, stack: Any) -> None:
    stack.ec2.import_key_pair(
        KeyName="mine",
        PublicKeyMaterial=b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl mine",
    )
    interface = stack.interface_at("10.0.1.20")
    instance = stack.launch(
        KeyName="mine",
        NetworkInterfaces=[{"NetworkInterfaceId": interface, "DeviceIndex": 0}],
        MetadataOptions={"HttpTokens": "required", "HttpPutResponseHopLimit": 1},
    )
    launch = hypervisor.launches[instance]
    metadata = crawl(launch, "meta-data/")
    described = stack.ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]
    own = metadata["network"]["interfaces"]["macs"].pop(launch.mac)
    assert metadata["network"]["interfaces"]["macs"] == {}
    assert own == {
        "device-number": "0",
        "interface-id": interface,
        "local-hostname": "ip-10-0-1-20.eu-central-1.compute.internal",
        "local-ipv4s": "10.0.1.20",
        "mac": launch.mac,
        "owner-id": "123456789012",
        "security-group-ids": stack.group,
        "security-groups": "host",
        "subnet-id": stack.subnet,
        "subnet-ipv4-cidr-block": "10.0.1.0/24",
        "vpc-id": stack.vpc,
        "vpc-ipv4-cidr-block": "10.0.0.0/16",
        "vpc-ipv4-cidr-blocks": "10.0.0.0/16",
    }
    del metadata["network"]
    [key] = metadata.pop("public-keys").values()
    assert key.startswith("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl")
    assert metadata == {
        "ami-id": stack.image,
        "ami-launch-index": "0",
        "ami-manifest-path": "(unknown)",
        "block-device-mapping": {"ami": "/dev/xvda", "root": "/dev/xvda"},
        "hostname": "ip-10-0-1-20.eu-central-1.compute.internal",
        "instance-action": "none",
        "instance-id": instance,
        "instance-life-cycle": "on-demand",
        "instance-type": "t3.small",
        "local-hostname": "ip-10-0-1-20.eu-central-1.compute.internal",
        "local-ipv4": "10.0.1.20",
        "mac": launch.mac,
        "placement": {"availability-zone": "eu-central-1b", "region": "eu-central-1"},
        "profile": "default-hvm",
        "reservation-id": described["ReservationId"],
        "security-groups": "host",
        "services": {"domain": "amazonaws.com", "partition": "aws"},
    }
    assert json.loads(read(launch, "dynamic/instance-identity/document").text)["instanceId"] == instance
    assert read(launch, "user-data").status_code == 404


def test_public_address_is_there_while_it_is_associated(hypervisor: RecordingHypervisor, stack: Any) -> None:
    launch = hypervisor.launches[stack.instance]
    public = stack.ec2.describe_addresses(AllocationIds=[stack.address])["Addresses"][0]["PublicIp"]
    assert read(launch, "meta-data/public-ipv4").text == public
    assert read(launch, f"meta-data/network/interfaces/macs/{launch.mac}/public-ipv4s").text == public
    stack.ec2.disassociate_address(AssociationId=stack.association)
    assert read(launch, "meta-data/public-ipv4").status_code == 404
    assert read(launch, f"meta-data/network/interfaces/macs/{launch.mac}/public-ipv4s").status_code == 404


def test_user_data_is_byte_for_byte_what_was_declared(hypervisor: RecordingHypervisor, stack: Any) -> None:
    packed = gzip.compress(b"#cloud-config\n")
    instance = stack.launch(SubnetId=stack.subnet, UserData=packed)
    assert read(hypervisor.launches[instance], "user-data").content == packed


def test_options_work_as_soon_as_they_are_changed(hypervisor: RecordingHypervisor, stack: Any) -> None:
    launch = hypervisor.launches[stack.instance]
    address = f"http://127.0.0.1:{launch.metadata_port}/latest/meta-data/"
    with requests.Session() as session:
        session.trust_env = False
        assert session.get(address).status_code == 200
        stack.ec2.modify_instance_metadata_options(InstanceId=stack.instance, HttpTokens="required")
        assert session.get(address).status_code == 401
        stack.ec2.modify_instance_metadata_options(InstanceId=stack.instance, HttpEndpoint="disabled")
        assert session.get(address).status_code == 403


def test_service_ends_with_its_machine(hypervisor: RecordingHypervisor, stack: Any) -> None:
    launch = hypervisor.launches[stack.instance]
    stack.ec2.stop_instances(InstanceIds=[stack.instance])
    assert read(launch, "meta-data/instance-id").text == stack.instance
    stack.ec2.terminate_instances(InstanceIds=[stack.instance])
    with pytest.raises(requests.ConnectionError):
        read(launch, "meta-data/instance-id")


def test_botocore_gets_the_roles_credentials(cloud: AwsCloud, hypervisor: RecordingHypervisor, stack: Any) -> None:
    iam = cloud.client("iam", "eu-central-1")
    trust = {"Version": "2012-10-17", "Statement": []}
    iam.create_role(RoleName="host", AssumeRolePolicyDocument=json.dumps(trust))
    iam.create_instance_profile(InstanceProfileName="host")
    iam.add_role_to_instance_profile(InstanceProfileName="host", RoleName="host")
    instance = stack.launch(
        SubnetId=stack.subnet,
        IamInstanceProfile={"Name": "host"},
        MetadataOptions={"HttpTokens": "required"},
    )
    launch = hypervisor.launches[instance]
    fetcher = InstanceMetadataFetcher(
        base_url=f"http://127.0.0.1:{launch.metadata_port}/", env={"NO_PROXY": "127.0.0.1"}
    )
    loaded = InstanceMetadataProvider(iam_role_fetcher=fetcher).load()
    frozen = loaded.get_frozen_credentials()
    served = json.loads(read(launch, "meta-data/iam/security-credentials/host").text)
    # The same ones until they are about to expire.
    assert (frozen.access_key, frozen.secret_key, frozen.token) == (
        served["AccessKeyId"],
        served["SecretAccessKey"],
        served["Token"],
    )
    assert frozen.access_key.startswith("ASIA")
    ends = datetime.strptime(served["Expiration"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert timedelta(hours=5, minutes=59) < ends - datetime.now(UTC) <= timedelta(hours=6)
    info = json.loads(read(launch, "meta-data/iam/info").text)
    profile = iam.get_instance_profile(InstanceProfileName="host")["InstanceProfile"]
    assert (info["InstanceProfileArn"], info["InstanceProfileId"]) == (profile["Arn"], profile["InstanceProfileId"])

    iam.remove_role_from_instance_profile(InstanceProfileName="host", RoleName="host")
    assert read(launch, "meta-data/iam/security-credentials/").status_code == 404
