"""A rule in the place of packets: whether the host that was declared would bring a tunnel up.

It reads what the clouds were told, through their APIs, and the user-data that the instance was given, and asks
whether address, identifier, instance, conn and pre-shared key match at both ends (lab/fabric/ends.py). That is a rule
and no proof: no packet is sent, so routes, filters and what Libreswan makes of the file are not looked at.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import ClientError

from lab.fabric.ends import (
    MismatchError,
    check_conn,
    check_forward_secrecy,
    conn_to,
    files_of,
    key_in_files,
    parameter_of,
)
from lab.fabric.read_oci import tunnel_of

__all__ = ["MismatchError", "TunnelRule", "files_of"]


@dataclass(frozen=True)
class TunnelRule:
    """Judges tunnels of the OCI emulator by what stands in for AWS at an endpoint."""

    endpoint: str
    region: str

    def __call__(
        self, connection: Mapping[str, Any], tunnel: Mapping[str, Any], cpe: Mapping[str, Any], shared_secret: str
    ) -> str | None:
        """None where the host would bring the tunnel up, else why not."""
        try:
            instance = self._instance(str(cpe["ipAddress"]))
            files = self._files(instance)
            end = tunnel_of(1, connection, tunnel, cpe, shared_secret)
            conn = conn_to(files, str(end.headend))
            check_conn(conn, end, str(instance["PrivateIpAddress"]))
            # Not before the first re-key would it show, and no packet of the engine's tests gets that far.
            check_forward_secrecy(conn, end)
            if self._key(files, conn) != shared_secret:
                raise MismatchError("the pre-shared keys of both ends differ")
        except MismatchError as mismatch:
            return str(mismatch)
        return None

    def _instance(self, address: str) -> dict[str, Any]:
        ec2 = self._client("ec2")
        found = ec2.describe_addresses(Filters=[{"Name": "public-ip", "Values": [address]}])["Addresses"]
        interface = found[0].get("NetworkInterfaceId") if found else None
        # moto says '' where AWS says nothing.
        if not interface:
            raise MismatchError(f"nothing has the CPE's address {address}")
        [described] = ec2.describe_network_interfaces(NetworkInterfaceIds=[interface])["NetworkInterfaces"]
        if described["SourceDestCheck"]:
            raise MismatchError(f"the source/destination check of {interface} is on")
        attached = described.get("Attachment", {}).get("InstanceId")
        if attached is None:
            raise MismatchError(f"no instance is attached to {interface}")
        [reservation] = ec2.describe_instances(InstanceIds=[attached])["Reservations"]
        instance: dict[str, Any] = reservation["Instances"][0]
        if instance["State"]["Name"] != "running":
            raise MismatchError(f"the instance {attached} is {instance['State']['Name']}")
        return instance

    def _files(self, instance: Mapping[str, Any]) -> dict[str, str]:
        attribute = self._client("ec2").describe_instance_attribute(
            InstanceId=instance["InstanceId"], Attribute="userData"
        )
        encoded = attribute["UserData"].get("Value")
        if not encoded:
            raise MismatchError("the instance has no user-data")
        return files_of(base64.b64decode(encoded))

    def _key(self, files: Mapping[str, str], conn: Mapping[str, str]) -> str | None:
        name = parameter_of(files, conn["right"])
        return key_in_files(files, conn) or (self._parameter(name) if name else None)

    def _parameter(self, name: str) -> str:
        try:
            found = self._client("ssm").get_parameter(Name=name, WithDecryption=True)
        except ClientError as refused:
            raise MismatchError(f"the parameter {name} cannot be read: {refused}") from refused
        return str(found["Parameter"]["Value"])

    def _client(self, service: str) -> Any:
        return boto3.client(
            service,
            region_name=self.region,
            endpoint_url=self.endpoint,
            aws_access_key_id="lab",
            aws_secret_access_key="lab",
        )
