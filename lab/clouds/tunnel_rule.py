"""A rule in the place of packets: whether the host that was declared would bring a tunnel up.

It reads what the clouds were told, through their APIs, and the user-data that the instance was given, and asks
whether address, identifier, instance, conn and pre-shared key match at both ends. That is a rule and no proof: no
packet is sent, so routes, filters and what Libreswan makes of the file are not looked at.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import boto3
import yaml
from botocore.exceptions import ClientError

Conn = Mapping[str, str]

# Oracle's names in Libreswan's words, written here a second time on purpose: the rule must not believe the program.
_ENCRYPTION = {
    "AES_256_CBC": "aes_cbc256",
    "AES_192_CBC": "aes_cbc192",
    "AES_128_CBC": "aes_cbc128",
    "AES_256_GCM": "aes_gcm256",
    "AES_192_GCM": "aes_gcm192",
    "AES_128_GCM": "aes_gcm128",
}
_INTEGRITY = {"SHA2_384": "-sha2_384", "SHA2_256": "-sha2_256", "HMAC_SHA2_256_128": "-sha2_256"}


class MismatchError(Exception):
    """The first thing that would keep the tunnel down, in one sentence."""


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
            conn = conn_to(files, str(tunnel["vpnIp"]))
            check_conn(conn, connection, tunnel, cpe, str(instance["PrivateIpAddress"]))
            if self._key(files, str(cpe["ipAddress"]), str(tunnel["vpnIp"])) != shared_secret:
                raise MismatchError("the pre-shared keys of both ends differ")
        except MismatchError as mismatch:
            return str(mismatch)
        return None

    def _instance(self, address: str) -> dict[str, Any]:
        ec2 = self._client("ec2")
        found = ec2.describe_addresses(Filters=[{"Name": "public-ip", "Values": [address]}])["Addresses"]
        interface = found[0].get("NetworkInterfaceId") if found else None
        if interface is None:
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

    def _key(self, files: Mapping[str, str], address: str, headend: str) -> str | None:
        for text in files.values():
            if found := re.search(rf'^{re.escape(address)} {re.escape(headend)} ?: PSK "(.*)"$', text, re.MULTILINE):
                return found[1]
        for path, text in files.items():
            if not path.endswith("/tunnels.json"):
                continue
            for tunnel in json.loads(text)["tunnels"]:
                if tunnel["headend"] == headend and "parameter" in tunnel:
                    return self._parameter(tunnel["parameter"])
        return None

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


def files_of(user_data: bytes) -> dict[str, str]:
    """The files that cloud-init would write, by path."""
    text = gzip.decompress(user_data) if user_data[:2] == b"\x1f\x8b" else user_data
    cloud_config: dict[str, Any] = yaml.safe_load(text)
    return {file["path"]: file["content"] for file in cloud_config.get("write_files", [])}


def conn_to(files: Mapping[str, str], headend: str) -> Conn:
    """The conn whose other end is the headend. Raises MismatchError where there is not exactly one."""
    conns = [conn for path, text in files.items() if path.endswith(".conf") for conn in parse_conns(text).values()]
    found = [conn for conn in conns if conn.get("right") == headend]
    if len(found) != 1:
        raise MismatchError(f"{len(found)} conns lead to {headend}")
    return found[0]


def parse_conns(text: str) -> dict[str, dict[str, str]]:
    """The conns of an ipsec.conf; `also=` is not followed, as the program does not use it."""
    conns: dict[str, dict[str, str]] = {}
    current: dict[str, str] | None = None
    for line in text.splitlines():
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        if line[0].isspace():
            if current is not None and "=" in stripped:
                key, _, value = stripped.partition("=")
                current[key.strip()] = value.strip()
            continue
        current = conns.setdefault(stripped.split()[1], {}) if stripped.startswith("conn ") else None
    return conns


def check_conn(
    conn: Conn,
    connection: Mapping[str, Any],
    tunnel: Mapping[str, Any],
    cpe: Mapping[str, Any],
    private_address: str,
) -> None:
    """Raises MismatchError with the first difference between a conn and what Oracle was told."""
    identifier = connection.get("cpeLocalIdentifier") or cpe["ipAddress"]
    version = "ikev2" if tunnel["ikeVersion"] == "V2" else "ikev1"
    spoken = conn.get("keyexchange") or {"insist": "ikev2", "no": "ikev1"}.get(conn.get("ikev2", ""), "neither")
    expected = {
        "left": (conn.get("left"), private_address),
        "leftid": (conn.get("leftid"), identifier),
        "IKE version": (spoken, version),
        "ike": (conn.get("ike"), _ike(tunnel["phaseOneDetails"])),
        "esp": (conn.get("esp"), _esp(tunnel["phaseTwoDetails"])),
        "authby": (conn.get("authby"), "secret"),
        "auto": (conn.get("auto"), "start"),
        "encapsulation": (conn.get("encapsulation"), "yes"),
    }
    for what, (host, oracle) in expected.items():
        if host != oracle:
            raise MismatchError(f"{what} of the host is {host}, and Oracle expects {oracle}")


def _ike(phase: Mapping[str, Any]) -> str:
    encryption = _ENCRYPTION[phase["customEncryptionAlgorithm"]]
    return f"{encryption}{_INTEGRITY[phase['customAuthenticationAlgorithm']]};{_group(phase['customDhGroup'])}"


def _esp(phase: Mapping[str, Any]) -> str:
    encryption = _ENCRYPTION[phase["customEncryptionAlgorithm"]]
    integrity = _INTEGRITY.get(phase.get("customAuthenticationAlgorithm") or "", "")
    return f"{encryption}{integrity};{_group(phase['dhGroup'])}"


def _group(name: str) -> str:
    return f"dh{name.removeprefix('GROUP')}"
