"""Instances and the machines behind them: when which is asked for, and that a machine is dead in time.

Does not prove that any machine boots.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from lab.clouds.aws.hypervisor import Launch
from lab.clouds.aws.server import AwsCloud, start_aws
from tests.clouds.aws.recording_hypervisor import RecordingHypervisor

REGION = "eu-central-1"


@pytest.fixture(scope="module")
def hypervisor() -> RecordingHypervisor:
    return RecordingHypervisor()


@pytest.fixture(scope="module")
def cloud(hypervisor: RecordingHypervisor) -> Iterator[AwsCloud]:
    running = start_aws(hypervisor=hypervisor)
    yield running
    running.stop()
    # One cloud at a time in a process, so that no machine outlives its cloud is shown here.
    ended = {instance for operation, instance in hypervisor.calls if operation == "terminate"}
    assert set(hypervisor.launches) <= ended


@pytest.fixture
def impatient(cloud: AwsCloud) -> Any:
    """A client that does not try again after a server's error."""
    return boto3.client(
        "ec2",
        region_name=REGION,
        endpoint_url=cloud.endpoint,
        aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
        aws_secret_access_key="not-a-secret",
        config=Config(retries={"total_max_attempts": 1}),
    )


def interface_of(stack: Any, interface: str) -> dict[str, Any]:
    return dict(stack.ec2.describe_network_interfaces(NetworkInterfaceIds=[interface])["NetworkInterfaces"][0])


def state_of(stack: Any, instance: str) -> str:
    described = stack.ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
    return str(described["State"]["Name"])


def test_a_launch_names_what_the_machine_needs(hypervisor: RecordingHypervisor, stack: Any) -> None:
    launch = hypervisor.launches[stack.instance]
    assert launch == Launch(
        instance_id=stack.instance,
        os="debian-13",
        architecture="x86_64",
        instance_type="t3.small",
        interface_id=stack.interface,
        mac=interface_of(stack, stack.interface)["MacAddress"],
        private_ip="10.0.1.10",
        metadata_port=launch.metadata_port,
    )
    url = f"http://127.0.0.1:{launch.metadata_port}/latest/meta-data/instance-id"
    with build_opener(ProxyHandler({})).open(Request(url)) as answer:
        assert answer.read().decode() == stack.instance


@pytest.mark.parametrize("architecture", ["x86_64", "arm64"])
def test_operating_system_is_that_of_the_image(
    cloud: AwsCloud, hypervisor: RecordingHypervisor, stack: Any, architecture: Any
) -> None:
    newest = cloud.publish_image(REGION, "ubuntu-24.04", architecture)
    kind = {"x86_64": "t3.micro", "arm64": "t4g.micro"}[architecture]
    instance = stack.launch(ImageId=newest, InstanceType=kind, SubnetId=stack.subnet)
    launch = hypervisor.launches[instance]
    assert (launch.os, launch.architecture, launch.instance_type) == ("ubuntu-24.04", architecture, kind)


def test_image_of_nobody_is_refused(stack: Any) -> None:
    own = stack.ec2.register_image(Name="own", RootDeviceName="/dev/xvda", Architecture="x86_64")["ImageId"]
    with pytest.raises(ClientError) as refusal:
        stack.launch(ImageId=own, SubnetId=stack.subnet)
    assert refusal.value.response["Error"] == {
        "Code": "Unsupported",
        "Message": f"The lab has no machine for this image: {own} is not an image of an operating system that the "
        "lab publishes",
    }


def test_machine_follows_its_instance(hypervisor: RecordingHypervisor, stack: Any) -> None:
    ec2, ids = stack.ec2, [stack.instance]
    ec2.stop_instances(InstanceIds=ids)
    assert state_of(stack, stack.instance) == "stopped"
    ec2.stop_instances(InstanceIds=ids)
    ec2.start_instances(InstanceIds=ids)
    ec2.start_instances(InstanceIds=ids)
    ec2.reboot_instances(InstanceIds=ids)
    ec2.terminate_instances(InstanceIds=ids)
    ec2.terminate_instances(InstanceIds=ids)
    assert hypervisor.of(stack.instance) == ["boot", "stop", "start", "reboot", "terminate"]


def test_machine_is_dead_before_its_interface_is_free(hypervisor: RecordingHypervisor, stack: Any) -> None:
    seen: list[tuple[str, str]] = []

    # Also shows that the stand-in answers others while a machine takes its time.
    def look(operation: str, instance_id: str) -> None:
        seen.append((state_of(stack, instance_id), interface_of(stack, stack.interface)["Status"]))

    hypervisor.meanwhile = look
    try:
        stack.ec2.terminate_instances(InstanceIds=[stack.instance])
    finally:
        hypervisor.meanwhile = lambda operation, instance_id: None
    assert seen == [("shutting-down", "in-use")]
    assert interface_of(stack, stack.interface)["Status"] == "available"
    assert state_of(stack, stack.instance) == "terminated"


@pytest.mark.parametrize(
    ("operation", "done"),
    [("start_instances", "started"), ("stop_instances", "stopped"), ("reboot_instances", "rebooted")],
)
def test_an_ended_instance_comes_back_to_nothing(
    hypervisor: RecordingHypervisor, stack: Any, operation: str, done: str
) -> None:
    stack.ec2.terminate_instances(InstanceIds=[stack.instance])
    with pytest.raises(ClientError) as refusal:
        getattr(stack.ec2, operation)(InstanceIds=[stack.instance])
    assert refusal.value.response["Error"] == {
        "Code": "IncorrectInstanceState",
        "Message": f"The instance '{stack.instance}' is not in a state from which it can be {done}.",
    }
    assert hypervisor.of(stack.instance) == ["boot", "terminate"]


def test_no_capacity_leaves_nothing(
    cloud: AwsCloud, hypervisor: RecordingHypervisor, stack: Any, impatient: Any
) -> None:
    stack.ec2.terminate_instances(InstanceIds=[stack.instance])
    address = stack.ec2.describe_addresses(AllocationIds=[stack.address])["Addresses"]
    assert interface_of(stack, stack.interface)["Status"] == "available"
    before = cloud.leftovers(REGION)
    cloud.client("iam", REGION).create_instance_profile(InstanceProfileName="host")
    hypervisor.capacity, calls = 0, len(hypervisor.calls)
    try:
        with pytest.raises(ClientError) as refusal:
            impatient.run_instances(
                ImageId=stack.image,
                InstanceType="t3.small",
                MinCount=1,
                MaxCount=1,
                IamInstanceProfile={"Name": "host"},
                NetworkInterfaces=[{"NetworkInterfaceId": stack.interface, "DeviceIndex": 0}],
                TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "a", "Value": "b"}]}],
            )
    finally:
        hypervisor.capacity = 1_000
        cloud.client("iam", REGION).delete_instance_profile(InstanceProfileName="host")
    assert refusal.value.response["Error"] == {
        "Code": "InsufficientInstanceCapacity",
        "Message": "We currently do not have sufficient t3.small capacity in the Availability Zone you requested "
        "(eu-central-1b). Our system will be working on provisioning additional capacity. You can currently get "
        "t3.small capacity by not specifying an Availability Zone in your request or choosing eu-central-1a, "
        "eu-central-1c.",
    }
    assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
    [(first, instance), (last, same)] = hypervisor.calls[calls:]
    assert (first, last, instance) == ("boot", "terminate", same)

    assert cloud.leftovers(REGION) == before
    with pytest.raises(ClientError, match="InvalidInstanceID.NotFound"):
        state_of(stack, instance)
    assert stack.ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [instance]}])["Tags"] == []
    assert "Attachment" not in interface_of(stack, stack.interface)
    assert stack.ec2.describe_addresses(AllocationIds=[stack.address])["Addresses"] == address
    again = stack.launch(NetworkInterfaces=[{"NetworkInterfaceId": stack.interface, "DeviceIndex": 0}])
    assert hypervisor.of(again) == ["boot"]


def test_one_machine_too_few_ends_the_others_of_the_launch(
    hypervisor: RecordingHypervisor, stack: Any, impatient: Any
) -> None:
    before = stack.ec2.describe_network_interfaces()["NetworkInterfaces"]
    hypervisor.capacity, calls = 1, len(hypervisor.calls)
    try:
        with pytest.raises(ClientError, match="InsufficientInstanceCapacity"):
            impatient.run_instances(ImageId=stack.image, InstanceType="t3.small", MinCount=2, MaxCount=2)
    finally:
        hypervisor.capacity = 1_000
    assert [operation for operation, _ in hypervisor.calls[calls:]] == ["boot", "boot", "terminate", "terminate"]
    assert stack.ec2.describe_network_interfaces()["NetworkInterfaces"] == before


def test_console_is_the_machines(stack: Any) -> None:
    output = stack.ec2.get_console_output(InstanceId=stack.instance)["Output"]
    assert output == f"[    0.000000] Booting {stack.instance}\n"


def test_hop_limit_follows_the_declaration(cloud: AwsCloud, stack: Any) -> None:
    assert cloud.hop_limit(stack.instance) == 1
    stack.ec2.modify_instance_metadata_options(InstanceId=stack.instance, HttpTokens="required")
    changed = stack.ec2.modify_instance_metadata_options(InstanceId=stack.instance, HttpPutResponseHopLimit=2)
    # What is not given stays as it was.
    assert changed["InstanceMetadataOptions"]["HttpTokens"] == "required"
    assert cloud.hop_limit(stack.instance) == 2
    with pytest.raises(KeyError, match="i-0123456789abcdef0 is in no region"):
        cloud.hop_limit("i-0123456789abcdef0")
