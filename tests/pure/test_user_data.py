"""User-data: the same bytes every time, and exactly the host's files in them.

Does not prove that cloud-init takes them (tests/parsers does).
"""

from __future__ import annotations

import base64
import gzip
import secrets
import string
from ipaddress import IPv4Address, IPv4Network

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from components import rules, user_data
from components.host_files import HostFacts, cloud_config, host_files
from components.packet_size import LARGEST_PATH_MTU, SMALLEST_PATH_MTU
from tests.pure.facts import every_dialect, host_facts
from tests.pure.stacks import parse

dialects = st.sampled_from(every_dialect())
addresses = st.integers(0, 2**32 - 1).map(IPv4Address)
networks = st.builds(
    lambda address, prefix: IPv4Network((address, prefix), strict=False), st.integers(0, 2**32 - 1), st.integers(8, 30)
)
facts = st.builds(
    lambda dialect, in_user_data, private, public, gateway, vpc, vcn, mtu: host_facts(
        *dialect,
        keys_in_user_data=in_user_data,
        private_address=private,
        public_address=public,
        gateway=gateway,
        vpc_cidrs=tuple(vpc),
        vcn_cidrs=tuple(vcn),
        path_mtu=mtu,
        upgrade_window="Sun 03:00",
    ),
    dialects,
    st.booleans(),
    addresses,
    addresses,
    addresses,
    st.lists(networks, min_size=1, max_size=10),
    st.lists(networks, min_size=1, max_size=5),
    st.integers(SMALLEST_PATH_MTU, LARGEST_PATH_MTU),
)


@settings(max_examples=30)
@given(st.text(max_size=3000))
def test_any_text_comes_back_and_is_encoded_the_same_twice(text: str) -> None:
    encoded = user_data.encode(text)
    assert gzip.decompress(base64.b64decode(encoded)).decode() == text
    assert user_data.encode(text) == encoded


def test_the_bytes_of_a_small_text_are_these_on_every_machine() -> None:
    packed = base64.b64decode(user_data.encode("#cloud-config\n"))
    # RFC 1952: magic, deflate, no flags, time 0, most compressed, Unix.
    assert packed[:10].hex() == "1f8b0800000000000203"
    assert user_data.encode("#cloud-config\n") == "H4sIAAAAAAACA1NOzskvTdFNzs9Ly0znAgAFVrO4DgAAAA=="
    assert user_data.size("#cloud-config\n") == len(packed)


@settings(max_examples=60)
@given(facts)
def test_the_yaml_is_exactly_the_files_and_the_first_boot(host: HostFacts) -> None:
    text = cloud_config(host)
    assert text.startswith("#cloud-config\n")
    document = yaml.safe_load(text)
    assert document["write_files"] == [
        {"path": file.path, "owner": "root:root", "permissions": file.mode, "content": file.content}
        for file in host_files(host)
    ]
    assert document["runcmd"] == [["/usr/local/lib/aws-oci-libreswan/boot"]]
    assert set(document) == {"write_files", "runcmd"}


@settings(max_examples=20)
@given(facts)
def test_equal_facts_give_equal_text(host: HostFacts) -> None:
    assert cloud_config(host) == cloud_config(host)


@pytest.mark.parametrize("delivery", ["parameterStore", "userData"])
def test_the_worst_case_is_no_smaller_than_what_may_really_come(delivery: str) -> None:
    """Random addresses and keys as long as they get, against the estimate that is made before they are known."""
    estimate = user_data.worst_case_size(parse(preSharedKeyDelivery=delivery))
    alphabet = string.ascii_letters + string.digits
    for _ in range(20):
        host = host_facts(keys_in_user_data=delivery == "userData")
        for tunnel in host.tunnels:
            if tunnel.pre_shared_key is not None:
                object.__setattr__(tunnel, "pre_shared_key", "".join(secrets.choice(alphabet) for _ in range(64)))
            object.__setattr__(tunnel, "headend", IPv4Address(secrets.randbits(32)))
        assert user_data.size(cloud_config(host)) <= estimate


def every_kind_of_networks() -> list[dict[str, object]]:
    """As many as the rules let through and as unlike as they get; or given ones, of which no more is known."""
    given_vpc = {
        "vpcCidrs": None,
        "vpcId": "vpc-0123456789abcdef0",
        "hostSubnetCidr": None,
        "hostSubnetId": "subnet-0123456789abcdef0",
        "routeTableIds": ["rtb-0123456789abcdef0"],
        "networkAclId": "acl-0123456789abcdef0",
    }
    given_vcn = {
        "vcnCidrs": None,
        "vcnId": "ocid1.vcn.oc1..example",
        "vcnRouteTableIds": ["ocid1.routetable.oc1..example"],
    }
    many_vpc = {"vpcCidrs": ["10.0.0.0/16", *(f"192.168.{n * 23 % 256}.{n * 16 % 256}/28" for n in range(9))]}
    many_vcn = {"vcnCidrs": [f"172.{16 + n * 3}.{n * 89 % 256}.{n * 48 % 256}/28" for n in range(5)]}
    return [{**vpc, **vcn} for vpc in (given_vpc, many_vpc) for vcn in (given_vcn, many_vcn)]


@pytest.mark.parametrize("networks", every_kind_of_networks(), ids=["given", "given VPC", "given VCN", "many"])
@pytest.mark.parametrize("dialect", every_dialect(), ids=lambda d: f"{d[0]}-ikev{d[1]}-{d[2]}")
def test_no_settings_reach_the_limit(
    dialect: tuple[str, int, str], networks: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert user_data.LIMIT == 16 * 1024
    monkeypatch.setattr(rules, "LIMIT", 2**20)
    os, version, kind = dialect
    chosen = parse(
        hostOs=os,
        ikeVersion=version,
        interfaceKind=kind,
        tunnel1InsideCidr="169.254.138.204/30",
        tunnel2InsideCidr="169.254.249.148/30",
        pathMtu=8877,
        upgradeWindow="Wed 17:49",
        cloudWatchLogDays=3653,
        **networks,
    )
    assert user_data.worst_case_size(chosen) <= user_data.LIMIT
