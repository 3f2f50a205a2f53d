"""What the rule in the place of packets says of each thing that would keep a tunnel down.

Without servers: the clouds' answers are written down here. Not proven: that a tunnel which passes carries a packet.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
import yaml
from botocore.exceptions import ClientError

from lab.clouds.oci.tunnel_settings import defaults
from lab.clouds.tunnel_rule import TunnelRule
from lab.fabric.declared import Tunnel
from lab.fabric.ends import MismatchError, check_conn, check_forward_secrecy, conn_to, files_of, parse_conns
from lab.fabric.read_oci import tunnel_of

ADDRESS, PRIVATE, HEADEND = "203.0.113.1", "10.0.0.9", "192.0.2.7"
KEY = "k" * 32
PARAMETER = "/libreswan/project/dev/tunnel-1/pre-shared-key"

CONN = {
    "left": PRIVATE,
    "leftid": ADDRESS,
    "leftsubnet": "0.0.0.0/0",
    "right": HEADEND,
    "rightsubnet": "0.0.0.0/0",
    "keyexchange": "ikev2",
    "ike": "aes_cbc256-sha2_384;dh20",
    "esp": "aes_gcm256;dh20",
    "authby": "secret",
    "auto": "start",
    "encapsulation": "yes",
}
CONNECTION: dict[str, Any] = {"staticRoutes": ["10.0.0.0/16"]}
CPE = {"ipAddress": ADDRESS}
TUNNEL = defaults() | {
    "id": "ocid1.ipsectunnel.oc1..one",
    "lifecycleState": "AVAILABLE",
    "vpnIp": HEADEND,
    "ikeVersion": "V2",
    "phaseOneDetails": {
        "isCustomPhaseOneConfig": True,
        "customEncryptionAlgorithm": "AES_256_CBC",
        "customAuthenticationAlgorithm": "SHA2_384",
        "customDhGroup": "GROUP20",
        "lifetime": 28_800,
    },
    "phaseTwoDetails": {
        "isCustomPhaseTwoConfig": True,
        "customEncryptionAlgorithm": "AES_256_GCM",
        "isPfsEnabled": True,
        "dhGroup": "GROUP20",
        "lifetime": 3_600,
    },
}


def end(connection: Mapping[str, Any] = CONNECTION, **tunnel: Any) -> Tunnel:
    return tunnel_of(1, connection, TUNNEL | tunnel, CPE, KEY)


def conf(conn: Mapping[str, str], name: str = "tunnel-1") -> str:
    return "\n".join([f"conn {name}", *(f"    {key}={value}" for key, value in conn.items()), ""])


def cloud_config(files: Mapping[str, str]) -> bytes:
    written = [{"path": path, "content": content} for path, content in files.items()]
    return ("#cloud-config\n" + yaml.safe_dump({"write_files": written})).encode()


def tunnels_json(*tunnels: Mapping[str, str]) -> str:
    return json.dumps({"tunnels": tunnels})


IN_STORE = {
    "/etc/ipsec.d/oci-ipsec.conf": conf(CONN),
    "/etc/x/tunnels.json": tunnels_json({"headend": HEADEND, "parameter": PARAMETER}),
}
IN_USER_DATA = {
    "/etc/ipsec.d/oci-ipsec.conf": conf(CONN),
    "/etc/ipsec.d/oci-ipsec.secrets": f'{ADDRESS} {HEADEND} : PSK "{KEY}"\n',
    "/etc/x/tunnels.json": tunnels_json({"headend": HEADEND}),
}


@dataclass
class Amazon:
    """The answers of AWS that the rule asks for, each as it is when all is well."""

    user_data: bytes | None
    addresses: list[dict[str, Any]] = field(default_factory=lambda: [{"NetworkInterfaceId": "eni-1"}])
    interface: dict[str, Any] = field(
        default_factory=lambda: {"SourceDestCheck": False, "Attachment": {"InstanceId": "i-1"}}
    )
    state: str = "running"
    values: dict[str, str] = field(default_factory=lambda: {PARAMETER: KEY})

    def describe_addresses(self, Filters: list[Any]) -> dict[str, Any]:  # noqa: N803 - boto3's own name
        assert Filters == [{"Name": "public-ip", "Values": [ADDRESS]}]
        return {"Addresses": self.addresses}

    def describe_network_interfaces(self, NetworkInterfaceIds: list[str]) -> dict[str, Any]:  # noqa: N803
        assert NetworkInterfaceIds == ["eni-1"]
        return {"NetworkInterfaces": [self.interface]}

    def describe_instances(self, InstanceIds: list[str]) -> dict[str, Any]:  # noqa: N803
        instance = {"InstanceId": InstanceIds[0], "State": {"Name": self.state}, "PrivateIpAddress": PRIVATE}
        return {"Reservations": [{"Instances": [instance]}]}

    def describe_instance_attribute(self, InstanceId: str, Attribute: str) -> dict[str, Any]:  # noqa: N803
        assert (InstanceId, Attribute) == ("i-1", "userData")
        return {"UserData": {} if self.user_data is None else {"Value": base64.b64encode(self.user_data).decode()}}

    def get_parameter(self, Name: str, WithDecryption: bool) -> dict[str, Any]:  # noqa: N803
        assert WithDecryption
        if Name not in self.values:
            raise ClientError({"Error": {"Code": "ParameterNotFound", "Message": "not there"}}, "GetParameter")
        return {"Parameter": {"Value": self.values[Name]}}


def verdict(monkeypatch: pytest.MonkeyPatch, amazon: Amazon, **tunnel: Any) -> str | None:
    monkeypatch.setattr(TunnelRule, "_client", lambda *_: amazon)
    return TunnelRule("http://127.0.0.1:9", "us-east-1")(CONNECTION, TUNNEL | tunnel, CPE, KEY)


@pytest.mark.parametrize("files", [IN_STORE, IN_USER_DATA], ids=["parameterStore", "userData"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_what_matches_is_up(monkeypatch: pytest.MonkeyPatch, files: dict[str, str], pack: Any) -> None:
    assert verdict(monkeypatch, Amazon(pack(cloud_config(files)))) is None


WELL = cloud_config(IN_STORE)


@pytest.mark.parametrize(
    ("amazon", "reason"),
    [
        (Amazon(WELL, addresses=[]), f"nothing has the CPE's address {ADDRESS}"),
        (Amazon(WELL, addresses=[{"PublicIp": ADDRESS}]), f"nothing has the CPE's address {ADDRESS}"),
        (Amazon(WELL, addresses=[{"NetworkInterfaceId": ""}]), f"nothing has the CPE's address {ADDRESS}"),
        (Amazon(WELL, interface={"SourceDestCheck": True}), "the source/destination check of eni-1 is on"),
        (Amazon(WELL, interface={"SourceDestCheck": False}), "no instance is attached to eni-1"),
        (Amazon(WELL, state="stopped"), "the instance i-1 is stopped"),
        (Amazon(None), "the instance has no user-data"),
        (Amazon(b"#cloud-config\n{}\n"), f"0 conns lead to {HEADEND}"),
        (Amazon(WELL, values={PARAMETER: "another"}), "the pre-shared keys of both ends differ"),
        (
            Amazon(WELL, values={}),
            f"the parameter {PARAMETER} cannot be read: An error occurred (ParameterNotFound) when calling the "
            "GetParameter operation: not there",
        ),
        (
            Amazon(cloud_config(IN_USER_DATA | {"/etc/ipsec.d/oci-ipsec.secrets": f'{ADDRESS} {HEADEND} : PSK "x"\n'})),
            "the pre-shared keys of both ends differ",
        ),
        (
            # The secret of another identifier, which Libreswan would not find.
            Amazon(cloud_config(IN_USER_DATA | {"/etc/ipsec.d/oci-ipsec.secrets": f'{HEADEND} : PSK "{KEY}"\n'})),
            "the pre-shared keys of both ends differ",
        ),
        (
            Amazon(cloud_config(IN_STORE | {"/etc/x/tunnels.json": tunnels_json()})),
            "the pre-shared keys of both ends differ",
        ),
    ],
)
def test_what_is_missing_or_wrong_in_aws_is_said(monkeypatch: pytest.MonkeyPatch, amazon: Amazon, reason: str) -> None:
    assert verdict(monkeypatch, amazon) == reason


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"left": "10.0.0.8"}, "left of the host is 10.0.0.8, and Oracle expects 10.0.0.9"),
        ({"leftid": PRIVATE}, "leftid of the host is 10.0.0.9, and Oracle expects 203.0.113.1"),
        ({"keyexchange": "ikev1"}, "IKE version of the host is ikev1, and Oracle expects ikev2"),
        ({"keyexchange": ""}, "IKE version of the host is neither, and Oracle expects ikev2"),
        ({"keyexchange": "", "ikev2": "no"}, "IKE version of the host is ikev1, and Oracle expects ikev2"),
        (
            {"ike": "aes_cbc256-sha2_384;dh14"},
            "ike of the host is aes_cbc256-sha2_384;dh14, and Oracle expects aes_cbc256-sha2_384;dh20",
        ),
        ({"esp": "aes_gcm128;dh20"}, "esp of the host is aes_gcm128, and Oracle expects aes_gcm256"),
        ({"esp": "aes_gcm256;dh14"}, "the PFS group of the host is dh14, and Oracle expects dh20"),
        ({"pfs": "no"}, "the PFS group of the host is None, and Oracle expects dh20"),
        ({"rightid": PRIVATE}, f"rightid of the host is {PRIVATE}, and Oracle expects {HEADEND}"),
        ({"leftsubnet": "10.0.0.0/16"}, "leftsubnet of the host is 10.0.0.0/16, and Oracle expects 0.0.0.0/0"),
        ({"authby": "rsasig"}, "authby of the host is rsasig, and Oracle expects secret"),
        ({"auto": "add"}, "auto of the host is add, and Oracle expects start"),
        ({"encapsulation": "auto"}, "encapsulation of the host is auto, and Oracle expects yes"),
    ],
)
def test_what_differs_in_the_conn_is_said(
    monkeypatch: pytest.MonkeyPatch, changed: dict[str, str], reason: str
) -> None:
    user_data = cloud_config(IN_STORE | {"/etc/ipsec.d/oci-ipsec.conf": conf(CONN | changed)})
    assert verdict(monkeypatch, Amazon(user_data)) == reason


@pytest.mark.parametrize("missing", sorted(CONN.keys() - {"right"}))
def test_each_line_of_the_conn_is_needed(missing: str) -> None:
    with pytest.raises(MismatchError, match=r" of the host is (None|neither), and Oracle expects "):
        check_conn({key: value for key, value in CONN.items() if key != missing}, end(), PRIVATE)


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        ({"customEncryptionAlgorithm": "AES_128_GCM"}, "aes_gcm128"),
        (
            {"customEncryptionAlgorithm": "AES_256_CBC", "customAuthenticationAlgorithm": "HMAC_SHA2_256_128"},
            "aes_cbc256-sha2_256",
        ),
    ],
)
def test_oracles_names_in_libreswans_words(there: dict[str, str], expected: str) -> None:
    far = end(phaseTwoDetails=TUNNEL["phaseTwoDetails"] | there)
    check_conn(CONN | {"esp": f"{expected};dh20"}, far, PRIVATE)
    with pytest.raises(MismatchError, match=f"^esp of the host is aes_gcm256, and Oracle expects {expected}$"):
        check_conn(CONN, far, PRIVATE)


@pytest.mark.parametrize(
    ("conn", "oracle"),
    [
        ({"esp": "aes_gcm256;dh14"}, {"dhGroup": "GROUP14"}),
        # Without a group of its own the child SA has the IKE SA's.
        ({"esp": "aes_gcm256"}, {"dhGroup": "GROUP20"}),
        ({"pfs": "no"}, {"isPfsEnabled": False}),
    ],
)
def test_forward_secrecy(conn: dict[str, str], oracle: dict[str, Any]) -> None:
    far = end(phaseTwoDetails=TUNNEL["phaseTwoDetails"] | oracle)
    check_forward_secrecy(CONN | conn, far)
    with pytest.raises(MismatchError, match="^the PFS group of the host is dh5, and Oracle expects"):
        check_forward_secrecy(CONN | {"esp": "aes_gcm256;dh5"}, far)


def test_with_ikev1_a_wrong_group_shows_at_once() -> None:
    """Quick mode makes the first child SA with perfect forward secrecy; IKE_AUTH of IKEv2 makes it without."""
    wrong = CONN | {"esp": "aes_gcm256;dh14"}
    check_conn(wrong, end(), PRIVATE)
    with pytest.raises(MismatchError, match="^esp of the host is aes_gcm256;dh14, and Oracle expects aes_gcm256;dh20$"):
        check_conn(wrong | {"keyexchange": "ikev1"}, end(ikeVersion="V1"), PRIVATE)


def test_tunnel_without_custom_algorithms_takes_what_oracle_recommends() -> None:
    plain = end(phaseOneDetails=defaults()["phaseOneDetails"], phaseTwoDetails=defaults()["phaseTwoDetails"])
    assert plain.ike == ("AES_256_CBC", "SHA2_384", "GROUP20")
    assert plain.child == ("AES_256_GCM", None, "GROUP5")


def test_identifier_of_the_connection_comes_before_the_cpes_address() -> None:
    named = end(CONNECTION | {"cpeLocalIdentifier": "198.51.100.9"})
    check_conn(CONN | {"leftid": "198.51.100.9"}, named, PRIVATE)
    with pytest.raises(
        MismatchError, match=r"^leftid of the host is 203\.0\.113\.1, and Oracle expects 198\.51\.100\.9$"
    ):
        check_conn(CONN, named, PRIVATE)


@pytest.mark.parametrize(
    ("said", "oracle"), [({"ikev2": "insist"}, "V2"), ({"ikev2": "no"}, "V1"), ({"keyexchange": "ikev1"}, "V1")]
)
def test_both_dialects_of_the_ike_version(said: dict[str, str], oracle: str) -> None:
    conn = {key: value for key, value in CONN.items() if key != "keyexchange"} | said
    check_conn(conn, end(ikeVersion=oracle), PRIVATE)


def test_two_conns_to_one_headend_are_refused() -> None:
    with pytest.raises(MismatchError, match=rf"^2 conns lead to {HEADEND}$"):
        conn_to({"/a.conf": conf(CONN), "/b.conf": conf(CONN, "other")}, HEADEND)


def test_conns_are_looked_for_in_conf_files_only() -> None:
    with pytest.raises(MismatchError, match=rf"^0 conns lead to {HEADEND}$"):
        conn_to({"/etc/note.txt": conf(CONN)}, HEADEND)


def test_parsing_conns() -> None:
    text = """# a comment
config setup
    ikev1-policy=accept

conn tunnel-1
    left=10.0.0.9
    # about the next line
    leftid = 203.0.113.1

\tike=aes_gcm256;dh20
conn tunnel-2
    right=192.0.2.7
config setup
    logtime=yes
"""
    assert parse_conns(text) == {
        "tunnel-1": {"left": "10.0.0.9", "leftid": "203.0.113.1", "ike": "aes_gcm256;dh20"},
        "tunnel-2": {"right": "192.0.2.7"},
    }
    assert parse_conns("") == {}


def test_files_of_user_data() -> None:
    assert files_of(gzip.compress(cloud_config({"/a": "x\n"}))) == {"/a": "x\n"}
    assert files_of(b"#cloud-config\nruncmd: []\n") == {}
