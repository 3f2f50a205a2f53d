"""Another host on the same interface, from the same user-data or from user-data that was spoilt. By EC2's own API."""

from __future__ import annotations

import base64
import gzip
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import yaml

from components.user_data import encode
from lab.clouds.cluster import REGION, Clouds
from lab.fabric.declared import Declared
from lab.fabric.ends import Files

Transform = Callable[[Files], Files]
Undo = Callable[[], None]

_PATIENCE = 60.0  # seconds


def rewritten(user_data: str, transform: Transform) -> str:
    """User-data (base64) whose cloud-config writes the transformed files, and is else the same."""
    raw = base64.b64decode(user_data)
    cloud_config = yaml.safe_load(gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw)
    written = cloud_config["write_files"]
    changed = transform({file["path"]: file["content"] for file in written})
    for file in written:
        file["content"] = changed[file["path"]]
    return encode("#cloud-config\n" + yaml.safe_dump(cloud_config, sort_keys=False, width=4096))


def launch(clouds: Clouds, declared: Declared, user_data: str) -> str:
    """Ends the interface's instance, and launches its like with other user-data (base64): the new one's id."""
    assert declared.host is not None, "there is an instance to take the place of"
    ec2 = clouds.aws.client("ec2", REGION)
    interface = declared.host.interface_id
    old = _instance_on(ec2, interface)
    profile = old.get("IamInstanceProfile")
    ec2.terminate_instances(InstanceIds=[old["InstanceId"]])
    _wait_until_free(ec2, interface)
    [new] = ec2.run_instances(
        ImageId=old["ImageId"],
        InstanceType=old["InstanceType"],
        MinCount=1,
        MaxCount=1,
        NetworkInterfaces=[{"DeviceIndex": 0, "NetworkInterfaceId": interface}],
        UserData=base64.b64decode(user_data),
        MetadataOptions={
            key: old["MetadataOptions"][key] for key in ("HttpTokens", "HttpEndpoint", "HttpPutResponseHopLimit")
        },
        TagSpecifications=[{"ResourceType": "instance", "Tags": old.get("Tags", [])}],
        **({"IamInstanceProfile": {"Arn": profile["Arn"]}} if profile else {}),
    )["Instances"]
    return str(new["InstanceId"])


def user_data_of(clouds: Clouds, declared: Declared) -> str:
    """The running instance's, base64."""
    assert declared.host is not None
    ec2 = clouds.aws.client("ec2", REGION)
    instance = _instance_on(ec2, declared.host.interface_id)["InstanceId"]
    return str(ec2.describe_instance_attribute(InstanceId=instance, Attribute="userData")["UserData"]["Value"])


def _instance_on(ec2: Any, interface: str) -> dict[str, Any]:
    [described] = ec2.describe_network_interfaces(NetworkInterfaceIds=[interface])["NetworkInterfaces"]
    [reservation] = ec2.describe_instances(InstanceIds=[described["Attachment"]["InstanceId"]])["Reservations"]
    instance: dict[str, Any] = reservation["Instances"][0]
    return instance


def _wait_until_free(ec2: Any, interface: str) -> None:
    deadline = time.monotonic() + _PATIENCE
    while True:
        [described] = ec2.describe_network_interfaces(NetworkInterfaceIds=[interface])["NetworkInterfaces"]
        if "Attachment" not in described:
            return
        if time.monotonic() > deadline:
            raise TimeoutError(f"{interface} is still attached after {_PATIENCE:.0f} s")
        time.sleep(0.1)


@dataclass(frozen=True)
class NewHost:
    """Spoils a host: a new instance whose files are transformed. Undone by a new instance with the old files."""

    transform: Transform

    def __call__(self, clouds: Clouds, declared: Declared) -> Undo:
        before = user_data_of(clouds, declared)
        launch(clouds, declared, rewritten(before, self.transform))

        def undo() -> None:
            launch(clouds, declared, before)

        return undo
