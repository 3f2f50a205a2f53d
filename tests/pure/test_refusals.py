"""Every setting that is refused, with the exact message: key, value, rule. A pre-shared key's value is in none."""

from __future__ import annotations

import pytest

from components import configuration, rules, user_data
from components.configuration import SettingError
from tests.pure.stacks import SECRET, VALID, parse, texts

GIVEN_VPC = {"vpcCidrs": None, "vpcId": "vpc-0123456789abcdef0"}
GIVEN_VCN = {"vcnCidrs": None, "vcnId": "ocid1.vcn.oc1.iad.x"}
TABLE, OTHER_TABLE = "rtb-0123456789abcdef0", "ocid1.routetable.oc1.iad.x"
KEY = "0123456789abcdefghijklmnopqrstuvwxyz"
RULE_OF_KEYS = "the value is refused: a pre-shared key is 32 to 64 letters and digits"
PRIVATE = (
    "it is outside RFC 1918 (10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16); set allowPublicCidrs to true if you own it "
    "and mean it"
)
APART = "so packets to it cannot be told apart"
TAG_KEY = "a key is 1 to 100 letters, digits or _ - : + = @ / (OCI takes no space or dot in one)"
MANY = [f"10.{n}.0.0/16" for n in range(11)]

Case = tuple[dict[str, object], str]
CASES: list[Case] = [
    # Unknown and missing keys.
    ({"vpcCIDR": "x"}, "vpcCIDR: no such key; did you mean vpcId?"),
    ({"zzz": "x"}, "zzz: no such key"),
    ({"compartmentId": None}, "compartmentId: it is required; set it with `pulumi config set compartmentId …`"),
    ({"compartmentId": ""}, "compartmentId: it is required; set it with `pulumi config set compartmentId …`"),
    # Form of single values.
    ({"compartmentId": "x"}, "compartmentId: 'x' is refused: an OCID that begins with ocid1.compartment."),
    ({"vpcCidrs": "10.0.0.0/16"}, "vpcCidrs: '10.0.0.0/16' is refused: Input should be a valid tuple"),
    ({"vpcCidrs": ["10.0.0.1/16"]}, "vpcCidrs[0]: '10.0.0.1/16' is refused: has host bits set; write 10.0.0.0/16"),
    (
        {"clientSubnetCidrs": ["10.0.1.0/24", "fd00::/8"]},
        "clientSubnetCidrs[1]: 'fd00::/8' is refused: not an IPv4 CIDR such as 10.0.0.0/16",
    ),
    ({"hostSubnetCidr": "10.0.0.0"}, "hostSubnetCidr: '10.0.0.0' is refused: not an IPv4 CIDR such as 10.0.0.0/16"),
    ({"proofTimeoutMinutes": 0}, "proofTimeoutMinutes: '0' is refused: Input should be greater than or equal to 1"),
    ({"proofTimeoutMinutes": 121}, "proofTimeoutMinutes: '121' is refused: Input should be less than or equal to 120"),
    ({"pathMtu": 1279}, "pathMtu: '1279' is refused: Input should be greater than or equal to 1280"),
    ({"pathMtu": 9002}, "pathMtu: '9002' is refused: Input should be less than or equal to 9001"),
    (
        {"upgradeWindow": "Sunday 3am"},
        "upgradeWindow: 'Sunday 3am' is refused: a day of the week and a time, as in Sun 03:00",
    ),
    (
        {"cloudWatchLogDays": 31},
        "cloudWatchLogDays: '31' is refused: days that CloudWatch keeps a log, one of 0, 1, 3, 5, 7, 14, 30, 60, 90, "
        "120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653",
    ),
    ({"alarms": True, "alarmEmail": "network"}, "alarmEmail: 'network' is refused: an e-mail address"),
    ({"alarms": True, "alarmEmail": "a b@example.com"}, "alarmEmail: 'a b@example.com' is refused: an e-mail address"),
    (
        {"alarmEmail": "network@example.com"},
        "alarmEmail: 'network@example.com' is refused: it is who gets the alarms, so alarms must be true",
    ),
    ({"rootVolumeGib": 9}, "rootVolumeGib: '9' is refused: Input should be greater than or equal to 10"),
    ({"imageRevision": 0}, "imageRevision: '0' is refused: Input should be greater than or equal to 1"),
    (
        {"networkAclFirstRule": 32001},
        "networkAclFirstRule: '32001' is refused: Input should be less than or equal to 32000",
    ),
    ({"ikeVersion": 3}, "ikeVersion: 3 is refused: Input should be 1 or 2"),
    ({"interfaceKind": "gre"}, "interfaceKind: 'gre' is refused: Input should be 'vti' or 'xfrm'"),
    (
        {"preSharedKeyDelivery": "email"},
        "preSharedKeyDelivery: 'email' is refused: Input should be 'parameterStore' or 'userData'",
    ),
    (
        {"cryptoProfile": "des"},
        "cryptoProfile: 'des' is refused: one of aes256gcm-group20, aes256gcm-group19, aes256gcm-group14, "
        "aes128gcm-group19, aes256cbc-group14, guide",
    ),
    (
        {"hostOs": "beos"},
        "hostOs: 'beos' is refused: one of debian-13, debian-12, ubuntu-24.04, amazon-linux-2023, oracle-linux-9, "
        "rhel-9",
    ),
    ({"instanceType": "big"}, "instanceType: 'big' is refused: not an EC2 instance type such as t3.small or t4g.small"),
    ({"imageId": "debian"}, "imageId: 'debian' is refused: an id such as ami-0123456789abcdef0"),
    ({**GIVEN_VPC, "vpcId": "vpc-x"}, "vpcId: 'vpc-x' is refused: an id such as vpc-0123456789abcdef0"),
    ({"kmsKeyArn": "alias/x"}, "kmsKeyArn: 'alias/x' is refused: the ARN of a KMS key"),
    ({"permissionsBoundaryArn": "x"}, "permissionsBoundaryArn: 'x' is refused: the ARN of an IAM policy"),
    (
        {"disposable": "maybe"},
        "disposable: 'maybe' is refused: Input should be a valid boolean, unable to interpret input",
    ),
    ({"tags": "x"}, "tags: 'x' is refused: Input should be a valid dictionary"),
    (
        {"vcnIngress": ["ssh"]},
        "vcnIngress[0]: 'ssh' is refused: all, icmp, tcp/PORT, tcp/FIRST-LAST, udp/PORT or udp/FIRST-LAST",
    ),
    (
        {"vcnIngress": ["tcp/70000"]},
        "vcnIngress[0]: 'tcp/70000' is refused: ports go from 1 to 65535, the first one first",
    ),
    (
        {"tunnel1InsideCidr": "169.254.169.0/30"},
        "tunnel1InsideCidr: '169.254.169.0/30' is refused: Amazon's metadata and time services are in 169.254.169.0/24",
    ),
    (
        {"tunnel2InsideCidr": "169.254.10.0/30"},
        "tunnel2InsideCidr: '169.254.10.0/30' is refused: Oracle reserves 169.254.10-19.x, 169.254.100-109.x and "
        "169.254.192-201.x",
    ),
    (
        {"tunnel1InsideCidr": "169.254.21.0/29"},
        "tunnel1InsideCidr: '169.254.21.0/29' is refused: an inside-tunnel network is a /30 or a /31",
    ),
    # Pre-shared keys: never the value.
    ({"tunnel1PreSharedKey": KEY[:31]}, f"tunnel1PreSharedKey: {RULE_OF_KEYS}"),
    ({"tunnel1PreSharedKey": KEY * 2}, f"tunnel1PreSharedKey: {RULE_OF_KEYS}"),
    ({"tunnel2PreSharedKey": KEY + "-"}, f"tunnel2PreSharedKey: {RULE_OF_KEYS}"),
    ({"tunnel2PreSharedKey": KEY + "é"}, f"tunnel2PreSharedKey: {RULE_OF_KEYS}"),
    ({"tunnel2PreSharedKey": f'["{KEY}"]'}, f"tunnel2PreSharedKey: {RULE_OF_KEYS}"),
    # Create or given.
    (
        {"vpcId": "vpc-0123456789abcdef0"},
        "vpcCidrs, vpcId: both are set: set vpcCidrs to create one, or vpcId to use a given one",
    ),
    (
        {"vpcCidrs": None},
        "vpcCidrs, vpcId: neither is set: set vpcCidrs to create one, or vpcId to use a given one",
    ),
    (
        {**GIVEN_VPC, "hostSubnetId": "subnet-0123456789abcdef0"},
        "hostSubnetCidr, hostSubnetId: both are set: set hostSubnetCidr to create one, or hostSubnetId to use "
        "a given one",
    ),
    (
        {"hostSubnetCidr": None},
        "hostSubnetCidr, hostSubnetId: neither is set: set hostSubnetCidr to create one, or hostSubnetId to use "
        "a given one",
    ),
    (
        {"vcnId": "ocid1.vcn.oc1.iad.x"},
        "vcnCidrs, vcnId: both are set: set vcnCidrs to create one, or vcnId to use a given one",
    ),
    ({"vcnCidrs": None}, "vcnCidrs, vcnId: neither is set: set vcnCidrs to create one, or vcnId to use a given one"),
    (
        {"hostSubnetCidr": None, "hostSubnetId": "subnet-0123456789abcdef0"},
        "hostSubnetId: 'subnet-0123456789abcdef0' is refused: it belongs to a given network, so vpcId must be set too",
    ),
    (
        {"routeTableIds": [TABLE]},
        f"routeTableIds: ('{TABLE}',) is refused: it belongs to a given network, so vpcId must be set too",
    ),
    (
        {"vcnRouteTableIds": [OTHER_TABLE]},
        f"vcnRouteTableIds: ('{OTHER_TABLE}',) is refused: it belongs to a given network, so vcnId must be set too",
    ),
    (
        {
            **GIVEN_VPC,
            "hostSubnetCidr": "",
            "hostSubnetId": "subnet-0123456789abcdef0",
            "availabilityZone": "us-east-1a",
        },
        "availabilityZone: 'us-east-1a' is refused: the given host subnet is in a zone already; it goes with "
        "hostSubnetCidr",
    ),
    (
        {**GIVEN_VPC, "networkAclId": "acl-0123456789abcdef0"},
        "networkAclId: 'acl-0123456789abcdef0' is refused: a created host subnet gets an ACL of its own; it goes with "
        "hostSubnetId",
    ),
    (
        {**GIVEN_VCN, "drgAttachmentId": "ocid1.drgattachment.oc1.iad.x"},
        "drgAttachmentId: 'ocid1.drgattachment.oc1.iad.x' is refused: it joins a given DRG and a given VCN, so "
        "drgId and vcnId must be set too",
    ),
    # Twice.
    (
        {**GIVEN_VPC, "routeTableIds": [TABLE, TABLE]},
        f"routeTableIds: '{TABLE}' is refused: it is there 2 times",
    ),
    (
        {"sshCidrs": ["192.0.2.0/24"] * 2, "sshKeyName": "ops"},
        "sshCidrs: '192.0.2.0/24' is refused: it is there 2 times",
    ),
    (
        {**GIVEN_VCN, "vcnRouteTableIds": [OTHER_TABLE] * 3},
        f"vcnRouteTableIds: '{OTHER_TABLE}' is refused: it is there 3 times",
    ),
    ({"vcnIngress": ["tcp/22", "tcp/22-22"]}, "vcnIngress: 'tcp-22' is refused: it is there 2 times"),
    # Networks.
    (
        {"vpcCidrs": ["100.64.0.0/16"], "hostSubnetCidr": "100.64.0.0/24"},
        f"vpcCidrs: 100.64.0.0/16 is refused: {PRIVATE}",
    ),
    ({"vcnCidrs": ["203.0.112.0/22"]}, f"vcnCidrs: 203.0.112.0/22 is refused: {PRIVATE}"),
    (
        {"vcnCidrs": ["10.0.128.0/17"]},
        f"vcnCidrs: 10.0.128.0/17 is refused: it overlaps 10.0.0.0/16 of vpcCidrs, {APART}",
    ),
    (
        {"vpcCidrs": ["10.0.0.0/16", "10.0.0.0/20"]},
        f"vpcCidrs: 10.0.0.0/20 is refused: it overlaps 10.0.0.0/16 of vpcCidrs, {APART}",
    ),
    (
        {"tunnel1InsideCidr": "172.16.9.0/30"},
        f"tunnel1InsideCidr: 172.16.9.0/30 is refused: it overlaps 172.16.0.0/16 of vcnCidrs, {APART}",
    ),
    (
        {"tunnel2InsideCidr": "169.254.21.0/31"},
        f"tunnel2InsideCidr: 169.254.21.0/31 is refused: it overlaps 169.254.21.0/30 of tunnel1InsideCidr, {APART}",
    ),
    (
        {"vpcCidrs": MANY},
        "vpcCidrs: 11 CIDRs are refused: each is a static route, and an IPSec connection takes at most 10",
    ),
    ({"vcnCidrs": [f"172.{n}.0.0/16" for n in range(16, 22)]}, "vcnCidrs: 6 CIDRs are refused: a VCN takes at most 5"),
    # Subnets.
    (
        {"hostSubnetCidr": "10.1.0.0/24"},
        "hostSubnetCidr: 10.1.0.0/24 is refused: it lies in none of vpcCidrs (10.0.0.0/16)",
    ),
    (
        {"clientSubnetCidrs": ["10.2.0.0/24"]},
        "clientSubnetCidrs: 10.2.0.0/24 is refused: it lies in none of vpcCidrs (10.0.0.0/16)",
    ),
    (
        {"vcnSubnetCidrs": ["172.17.0.0/24"]},
        "vcnSubnetCidrs: 172.17.0.0/24 is refused: it lies in none of vcnCidrs (172.16.0.0/16)",
    ),
    (
        {"clientSubnetCidrs": ["10.0.0.128/25"]},
        "clientSubnetCidrs: 10.0.0.128/25 is refused: it overlaps the subnet 10.0.0.0/24",
    ),
    (
        {"vcnSubnetCidrs": ["172.16.0.0/24", "172.16.0.0/25"]},
        "vcnSubnetCidrs: 172.16.0.0/25 is refused: it overlaps the subnet 172.16.0.0/24",
    ),
    ({"hostSubnetCidr": "10.0.0.0/29"}, "hostSubnetCidr: 10.0.0.0/29 is refused: a subnet is a /16 to a /28"),
    ({"vcnSubnetCidrs": ["172.16.0.0/31"]}, "vcnSubnetCidrs: 172.16.0.0/31 is refused: a subnet is a /16 to a /30"),
    ({"vpcCidrs": ["10.0.0.0/15"]}, "vpcCidrs: 10.0.0.0/15 is refused: the cloud takes a /16 to a /28"),
    ({"vcnCidrs": ["172.16.0.0/12"]}, "vcnCidrs: 172.16.0.0/12 is refused: the cloud takes a /16 to a /30"),
    # What does not go together.
    (
        {"ikeVersion": 1, "cryptoProfile": "aes256gcm-group20"},
        "cryptoProfile: 'aes256gcm-group20' is refused: with IKEv1 Libreswan knows groups 5 and 14 only; choose "
        "aes256gcm-group14, or ikeVersion 2",
    ),
    (
        {"interfaceKind": "xfrm", "hostOs": "debian-12"},
        "interfaceKind: 'xfrm' is refused: debian-12 has Libreswan 4.10, which does not come back on such an interface "
        "after a crash; choose vti, or debian-13",
    ),
    (
        {"kmsKeyArn": "arn:aws:kms:us-east-1:123456789012:key/x", "preSharedKeyDelivery": "userData"},
        "kmsKeyArn: it encrypts the parameters, so it goes with preSharedKeyDelivery parameterStore",
    ),
    (
        {"sshKeyName": "ops"},
        "sshCidrs, sshKeyName: one without the other: a login over SSH needs both, and none is needed with SSM",
    ),
    (
        {"sshKeyName": "ops", "sshCidrs": [f"192.0.2.{n}/32" for n in range(5)]},
        "sshCidrs: 5 CIDRs are refused: the network ACL has room for 4",
    ),
    (
        {"instanceProfileName": "ours", "permissionsBoundaryArn": "arn:aws:iam::123456789012:policy/x"},
        "permissionsBoundaryArn: it bounds a role that is created; with instanceProfileName none is",
    ),
    # Tags.
    (
        {"tags": {f"k{n}": "v" for n in range(8)}},
        "tags: 8 tags are refused: OCI takes 10 a resource, three of them are the program's own",
    ),
    ({"tags": {"a b": "v"}}, f"tags: 'a b': 'v' is refused: {TAG_KEY}"),
    ({"tags": {"Name": "v"}}, "tags: 'Name': 'v' is refused: the program sets it itself"),
    (
        {"definedTags": {"CostCenter": "42"}},
        "definedTags: 'CostCenter' is refused: a defined tag is written Namespace.Key",
    ),
]


def message(changes: dict[str, object]) -> str:
    with pytest.raises(SettingError) as refused:
        parse(**changes)
    assert refused.value.__cause__ is None
    return str(refused.value)


@pytest.mark.parametrize(
    ("changes", "expected"), CASES, ids=[f"{n}-{case[1].split(':')[0]}" for n, case in enumerate(CASES)]
)
def test_refusal(changes: dict[str, object], expected: str) -> None:
    """One fault, one line, no other."""
    assert message(changes).splitlines() == [expected]


@pytest.mark.parametrize("key", SECRET)
def test_a_key_in_plain_text_is_refused(key: str) -> None:
    with pytest.raises(SettingError) as refused:
        configuration.parse(texts({key: KEY}), ())
    assert str(refused.value) == f"{key}: it is in plain text; set it with `pulumi config set --secret {key}`"


def test_no_key_is_in_a_message_or_a_repr() -> None:
    for bad in (KEY[:20], KEY + "!", KEY * 3):
        assert bad[:20] not in message({"tunnel1PreSharedKey": bad, "hostOs": "beos"})
    settings = parse(tunnel1PreSharedKey=KEY, tunnel2PreSharedKey=KEY)
    assert KEY not in repr(settings) + str(settings) + repr(settings.tunnel) + settings.tunnel.model_dump_json()
    first, second = settings.tunnel.pre_shared_keys
    assert first is not None
    assert second is not None
    assert first.get_secret_value() == second.get_secret_value() == KEY


def test_every_fault_is_found_at_once_and_told_once() -> None:
    lines = message({"zzz": "x", "pathMtu": 1, "hostOs": "beos", "compartmentId": None}).splitlines()
    assert [line.split(":")[0] for line in lines] == ["zzz", "compartmentId", "pathMtu", "hostOs"]


def test_user_data_that_is_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings that pass the other rules reach the limit, so it is lowered here."""
    size = user_data.worst_case_size(parse())
    monkeypatch.setattr(rules, "LIMIT", size - 1)
    assert message({}) == (
        f"user-data: {size} bytes at worst after gzip are refused: EC2 takes {size - 1}; give fewer CIDRs or leave out "
        "options of the host"
    )
    monkeypatch.setattr(rules, "LIMIT", size)
    assert parse() == parse()


def test_what_is_overridable_on_purpose() -> None:
    settings = parse(allowPublicCidrs=True, vcnCidrs=["203.0.112.0/22"])
    assert [str(cidr) for cidr in settings.oci.vcn_cidrs] == ["203.0.112.0/22"]
    assert VALID["vcnCidrs"] == ["172.16.0.0/16"]
