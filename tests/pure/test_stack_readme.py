"""The stack's README: exactly the diagram of its settings. Does not prove how Pulumi Cloud shows it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import IPv4Network

from components.stack_readme import diagram, page
from lab.readme import REPOSITORY
from tests.pure.stacks import parse

DEV = """\
flowchart LR
  subgraph aws ["VPC 10.0.0.0/16"]
    host["Libreswan host<br/>debian-13, t3.small<br/>subnet 10.0.0.0/24"]
    address["elastic IP"] --- interface["network interface"] --- host
    clients1["client subnet<br/>10.0.1.0/24"] -->|routes to the VCN| interface
    keys["Parameter Store<br/>pre-shared keys"] -.-> host
  end
  subgraph oci ["VCN 172.16.0.0/16"]
    connection["IPSec connection<br/>with the elastic IP as CPE"] --- drg
    drg["DRG"]
    drg --- attachment["attachment"]
    attachment --- subnet1["private subnet<br/>172.16.0.0/24"]
  end
  host <==>|"tunnel-1: IKEv2, aes256gcm-group20<br/>169.254.21.0/30"| connection
  host <==>|"tunnel-2: IKEv2, aes256gcm-group20<br/>169.254.22.0/30"| connection"""

GIVEN = """\
flowchart LR
  subgraph aws ["VPC vpc-0a0a0a0a 10.20.0.0/16, 10.21.0.0/16"]
    host["Libreswan host<br/>debian-12, t4g.small<br/>subnet subnet-0b0b0b0b"]
    address["elastic IP"] --- interface["network interface"] --- host
    table1(["route table<br/>rtb-0c0c0c0c"]) -->|routes to the VCN| interface
    table2(["route table<br/>rtb-0d0d0d0d"]) -->|routes to the VCN| interface
  end
  subgraph oci ["VCN …vcn12345 172.20.0.0/16, 172.21.0.0/16"]
    connection["IPSec connection<br/>with the elastic IP as CPE"] --- drg
    drg(["DRG<br/>…drg12345"])
    drg --- attachment(["attachment<br/>…att12345"])
    attachment -.- route-table1(["route table<br/>…tab12345"])
    attachment -.- security-list1(["security list<br/>…lis12345"])
    attachment -.- network-security-group1(["network security group<br/>…gro12345"])
  end
  host <==>|"tunnel-1: IKEv1, guide<br/>192.168.9.0/31"| connection
  host <==>|"tunnel-2: IKEv1, guide<br/>192.168.9.2/31"| connection"""


def networks(*cidrs: str) -> Sequence[IPv4Network]:
    return [IPv4Network(cidr) for cidr in cidrs]


def test_diagram_of_the_example_stack() -> None:
    settings = parse(clientSubnetCidrs=["10.0.1.0/24"], vcnSubnetCidrs=["172.16.0.0/24"])
    assert diagram(settings, networks("10.0.0.0/16"), networks("172.16.0.0/16")) == DEV


def test_diagram_of_a_stack_on_given_networks() -> None:
    settings = parse(
        vpcCidrs=None,
        vpcId="vpc-0a0a0a0a",
        hostSubnetCidr=None,
        hostSubnetId="subnet-0b0b0b0b",
        routeTableIds=["rtb-0c0c0c0c", "rtb-0d0d0d0d"],
        vcnCidrs=None,
        vcnId="ocid1.vcn.oc1.iad.vcn12345",
        vcnRouteTableIds=["ocid1.routetable.oc1.iad.tab12345"],
        vcnSecurityListIds=["ocid1.securitylist.oc1.iad.lis12345"],
        vcnNetworkSecurityGroupIds=["ocid1.networksecuritygroup.oc1.iad.gro12345"],
        drgId="ocid1.drg.oc1.iad.drg12345",
        drgAttachmentId="ocid1.drgattachment.oc1.iad.att12345",
        ikeVersion=1,
        cryptoProfile="guide",
        tunnel1InsideCidr="192.168.9.0/31",
        tunnel2InsideCidr="192.168.9.2/31",
        preSharedKeyDelivery="userData",
        hostOs="debian-12",
        instanceType="t4g.small",
    )
    vpc, vcn = networks("10.20.0.0/16", "10.21.0.0/16"), networks("172.20.0.0/16", "172.21.0.0/16")
    assert diagram(settings, vpc, vcn) == GIVEN


def test_page_holds_the_diagram_and_places_for_outputs_that_exist() -> None:
    settings = parse(clientSubnetCidrs=["10.0.1.0/24"], vcnSubnetCidrs=["172.16.0.0/24"])
    text = page(settings, networks("10.0.0.0/16"), networks("172.16.0.0/16"))
    assert f"```mermaid\n{DEV}\n```\n" in text
    assert "{{" not in text
    exported = set(re.findall(r'pulumi\.export\(\s*"(\w+)"', (REPOSITORY / "__main__.py").read_text()))
    places = set(re.findall(r"\$\{outputs\.(\w+)\}", text))
    assert len(places) > 5
    assert places <= exported
    assert len(re.findall(r"\$\{", text)) == len(re.findall(r"\$\{outputs\.\w+\}", text))


def test_page_holds_no_pre_shared_key() -> None:
    key = "GivenKeyOfTunnelOne0123456789abcdefghijk"
    settings = parse(tunnel1PreSharedKey=key, preSharedKeyDelivery="userData")
    assert key not in page(settings, networks("10.0.0.0/16"), networks("172.16.0.0/16"))
